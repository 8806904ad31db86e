/// \file
/// How wide a text is on a terminal, and how it is made to fit.
#pragma once

#include <locale.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace vstate::view {

/// Counts columns as wcwidth(3) does in a locale of its own: that of the program stays "C", since
/// names and lines of mail servers are bytes. Several threads may use one.
///
/// Text is UTF-8 without control characters (base/text.h:visible). What the locale cannot show, and
/// each byte that is no UTF-8, takes one column.
class Ruler {
 public:
  /// As setlocale(3) takes it; empty: what the environment says. "C.UTF-8" if there is no such
  /// locale here: ssh brings names of locales along that only the other machine has.
  explicit Ruler(const std::string& locale = "");
  ~Ruler();
  Ruler(const Ruler&) = delete;
  Ruler& operator=(const Ruler&) = delete;

  [[nodiscard]] std::size_t columns(std::string_view text) const;
  /// The text with blanks behind it, up to so many columns.
  [[nodiscard]] std::string padded(std::string text, std::size_t width) const;
  /// The text, or as much of its beginning as stands before `mark` in so many columns. What
  /// combines with a character stays with it.
  [[nodiscard]] std::string cut(std::string_view text, std::size_t width,
                                std::string_view mark) const;
  /// Lines of at most so many columns, broken at blanks, and within a word that is longer. From the
  /// second on they begin with `indent` blanks, which must be fewer than `width`. Width 0: one
  /// line.
  [[nodiscard]] std::string folded(std::string_view text, std::size_t width,
                                   std::size_t indent) const;

 private:
  /// The bytes of the longest beginning that takes at most so many columns; at least one character
  /// if `takes_one`.
  [[nodiscard]] std::size_t fitting(std::string_view text, std::size_t width, bool takes_one) const;

  locale_t locale_;
};

}  // namespace vstate::view
