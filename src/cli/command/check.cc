// `check` reads files as every other command does, and needs no server: what it accepts is refused
// later only for what a server or an archive has or lacks.

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/server.h"
#include "engine/domain_file.h"
#include "engine/unmatched_patterns.h"

namespace vstate::cli {

Exit run_check(const CommonOptions& common, const PlanOptionsText& options) {
  Diagnostics diagnostics;
  std::vector<engine::ServerFile> servers;
  auto reading = read_options(common, options);
  reading.servers = &servers;
  const auto files = engine::read_domain_files(options.files, reading, diagnostics);
  Console(common).report(diagnostics);
  // What a file that cannot be read has is not known.
  if (diagnostics.has_errors()) return Exit::error;
  const auto checked = engine::check_patterns(common.selection, nullptr, files, servers);
  return checked ? Exit::done : Console::fail(checked.error());
}

}  // namespace vstate::cli
