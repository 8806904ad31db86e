// `verify` compares a server with domain files and follows each address to its end. It changes
// nothing and ends with 2 if anything is not as a file says. A file that cannot be read counts as
// failed, and the others are verified all the same.

#include "engine/verify.h"

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/server.h"
#include "cli/settings_view.h"
#include "cli/tally.h"
#include "engine/patterns.h"
#include "view/detail.h"
#include "vstate/base/text.h"

namespace vstate::cli {

namespace {

std::string difference_line(const std::string& domain, const Action& action) {
  const auto detail = view::detail_of(action);
  return fmt::format("  ! {}: {} is not as the file says{}\n", domain, address_of(action),
                     detail.empty() ? "" : ": " + detail);
}

std::string to_text(const std::string& domain, const engine::Verification& result, bool is_deep) {
  std::string out;
  // What people changed here since the last apply is theirs, so it is told and is no difference.
  for (const auto& note : result.kept)
    out += fmt::format("  = {}\n",
                       visible(fmt::format("{}{} {}", note.subject_kind,
                                           note.name.empty() ? "" : " " + note.name, note.text)));
  for (const auto& action : result.differences) out += difference_line(domain, action);
  for (const auto& problem : result.problems) out += fmt::format("  ! {}\n", problem);
  const auto count = result.differences.size() + result.problems.size();
  if (count == 0)
    return out + fmt::format("{} is whole{}: {} addresses routed, {} archives checked{}.\n", domain,
                             result.kept.empty() ? "" : " but for what was changed here",
                             with_thousands(result.addresses), with_thousands(result.archives),
                             is_deep ? " by content" : "");
  return out + fmt::format("{}: {} thing{} not as the file says.\n", domain, with_thousands(count),
                           count == 1 ? " is" : "s are");
}

Exit verify_file(const Console& console, const CommonOptions& common,
                 const PlanOptionsText& options, engine::Session& session,
                 const engine::DomainFile& file) {
  const auto& domain = file.state.name.text();
  Diagnostics diagnostics;
  const auto verified = engine::verify(
      session, file, plan_options(common, options),
      options.deep ? engine::Depth::content : engine::Depth::names_and_sizes, diagnostics);
  console.report(diagnostics);
  if (!verified) return Console::fail(verified.error().in(domain));
  // An archive that is damaged does not say which mail should be here.
  if (diagnostics.has_errors()) return Exit::error;
  if (!console.tell(to_text(domain, *verified, options.deep)))
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
  const auto files = engine::read_domain_files(options.files,
                                               {.mail = options.mail,
                                                .selection = common.selection,
                                                .unreadable = &unreadable,
                                                .servers = &servers},
                                               diagnostics);
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
