/// \file
/// What users/cdb answers when qmail-lspawn asks it for a local part, and when vpopmail asks it
/// for a domain.
#pragma once

#include <optional>
#include <string_view>

#include "format/assign.h"
#include "vstate/base/result.h"

namespace vstate {

/// The line for a local part, its key in lower case, as qmail-lspawn.c:nughde_get finds it: a "="
/// line for all of it, else the longest "+" line, tried only where the prefix ends with a byte that
/// some "+" key ends with (the data of the record with the empty key). Nothing: qmail-getpw is
/// asked. Fails with `invalid` where qmail-lspawn defers: no such record, or fewer fields than six.
[[nodiscard]] Result<std::optional<AssignEntry>> find_assignment(std::string_view cdb,
                                                                 std::string_view local);

/// The "+DOMAIN-" line of a domain (vpopmail.c:vget_assign); `user` is the real domain. Nothing for
/// one that is not there or that is too short to be read.
[[nodiscard]] std::optional<AssignEntry> find_domain_assignment(std::string_view cdb,
                                                                std::string_view domain);

}  // namespace vstate
