// `route` answers what becomes of mail for an address, step by step, from the files that qmail and
// vpopmail would look at. It delivers nothing and runs none of the programs that it names.

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/server.h"
#include "qmail/router.h"
#include "vstate/base/text.h"

namespace vstate::cli {

namespace {

std::string to_text(const std::string& address, const Route& route) {
  auto lines = visible(address) + "\n";
  for (const auto& step : route.steps) lines += fmt::format("  {}\n", step);
  for (const auto& end : route.ends)
    lines += fmt::format("  {} {}: {}\n", is_good(end.outcome) ? "=" : "!", to_text(end.outcome),
                         end.text);
  return lines;
}

}  // namespace

Exit run_route(const CommonOptions& common, const std::vector<std::string>& addresses) {
  const auto session = open_to_read(common);
  if (!session) return Console::fail(session.error());
  // The tables are read once for all addresses.
  auto router = Router::load(*session->system, session->server, *session->store);
  if (!router) return Console::fail(router.error());
  const Console console(common);
  Exit result = Exit::done;
  for (const auto& address : addresses) {
    const auto route = router->trace(address);
    if (!route) return Console::fail(route.error());
    if (!console.tell(to_text(address, *route)))
      return Console::fail(Error{Errc::io, "standard output: cannot write", Scope::run});
    // An address that bounces is an answer and no error, but a script must see it.
    if (!route->is_good()) result = Exit::differences;
  }
  return result;
}

}  // namespace vstate::cli
