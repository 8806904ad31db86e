// `export` says the same for other mail servers: domain files as their tables, or, without a file,
// how a Dovecot on this machine asks the tables of vpopmail's database. What it writes holds hashes
// of passwords.

#include "engine/export.h"

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/server.h"
#include "host/host_file.h"

namespace vstate::cli {

namespace {

engine::ExportOptions export_options(const ExportOptions& options) {
  using Format = engine::ExportFormat;
  const auto format = options.format == "postfix" ? Format::postfix
                      : options.format == "ldif"  ? Format::ldif
                      : options.format == "csv"   ? Format::csv
                                                  : Format::dovecot;
  return {.format = format, .home = options.home, .owner = {options.uid, options.gid}};
}

Result<exports::Files> export_tables(const CommonOptions& common, const ExportOptions& options) {
  VSTATE_TRY_ASSIGN(auto session, open_to_read(common));
  return engine::export_tables(session, options.dovecot == "2.4" ? exports::DovecotVersion::v24
                                                                 : exports::DovecotVersion::v23);
}

Result<exports::Files> export_domains(const CommonOptions& common, const ExportOptions& options,
                                      const std::vector<engine::DomainFile>& files) {
  const auto chosen = export_options(options);
  // Files are exported anywhere; only homes as they are on this server need one.
  if (!engine::needs_server(chosen)) return engine::export_domains(files, chosen, nullptr);
  VSTATE_TRY_ASSIGN(auto session, open_to_read(common));
  return engine::export_domains(files, chosen, &session);
}

Exit write(const exports::Files& files, const std::string& output) {
  if (output.empty()) {
    // Which part of one text belongs into which file, nobody could tell.
    if (files.size() > 1) {
      Console::error("several files come of this; name a directory with -o");
      return Exit::usage;
    }
    // It holds hashes.
    if (const auto done = make_output_private(); !done) return Console::fail(done.error());
    return Console::print_all(files.empty() ? "" : files.begin()->second);
  }
  if (const auto made = make_private_directories(output); !made) return Console::fail(made.error());
  const auto directory = output + "/";
  for (const auto& [name, text] : files)
    if (const auto written = write_host_file(directory + name, text); !written)
      return Console::fail(written.error());
  return Exit::done;
}

}  // namespace

Exit run_export(const CommonOptions& common, const ExportOptions& options) {
  // Only Dovecot can ask a database for itself; all other formats are made of domain files.
  if (options.files.empty() && options.format != "dovecot") {
    Console::error("name the domain files to export");
    return Exit::usage;
  }
  Diagnostics diagnostics;
  const auto described = engine::read_domain_files(
      options.files,
      {.mail = options.mail, .secrets = options.secrets, .selection = common.selection},
      diagnostics);
  Console(common).report(diagnostics);
  if (diagnostics.has_errors()) return Exit::error;
  const auto files = options.files.empty() ? export_tables(common, options)
                                           : export_domains(common, options, described);
  return files ? write(*files, options.output) : Console::fail(files.error());
}

}  // namespace vstate::cli
