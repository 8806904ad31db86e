// The texts are made in the export module; here is where they get what is not in the file: homes,
// owners, and limits, as they are on this server or as a person names them.

#include "engine/export.h"

#include "format/limits_file.h"
#include "inspect/inspect.h"
#include "store/account_tables.h"
#include "sys/path.h"
#include "vstate/base/text.h"
#include "vstate/model/limits.h"

namespace vstate::engine {

namespace {

/// "/srv/mail/{domain}/{name}" for each mailbox.
void set_homes(const std::string& home, exports::Input& input) {
  const auto of_domain = replace_all(home, "{domain}", input.state.name.text());
  for (const auto& [name, mailbox] : input.state.mailboxes)
    input.homes[name.text()] = replace_all(of_domain, "{name}", name.text());
}

/// The homes that the accounts of a domain have on this server.
Status find_homes(Session& session, exports::Input& input) {
  VSTATE_TRY_ASSIGN(const auto found,
                    inspect_domain(*session.system, session.server, *session.store, *session.qmail,
                                   input.state.name));
  input.homes = found.condition.paths.homes;
  input.owner = found.condition.owner;
  return {};
}

exports::Files files_of(ExportFormat format, const exports::Input& input) {
  switch (format) {
    case ExportFormat::dovecot:
      return exports::dovecot_users(input);
    case ExportFormat::postfix:
      return exports::postfix(input);
    case ExportFormat::ldif:
      return exports::ldif(input);
    case ExportFormat::csv:
      return exports::csv(input);
  }
  return {};
}

/// What limits that are in files close: vlimits.default, and without the table the domains' own.
Status find_denials(const Session& session, const std::vector<DomainName>& domains,
                    AccountTables& tables) {
  const auto& server = session.server;
  const auto path = path_join(server.vpopmail_dir, "etc/vlimits.default");
  VSTATE_TRY_ASSIGN(const auto bytes, session.system->read_if_there(path));
  tables.default_denials = denials_by(parse_limits(bytes.value_or("")).limits);
  // With the table, the queries ask for the domains' limits themselves.
  if (!tables.limit_columns.empty()) return {};
  for (const auto& domain : domains) {
    const auto* entry = session.qmail->find(domain.text());
    if (entry == nullptr) continue;
    VSTATE_TRY_ASSIGN(const auto own,
                      session.store->limits().read({domain, entry->directory, server.owner}));
    if (own) tables.domain_denials.emplace(domain.text(), denials_by(*own));
  }
  return {};
}

}  // namespace

bool needs_server(const ExportOptions& options) {
  // Only Dovecot's file names homes, and only where nobody has said where they will be.
  return options.format == ExportFormat::dovecot && options.home.empty();
}

Result<exports::Files> export_domains(const std::vector<DomainFile>& files,
                                      const ExportOptions& options, Session* session) {
  exports::Files all;
  // One table for all domains has one line with the names of its columns.
  if (options.format == ExportFormat::csv) all["accounts.csv"] = exports::csv_header();
  for (const auto& file : files) {
    exports::Input input{file.state, {}, options.owner};
    if (!options.home.empty()) set_homes(options.home, input);
    if (needs_server(options)) {
      VSTATE_ASSERT(session != nullptr);
      VSTATE_TRY(find_homes(*session, input));
    }
    // Texts of one name are joined: Dovecot reads one file for all domains.
    for (const auto& [name, text] : files_of(options.format, input)) all[name] += text;
  }
  return all;
}

Result<exports::Files> export_tables(Session& session, exports::DovecotVersion version) {
  const auto domains = real_domains(*session.qmail);
  VSTATE_TRY_ASSIGN(auto tables, read_account_tables(*session.system, session.server, domains));
  if (!tables)
    return fail(Errc::unsupported,
                "this server keeps its accounts in files, which Dovecot no longer reads; export a "
                "domain's file instead",
                Scope::run);
  VSTATE_TRY(find_denials(session, domains, *tables));
  return exports::dovecot_sql(*tables, version);
}

}  // namespace vstate::engine
