/// \file
/// The parts of a domain, each read from its table. What is wrong is reported by the table, and a
/// part is returned all the same, so that all errors of a file are gathered.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "document/table.h"
#include "vstate/document/document.h"
#include "vstate/model/state.h"

namespace vstate::document {

[[nodiscard]] Mailbox read_mailbox(Table&, Places&);
/// Its secrets alone.
void read_passwords(Table&, Mailbox&);
void read_key(Table&, List&);
[[nodiscard]] Autoresponder read_autoresponder(Table&);
/// `name` is the list's, as `places` has it.
[[nodiscard]] List read_list(Table&, const std::string& name, Places& places);
/// An archive and its increments, if `owner` has that key.
[[nodiscard]] std::optional<ArchiveRef> read_archive(Table& owner, std::string_view key, Places&);
/// All [[file]] tables.
void read_files(Table& top, State&, Places&);
/// The table "limits" of another; nothing if it has none.
[[nodiscard]] std::optional<Limits> read_limits(Table& owner);
/// All [[left_out]] tables.
[[nodiscard]] std::vector<LeftOut> read_left_out(Table& top);
/// The format version under `key`, which the file must have.
void check_version(Table& top, std::string_view key);

}  // namespace vstate::document
