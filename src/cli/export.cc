#include "export/export.h"

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/host_file.h"
#include "cli/session.h"
#include "format/assign.h"
#include "format/limits_file.h"
#include "store/account_tables.h"
#include "vstate/base/text.h"
#include "vstate/model/limits.h"

namespace vstate::cli {

namespace {

/// "/srv/mail/{domain}/{name}" for one mailbox.
std::string home_from(std::string home, const std::string& domain, const std::string& name) {
  return replace_all(replace_all(std::move(home), "{domain}", domain), "{name}", name);
}

void add(exports::Files& all, const exports::Files& more) {
  for (const auto& [name, text] : more) all[name] += text;
}

/// The homes that the accounts of a domain have on this server.
Status find_homes(const CommonOptions& common, exports::Input& input) {
  VSTATE_TRY_ASSIGN(const auto session, open_session(common, Access::read));
  VSTATE_TRY_ASSIGN(const auto found,
                    inspect_domain(*session.system, session.server, *session.store, *session.qmail,
                                   input.state.name));
  input.homes = found.condition.paths.homes;
  input.owner = found.condition.owner;
  return {};
}

Result<exports::Files> export_files(const CommonOptions& common, const ExportOptions& options,
                                    Diagnostics& diagnostics) {
  exports::Files all;
  if (options.format == "csv") all["accounts.csv"] = exports::csv_header();
  const auto described = read_domain_files(options.files, options.mail, diagnostics, {});
  for (const auto& file : described) {
    exports::Input input{file.state, {}, {options.uid, options.gid}};
    if (!options.home.empty())
      for (const auto& [mailbox, value] : file.state.mailboxes)
        input.homes[mailbox.text()] =
            home_from(options.home, file.state.name.text(), mailbox.text());
    else if (options.format == "dovecot")
      VSTATE_TRY(find_homes(common, input));
    if (options.format == "dovecot") add(all, exports::dovecot_users(input));
    if (options.format == "postfix") add(all, exports::postfix(input));
    if (options.format == "ldif") add(all, exports::ldif(input));
    if (options.format == "csv") add(all, exports::csv(input));
  }
  return all;
}

/// What limits that are in files close: vlimits.default, and without the table the domains' own.
Status find_denials(const Session& session, const std::vector<DomainName>& domains,
                    AccountTables& tables) {
  const auto& server = session.server;
  const auto path = path_join(server.vpopmail_dir, "etc/vlimits.default");
  VSTATE_TRY_ASSIGN(const auto bytes, session.system->read_if_there(path));
  tables.default_denials = denials_by(parse_limits(bytes.value_or("")).limits);
  if (!tables.limit_columns.empty()) return {};
  for (const auto& domain : domains) {
    const auto* entry = session.qmail->find(domain.text());
    if (entry == nullptr) continue;
    VSTATE_TRY_ASSIGN(const auto own,
                      session.store->read_limits({domain, entry->directory, server.owner}));
    if (own) tables.domain_denials.emplace(domain.text(), denials_by(*own));
  }
  return {};
}

/// What a Dovecot on this server needs to read the tables that vpopmail reads.
Result<exports::Files> export_tables(const CommonOptions& common, const ExportOptions& options) {
  VSTATE_TRY_ASSIGN(const auto session, open_session(common, Access::read));
  const auto domains = real_domains(*session.qmail);
  VSTATE_TRY_ASSIGN(auto tables, read_account_tables(*session.system, session.server, domains));
  if (!tables)
    return fail(Errc::unsupported,
                "this server keeps its accounts in files, which Dovecot no longer reads; export a "
                "domain's file instead",
                Scope::run);
  VSTATE_TRY(find_denials(session, domains, *tables));
  return exports::dovecot_sql(*tables, options.dovecot == "2.4" ? exports::DovecotVersion::v24
                                                                : exports::DovecotVersion::v23);
}

}  // namespace

Exit run_export(const CommonOptions& common, const ExportOptions& options) {
  Diagnostics diagnostics;
  if (options.files.empty() && options.format != "dovecot") {
    Console::error("name the domain files to export");
    return Exit::usage;
  }
  const auto files = options.files.empty() ? export_tables(common, options)
                                           : export_files(common, options, diagnostics);
  if (!files) return Console::fail(files.error());
  Console(common).report(diagnostics);
  if (diagnostics.has_errors()) return Exit::error;
  if (options.output.empty()) {
    if (files->size() > 1) {
      Console::error("several files come of this; name a directory with -o");
      return Exit::usage;
    }
    // It holds hashes.
    if (const auto done = make_output_private(); !done) return Console::fail(done.error());
    return Console::print_all(files->empty() ? "" : files->begin()->second);
  }
  if (const auto made = make_private_directories(options.output); !made)
    return Console::fail(made.error());
  for (const auto& [name, text] : *files)
    if (const auto written = write_host_file(options.output + "/" + name, text); !written)
      return Console::fail(written.error());
  return Exit::done;
}

}  // namespace vstate::cli
