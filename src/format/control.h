/// \file
/// qmail's control files of many lines (rcpthosts, morercpthosts, virtualdomains, locals), edited
/// as vpopmail edits them, with every foreign line and comment left where it stands.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vstate {

/// Lines in vpopmail's order, as far as they are in it.
class SortedLines {
 public:
  SortedLines() = default;
  explicit SortedLines(std::vector<std::string> lines);
  [[nodiscard]] const std::vector<std::string>& all() const { return lines_; }
  [[nodiscard]] bool contains(std::string_view exact) const;
  /// Puts the line before the first one with a greater vpopmail_sort_key, else at the end. Returns
  /// false and changes nothing if this exact line is there already.
  bool insert(std::string line);
  /// Removes every line that equals `exact`. Returns false if there is none.
  bool remove(std::string_view exact);
  bool remove_if(const std::function<bool(std::string_view)>&);

 private:
  std::vector<std::string> lines_, keys_;  ///< a key for each line
  bool is_sorted_ = true;
};

class ControlFile {
 public:
  /// Takes any bytes; a missing newline at the end is fine.
  [[nodiscard]] static ControlFile parse(std::string_view bytes);

  /// The same bytes that were parsed while nothing is changed. A changed file ends with a newline.
  [[nodiscard]] std::string bytes() const;

  /// Byte for byte, without the newline.
  [[nodiscard]] bool has_line(std::string_view exact) const;

  /// All lines, comments and blank ones too, as vpopmail.c:count_rcpthosts counts them for its rule
  /// of fifty lines.
  [[nodiscard]] std::size_t line_count() const { return lines_.all().size(); }

  [[nodiscard]] const std::vector<std::string>& lines() const { return lines_.all(); }

  /// What qmail's control_readfile sees: without blanks, tabs at the end; without blank lines and
  /// lines that begin with "#". Blanks at the front stay, so such a line matches nothing.
  [[nodiscard]] std::vector<std::string> entries() const;

  /// Puts the line before the first one with a greater vpopmail_sort_key, else at the end, as
  /// vpopmail.c:update_file does with a file in order. Returns false and changes nothing if this
  /// exact line is there already.
  ///
  /// vpopmail sorts the whole file first when it finds it out of order, comments included. That
  /// tears comments from what they comment on and may turn round two lines for the same key, of
  /// which one is in force, so here the lines that exist keep their order.
  bool insert_sorted(std::string line);

  /// Removes every line that equals `exact`, as vpopmail.c:del_control does. Returns false if there
  /// is none.
  bool remove(std::string_view exact);

 private:
  SortedLines lines_;
  bool lacks_final_newline_ = false;
};

/// What vpopmail orders its lines by (vpopmail.c:extract_domain): the last two labels of the
/// domain, then the others from left to right, so "sub.example.com" becomes "example.com.sub".
/// `line` is a domain, a line of virtualdomains, or a line of users/assign ("+DOMAIN-:..."). Names
/// of five labels and more follow the same rule; vpopmail garbles their keys.
[[nodiscard]] std::string vpopmail_sort_key(std::string_view line);

/// What virtualdomains puts before the local part of addresses at exactly this domain; empty if
/// such mail is remote on purpose ("DOMAIN:"). Of several lines the last is in force, case does not
/// matter, lines without a colon count for nothing (qmail's constmap). Suffix and address lines
/// (".example.com", "user@example.com") are not looked at.
[[nodiscard]] std::optional<std::string> virtual_user(const ControlFile& virtualdomains,
                                                      std::string_view domain);

}  // namespace vstate
