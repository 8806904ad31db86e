/// \file
/// Lines that are taken out of a control file or put into it, each with where it stood, so that
/// they can be taken back later although others changed the file meanwhile. All other bytes stay as
/// they are.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vstate {

struct LineEdit {
  enum class Kind { add, remove };
  Kind kind = Kind::add;
  std::string line;       ///< without its newline
  std::size_t index = 0;  ///< its place
  std::optional<std::string> previous = {},
                             next = {};  ///< its neighbours then; nullopt: it had none
  bool lacked_newline = false;           ///< the file did not end with a newline before
  friend bool operator==(const LineEdit&, const LineEdit&) = default;
};

class EditableLines {
 public:
  [[nodiscard]] static EditableLines parse(std::string_view bytes);
  /// The bytes that were parsed, but for the edits.
  [[nodiscard]] std::string bytes() const;
  [[nodiscard]] const std::vector<std::string>& all() const { return lines_; }

  [[nodiscard]] LineEdit remove(std::size_t index);
  [[nodiscard]] LineEdit insert(std::size_t index, std::string line);
  [[nodiscard]] LineEdit append(std::string line) { return insert(lines_.size(), std::move(line)); }

  /// Undoes an edit. Several are undone from the last to the first; the bytes are then those from
  /// before, unless somebody else has changed them. A line that was taken out comes between its old
  /// neighbours; where they are not both there, where vpopmail would put it. Returns false if a
  /// line that was put in is not there.
  bool take_back(const LineEdit&);

 private:
  void describe(LineEdit&) const;
  void put_back(const LineEdit&);

  std::vector<std::string> lines_;
  bool lacks_newline_ = false;
};

}  // namespace vstate
