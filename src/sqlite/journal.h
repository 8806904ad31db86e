/// \file
/// SQLite's rollback journal, read without writing: what a database was before a transaction that
/// a killed process left half way. Follows "The Rollback Journal" of SQLite's file format.
#pragma once

#include <string>
#include <string_view>

namespace vstate::sqlite {

/// The pages of `database` as the next writer of it will roll them back by `journal`. A journal
/// that was not begun yet, or that is cut, gives back what it holds, as SQLite does.
[[nodiscard]] std::string rolled_back(std::string database, std::string_view journal);

}  // namespace vstate::sqlite
