/// \file
/// vpopmail's counters for hashed directories ("big dir"): `.dir-control` of the cdb backend, and
/// the sequence of directories that follows from it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "vstate/base/result.h"

namespace vstate {

/// The eight lines of the file. The default is what vpopmail takes when there is none.
struct DirControl {
  std::uint64_t current_users = 0;  ///< approximate: failed additions count too
  int level = 0;
  int level_max = 3;
  std::array<int, 3> start{0, 0, 0};
  std::array<int, 3> end{61, 61, 61};
  std::array<int, 3> mod{0, 2, 4};  ///< where in `directory` the character of each level stands
  std::array<int, 3> index{0, 0, 0};
  std::string directory;  ///< where the next entry goes, relative: "", "0", "0/3"
  friend bool operator==(const DirControl&, const DirControl&) = default;
};

/// Reads as vcdb.c:vread_dir_control does, defect included: the third numbers of lines 4 to 7 are
/// not looked at and become equal to the second ones. So writing a parsed value gives what vpopmail
/// would write next ("0 2 2" on line 6), and the third numbers of two files are no difference
/// between them.
///
/// Fails with `invalid`, naming the line, on fewer than eight lines, on a line without its numbers
/// or with ones that vpopmail cannot have written, and on a directory with any byte but letters,
/// digits, and "/". A line behind the eighth replaces the directory, as it does for vpopmail.
[[nodiscard]] Result<DirControl> parse_dir_control(std::string_view bytes);
/// The same for text of our own: the third numbers count as they stand.
[[nodiscard]] Result<DirControl> parse_whole_dir_control(std::string_view bytes);

/// The eight lines as vcdb.c:vwrite_dir_control writes them; an empty directory is an empty line.
[[nodiscard]] std::string to_text(const DirControl&);

/// One addition, as bigdir.c:next_big_dir does it: counts the entry, steps to the next directory at
/// each multiple of 100, and returns the relative directory for the new entry ("" is the base).
///
/// `index` is carried as stored: it runs one ahead of the character from the opening of a level to
/// its first wrap. vpopmail's cdb backend reads the file anew for each addition, so repeating it
/// means `parse_dir_control(to_text(control))` between two calls; that matters for the third
/// numbers only, and for directories from addition 390,700 on.
std::string advance(DirControl&);

/// One deletion, as bigdir.c:dec_dir_control: the directory stays. Zero stays zero, where vpopmail
/// wraps around.
void retreat(DirControl&);

}  // namespace vstate
