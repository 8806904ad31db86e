/// \file
/// The accounts of a domain as vpopmail's cdb backend keeps them: the text file `vpasswd`, and the
/// records of `vpasswd.cdb`. Hashes and clear-text passwords pass through here as plain text, so no
/// error shows any part of a line but its number and the name of a field.
#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "format/cdb.h"
#include "vstate/base/result.h"

namespace vstate::vpasswd {

/// The fields of one line as they stand, in their order.
struct Record {
  std::string name;
  std::string hash;  ///< crypt(3); empty is no password
  std::string uid_field;
  std::string gid_field;  ///< the flag word, decimal
  std::string gecos;
  std::string home;                  ///< absolute
  std::string quota;                 ///< pw_shell, "NOQUOTA" or such
  std::optional<std::string> clear;  ///< the eighth field, which only some builds write
  friend bool operator==(const Record&, const Record&) = default;
};

/// Eight fields if and only if `clear` has a value; no newline.
[[nodiscard]] std::string to_line(const Record&);

/// Bytes of the line with its newline. vpopmail 5.4 breaks lines above 255 in the cdb, 5.6 above
/// 511 (vcdb.c:make_vpasswd_cdb).
[[nodiscard]] std::size_t line_length(const Record&);

/// Whether a value can stand in a field: no newline, no NUL, and no ":" unless it `is_last` (only
/// the clear-text password is). The error names the field and never its value.
[[nodiscard]] Status check_field(std::string_view field_name, std::string_view value, bool is_last);

/// check_field over all fields; the name must not be empty either.
[[nodiscard]] Status check(const Record&);

/// What vpasswd.cdb holds for a name, back as a record: `data` is the line behind the first colon.
/// Fails with `invalid` on fewer than seven fields.
[[nodiscard]] Result<Record> from_cdb(std::string_view name, std::string_view data);

/// A line that is no record: vpopmail's readers lose it and all behind it.
struct Blemish {
  std::size_t line = 0;  ///< from 1
  std::string name;      ///< what stands before the first colon; empty if there is none
  std::string what;      ///< shows nothing of the line
};

class File {
 public:
  /// Takes any bytes. A line with fewer than six colons or a NUL is no record; it is named in
  /// blemishes(), and stands behind all records once the file is written. Blank lines go.
  [[nodiscard]] static File parse(std::string_view bytes);
  [[nodiscard]] const std::vector<Blemish>& blemishes() const { return blemishes_; }

  /// The lines in order. Lines that were not replaced are byte for byte as they were read.
  [[nodiscard]] const std::vector<Record>& records() const { return records_; }

  /// vpopmail leaves the last account of such a file out of the cdb (vcdb.c:make_vpasswd_cdb).
  [[nodiscard]] bool lacks_final_newline() const { return lacks_final_newline_; }

  /// The first of equal names, which is the one in force; null if there is none. Valid until the
  /// next change.
  [[nodiscard]] const Record* find(std::string_view name) const;

  /// Before the first name that is greater by bytes, else at the end (vcdb.c:vauth_adduser). Fails
  /// with `conflict` if the name is there, with `invalid` if a field cannot be written.
  Status insert(Record);
  /// The same for a batch, in the order of their names, in one pass over the file. Nothing is
  /// inserted when one of them cannot be.
  Status insert_all(std::vector<Record>);
  /// The whole line of the first record with this name. Fails with `not_found` or `invalid`.
  Status replace(Record);
  /// All lines with this name (vcdb.c:vauth_deluser). Fails with `not_found`.
  Status remove(std::string_view name);
  /// Takes out every line of each of these names; names that are not there are no error.
  void remove_all(const std::set<std::string, std::less<>>& names);

  /// Each line with its newline, the last one too, even if it was read without.
  [[nodiscard]] std::string bytes() const;

  /// What vcdb.c:make_vpasswd_cdb puts into vpasswd.cdb: the name, and the line behind its first
  /// colon, for each line.
  [[nodiscard]] cdb::Records cdb_records() const;

 private:
  std::vector<Record> records_;
  std::vector<std::string> lines_;      ///< the text of each record
  std::vector<std::string> bad_lines_;  ///< those of blemishes_ that are not blank
  std::vector<Blemish> blemishes_;
  /// Name -> position of its first record; made by the first look-up, dropped when positions move.
  mutable std::unordered_map<std::string, std::size_t> positions_;
  bool lacks_final_newline_ = false;
};

}  // namespace vstate::vpasswd
