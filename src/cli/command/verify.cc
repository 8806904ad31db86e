// `verify` compares a server with domain files and follows each address to its end. It changes
// nothing and ends with 2 if anything is not as a file says. A file that cannot be read counts as
// failed, and the others are verified all the same.

#include "engine/verify.h"

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/server.h"
#include "cli/tally.h"
#include "cli/view/settings_view.h"
#include "cli/view/verify_view.h"
#include "engine/lanes.h"
#include "engine/unmatched_patterns.h"

namespace vstate::cli {

namespace {

struct Verified {
  Result<engine::Verification> result;
  Diagnostics diagnostics;
};

Exit show(const Console& console, const std::string& domain, engine::Depth depth,
          const Verified& done) {
  const auto& [verified, diagnostics] = done;
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
  const auto depth = options.deep ? engine::Depth::content : engine::Depth::names_and_sizes;
  const auto chosen = plan_options(common, options);
  engine::InOrder<Verified> run(
      *session, engine::lanes_for(*session, common.jobs, files.size()), files.size(),
      [&](const Result<engine::Session*>& lane, std::size_t item) {
        if (!lane) return Verified{propagate(lane), {}};
        Diagnostics found;
        auto verified = engine::verify(**lane, files[item], chosen, depth, found);
        return Verified{std::move(verified), std::move(found)};
      });
  for (const auto& file : files) {
    const auto& name = file.state.name.text();
    tally.add(name, show(console, name, depth, run.next()));
  }
  if (const auto summary = tally.summary(); !summary.empty()) console.say(summary);
  return tally.exit(false);
}

}  // namespace vstate::cli
