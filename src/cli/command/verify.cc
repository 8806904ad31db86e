// `verify` compares a server with domain files and follows each address to its end. It changes
// nothing and ends with 2 if anything is not as a file says. A file that cannot be read counts as
// failed, and the others are verified all the same.

#include "engine/verify.h"

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/server.h"
#include "cli/settings_view.h"
#include "cli/tally.h"
#include "cli/verify_view.h"
#include "engine/patterns.h"

namespace vstate::cli {

namespace {

Exit verify_file(const Console& console, const CommonOptions& common,
                 const PlanOptionsText& options, engine::Session& session,
                 const engine::DomainFile& file) {
  const auto& domain = file.state.name.text();
  Diagnostics diagnostics;
  const auto depth = options.deep ? engine::Depth::content : engine::Depth::names_and_sizes;
  const auto verified =
      engine::verify(session, file, plan_options(common, options), depth, diagnostics);
  console.report(diagnostics);
  if (!verified) return Console::fail(verified.error().in(domain));
  // An archive that is damaged does not say which mail should be here.
  if (diagnostics.has_errors()) return Exit::error;
  if (!console.tell(text_of(domain, *verified, depth)))
    return Console::fail(Error{Errc::io, "standard output: cannot write", Scope::run});
  return verified->is_whole() ? Exit::done : Exit::differences;
}

}  // namespace

Exit run_verify(const CommonOptions& common, const PlanOptionsText& options) {
  auto session = open_to_read(common);
  if (!session) return Console::fail(session.error());
  const Console console(common);
  Tally tally;
  Diagnostics diagnostics;
  std::vector<std::string> unreadable;
  std::vector<engine::ServerFile> servers;
  auto reading = read_options(common, options);
  reading.unreadable = &unreadable;
  reading.servers = &servers;
  const auto files = engine::read_domain_files(options.files, reading, diagnostics);
  console.report(diagnostics);
  // The name of the file stands in for the domain's, which is not known.
  for (const auto& name : unreadable) tally.add(name, Exit::error);
  if (diagnostics.has_errors() && unreadable.empty()) return Exit::error;
  if (const auto checked = engine::check_patterns(common.selection, &*session, files, servers);
      !checked)
    return Console::fail(checked.error());
  for (const auto& file : servers)
    tally.add_settings(verify_settings(console, *session, file, common, options));
  // One server is opened for all files, so that they are compared with the same qmail tables.
  for (const auto& file : files)
    tally.add(file.state.name.text(), verify_file(console, common, options, *session, file));
  if (const auto summary = tally.summary(); !summary.empty()) console.say(summary);
  return tally.exit(false);
}

}  // namespace vstate::cli
