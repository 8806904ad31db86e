/// \file
/// qmail's users/assign, and the records that qmail-newu makes of it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "format/cdb.h"
#include "format/control.h"
#include "vstate/base/result.h"

namespace vstate {

/// One line, its fields as they stand: "+KEY:USER:UID:GID:HOME:DASH:EXT:", or "=" for a key that
/// stands for itself only. The fields are the arguments of qmail-local.
struct AssignEntry {
  bool wildcard = true;
  std::string key;   ///< "example.com-" for a domain
  std::string user;  ///< for vpopmail the real domain, also in the line of an alias domain
  std::string uid;
  std::string gid;
  std::string home;
  std::string dash;
  std::string ext;
  friend bool operator==(const AssignEntry&, const AssignEntry&) = default;
};

/// The line without newline, as vpopmail.c:add_domain_assign writes it.
[[nodiscard]] std::string to_line(const AssignEntry&);

/// The entry of a domain, as vpopmail.c:add_domain_assign makes it: for an alias domain `real` is
/// another name than `domain`.
[[nodiscard]] AssignEntry domain_entry(std::string_view domain, std::string_view real,
                                       std::string_view uid, std::string_view gid,
                                       std::string_view home);

/// A line of users/assign that qmail-newu does not take: it exits 111 and leaves users/cdb as it
/// was.
struct AssignBlemish {
  std::size_t line = 0;  ///< from 1
  std::string what;
};

class AssignFile {
 public:
  /// A file without entries: the "." line alone.
  AssignFile() = default;

  /// Takes any bytes. Lines that qmail-newu does not take are kept as they stand and are no
  /// entries: a blank line, a comment, a NUL, no key, fewer than six colons after the key.
  [[nodiscard]] static AssignFile parse(std::string_view bytes);

  /// What qmail-newu exits 111 for; a file without the "." line is named by its last line.
  [[nodiscard]] const std::vector<AssignBlemish>& blemishes() const { return blemishes_; }

  /// The lines up to the ".", the ".", and whatever was behind it. qmail ignores what is behind the
  /// ".", while vpopmail's next edit would bring it into force; here it stays where it is. A file
  /// that lacked the "." has one once it was changed.
  [[nodiscard]] std::string bytes() const;

  /// Those in force, that is above the ".", in the order of the file.
  [[nodiscard]] std::vector<AssignEntry> entries() const;

  /// The wildcard "DOMAIN-"; the first of several is in force, and case does not matter.
  [[nodiscard]] std::optional<AssignEntry> find_domain(std::string_view domain) const;

  /// Names, lower-case, with their entries, in the order of the file: lines that begin with "+"
  /// and whose key holds a "." and ends with "-" (vpopmail.c:get_domain_entries). Of several lines
  /// for one name only the first.
  [[nodiscard]] std::vector<std::pair<std::string, AssignEntry>> domains() const;

  [[nodiscard]] bool has_line(std::string_view exact) const;

  /// Puts the line where vpopmail.c:update_file does; see ControlFile::insert_sorted. Returns false
  /// and changes nothing if this exact line is there already. An older line with an equal key would
  /// stay in force: remove it first. A field with a colon, a newline, or a NUL is a bug of the
  /// caller.
  bool insert_sorted(const AssignEntry&);

  /// Removes every line above the "." that equals `exact`. Returns false if there is none.
  bool remove(std::string_view exact);
  /// The same for a line spelt as `to_line` does.
  bool remove(const AssignEntry& entry) { return remove(std::string_view(to_line(entry))); }
  /// Removes every line with the wildcard key "DOMAIN-", whatever else it says.
  bool remove_domain(std::string_view domain);

 private:
  void changed();
  void make_index() const;

  SortedLines lines_;        ///< above the "."
  std::string end_ = ".\n";  ///< the "." line and all behind it
  bool lacks_final_newline_ = false;
  std::vector<AssignBlemish> blemishes_;
  /// Lower-case wildcard key without its dash -> the entry in force; made by the first look-up.
  mutable std::unordered_map<std::string, AssignEntry> by_domain_;
  mutable bool has_index_ = false;
};

/// What qmail-newu puts into users/cdb: a record for each line, then one with the empty key that
/// holds the last characters of all wildcard keys, each once.
[[nodiscard]] cdb::Records assign_records(const AssignFile&);

/// The key of a domain in users/cdb, by which vpopmail.c:vget_assign finds it: "!DOMAIN-".
[[nodiscard]] std::string assign_cdb_key(std::string_view domain);

/// The data of a record of users/cdb as an entry of that key. Nothing for fewer than six fields;
/// what is behind the sixth does not count.
[[nodiscard]] std::optional<AssignEntry> entry_of_data(std::string_view key, std::string_view data);

/// A wildcard record of users/cdb as an entry; `key` is as stored, with the "!". Nothing for simple
/// records, for the record with the empty key, and for data with fewer than six fields.
[[nodiscard]] std::optional<AssignEntry> entry_of_record(std::string_view key,
                                                         std::string_view data);

}  // namespace vstate
