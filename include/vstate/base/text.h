/// \file
/// Small operations on bytes and ASCII text. Locale never matters: qmail and vpopmail fold ASCII
/// only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vstate {

[[nodiscard]] std::string to_lower(std::string_view);
[[nodiscard]] std::string to_upper(std::string_view);
[[nodiscard]] bool is_digits(std::string_view);  ///< non-empty, 0-9 only
/// The whole text as a decimal number; nothing for a sign, blanks, or more than 64 bits.
[[nodiscard]] std::optional<std::uint64_t> to_number(std::string_view);

/// Without blanks, tabs, and newlines at the end, as qmail's control_readline leaves a line.
[[nodiscard]] std::string_view trim_end(std::string_view);

/// The lines of a text without their '\n'. A text that lacks the last newline loses nothing; an
/// empty text has no lines.
[[nodiscard]] std::vector<std::string_view> split_lines(std::string_view);
[[nodiscard]] std::vector<std::string_view> split(std::string_view, char separator);
/// The parts are views: they would outlive a temporary text.
std::vector<std::string_view> split_lines(std::string&&) = delete;
std::vector<std::string_view> split(std::string&&, char separator) = delete;
[[nodiscard]] std::string join(const std::vector<std::string>&, std::string_view separator);
/// Each line followed by '\n'.
[[nodiscard]] std::string join_lines(const std::vector<std::string>&);

[[nodiscard]] std::string replace_all(std::string text, std::string_view from, std::string_view to);

/// Length in bytes of the valid UTF-8 sequence that starts at `at`; 0 if there is none.
[[nodiscard]] std::size_t utf8_length(std::string_view text, std::size_t at);
[[nodiscard]] bool is_utf8(std::string_view);
/// The character that a valid sequence is.
[[nodiscard]] char32_t code_point(std::string_view sequence);
/// Whether a character is seen as itself, and does nothing to the terminal or to what stands beside
/// it.
[[nodiscard]] bool is_seen(char32_t);

/// With all that is no character to be seen as "\\x0a": control characters, bytes that are not
/// UTF-8, marks without width or that turn the order of reading. A name or a line must not steer
/// the terminal that it is shown on, nor look like another one. A text that was made visible stays
/// so.
[[nodiscard]] std::string visible(std::string_view text);

[[nodiscard]] std::string base64_encode(std::string_view bytes);
[[nodiscard]] std::optional<std::string> base64_decode(std::string_view text);

/// The known word that a misspelt one is closest to; empty if none is close.
[[nodiscard]] std::string closest(std::string_view word,
                                  const std::vector<std::string_view>& known);

/// 1234567 as "1,234,567".
[[nodiscard]] std::string with_thousands(std::uint64_t);
/// 47290112 as "45.1 MiB"; whole numbers without a fraction.
[[nodiscard]] std::string human_bytes(std::uint64_t);

}  // namespace vstate
