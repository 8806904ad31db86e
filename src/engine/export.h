/// \file
/// Files for other mail systems, made of domain files or of this server's tables.
#pragma once

#include <string>
#include <vector>

#include "engine/domain_file.h"
#include "engine/session.h"
#include "export/export.h"

namespace vstate::engine {

enum class ExportFormat { dovecot, postfix, ldif, csv };

struct ExportOptions {
  ExportFormat format = ExportFormat::dovecot;
  /// Of mailboxes, with {domain} and {name}; empty: as the accounts have them on this server.
  std::string home = {};
  Owner owner = {};  ///< of the mail, with `home`
};

/// Whether an export looks at this server.
[[nodiscard]] bool needs_server(const ExportOptions&);
/// `session` may be null unless needs_server().
[[nodiscard]] Result<exports::Files> export_domains(const std::vector<DomainFile>&,
                                                    const ExportOptions&, Session*);
/// What a Dovecot on this server needs to read the tables that vpopmail reads. Fails with
/// `unsupported` on a server that keeps its accounts in files.
[[nodiscard]] Result<exports::Files> export_tables(Session&, exports::DovecotVersion);

}  // namespace vstate::engine
