// Bytes and ASCII text, without the C library's locale: qmail and vpopmail fold A to Z and nothing
// else, so a name that another locale would fold stays another name. What is from a server may hold
// any byte and is never assumed to be UTF-8.

#include "vstate/base/text.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>
#include <openssl/evp.h>

namespace vstate {

std::string to_lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::string to_upper(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return out;
}

bool is_digits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Digits only: strtoull(3) would take a sign and blanks in front, and wrap a negative number into a
// large one.
std::optional<std::uint64_t> to_number(std::string_view text) {
  std::uint64_t value = 0;
  if (!is_digits(text)) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string_view trim_end(std::string_view text) {
  // A carriage return stays: qmail does not strip it, so a line with one matches nothing there.
  const auto last = text.find_last_not_of(" \t\n");
  return last == std::string_view::npos ? std::string_view() : text.substr(0, last + 1);
}

std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> out;
  // The loop ends at the end of the text, so that a final newline ends its line and does not begin
  // an empty one.
  while (!text.empty()) {
    const auto end = text.find('\n');
    out.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return out;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> out;
  // Unlike with lines, the part behind the last separator counts, also when it is empty.
  while (true) {
    const auto end = text.find(separator);
    out.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end + 1);
  }
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  return fmt::format("{}", fmt::join(parts, separator));
}

std::string join_lines(const std::vector<std::string>& lines) {
  std::string out;
  for (const auto& line : lines) out.append(line).push_back('\n');
  return out;
}

std::string replace_all(std::string text, std::string_view from, std::string_view to) {
  // The search goes on behind what was put in: a replacement that holds `from` is not replaced
  // again.
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

namespace {

/// False if the first two bytes of a sequence of three or four rule out that it is a character.
bool may_begin_character(unsigned first, unsigned second) {
  // Code points have one spelling only; a longer one could smuggle a character past a check.
  const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
  // The halves of UTF-16 pairs are no characters in UTF-8.
  const bool surrogate = first == 0xED && second > 0x9F;
  // Unicode ends at U+10FFFF.
  const bool too_large = first == 0xF4 && second > 0x8F;
  return !overlong && !surrogate && !too_large;
}

}  // namespace

std::size_t utf8_length(std::string_view text, std::size_t at) {
  // Past the end there are zeros, which begin and continue no sequence, so a text that is cut off
  // needs no check of its own.
  const auto byte = [&](std::size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const auto follows = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned first = byte(at);
  if (at >= text.size()) return 0;
  if (first < 0x80) return 1;
  // 0xC0 and 0xC1 could only spell ASCII in two bytes, which is no valid UTF-8.
  if (first >= 0xC2 && first <= 0xDF) return follows(at + 1) ? 2 : 0;
  if (!may_begin_character(first, byte(at + 1))) return 0;
  if (first >= 0xE0 && first <= 0xEF) return follows(at + 1) && follows(at + 2) ? 3 : 0;
  if (first >= 0xF0 && first <= 0xF4)
    return follows(at + 1) && follows(at + 2) && follows(at + 3) ? 4 : 0;
  return 0;
}

bool is_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto length = utf8_length(text, at);
    if (length == 0) return false;
    at += length;
  }
  return true;
}

char32_t code_point(std::string_view sequence) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(sequence[i]); };
  // The first byte has as many ones in front as there are bytes, or none.
  const auto marks = sequence.size() == 1 ? 1U : sequence.size() + 1;
  auto value = static_cast<char32_t>(byte(0) & (0xFFU >> marks));
  for (std::size_t i = 1; i < sequence.size(); ++i) value = value << 6U | (byte(i) & 0x3FU);
  return value;
}

bool is_seen(char32_t c) {
  struct Range {
    char32_t first, last;
  };
  // C1 characters steer terminals: U+009B begins a sequence as ESC [ does. Others have no width,
  // begin a line, or turn the order in which all that follows is read.
  constexpr std::array hidden{
      Range{0x00, 0x1F},     Range{0x7F, 0x9F},      Range{0xAD, 0xAD},     Range{0x034F, 0x034F},
      Range{0x061C, 0x061C}, Range{0x115F, 0x1160},  Range{0x17B4, 0x17B5}, Range{0x180B, 0x180F},
      Range{0x200B, 0x200F}, Range{0x2028, 0x202E},  Range{0x2060, 0x206F}, Range{0x3164, 0x3164},
      Range{0xFE00, 0xFE0F}, Range{0xFEFF, 0xFEFF},  Range{0xFFA0, 0xFFA0}, Range{0xFFF0, 0xFFFB},
      Range{0xFFFE, 0xFFFF}, Range{0xE0000, 0xE0FFF}};
  return std::none_of(hidden.begin(), hidden.end(),
                      [c](const Range& range) { return c >= range.first && c <= range.last; });
}

// What can be seen stays, so that names in UTF-8 can be read.
std::string visible(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto length = utf8_length(text, at);
    // A byte that is no character may be one of C1 where the terminal does not speak UTF-8.
    const auto shown = text.substr(at, std::max<std::size_t>(length, 1));
    if (length > 0 && is_seen(code_point(shown)))
      out += shown;
    else
      for (const char byte : shown)
        out += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
    at += shown.size();
  }
  return out;
}

std::string base64_encode(std::string_view bytes) {
  // EVP_EncodeBlock writes a NUL behind its text, for which one byte more is kept and then cut off.
  std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                     reinterpret_cast<const unsigned char*>(bytes.data()),
                                     static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(length));
  return out;
}

std::optional<std::string> base64_decode(std::string_view text) {
  // EVP_DecodeBlock takes blanks and counts the padding as data, so both are settled here.
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  const auto body = text.substr(0, text.size() - padding);
  const auto is_code = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/';
  };
  if (!std::all_of(body.begin(), body.end(), is_code)) return std::nullopt;
  std::string out(text.size() / 4 * 3 + 1, '\0');
  const int length = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                     reinterpret_cast<const unsigned char*>(text.data()),
                                     static_cast<int>(text.size()));
  // The library counts three bytes for each four characters, padding included.
  if (length < 0) return std::nullopt;
  out.resize(static_cast<std::size_t>(length) - padding);
  return out;
}

std::string closest(std::string_view word, const std::vector<std::string_view>& known) {
  // Levenshtein's distance, with one row of the table at a time: letters that are missing, too
  // many, or exchanged for others.
  const auto distance = [](std::string_view a, std::string_view b) {
    std::vector<std::size_t> row(b.size() + 1);
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
      std::size_t diagonal = row[0];
      row[0] = i;
      for (std::size_t j = 1; j <= b.size(); ++j) {
        const auto above = row[j];
        row[j] =
            std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0U : 1U)});
        diagonal = above;
      }
    }
    return row[b.size()];
  };
  std::string best;
  // Up to two wrong letters are a slip of the finger; more than that would suggest words at random.
  std::size_t least = 3;
  for (const auto one : known) {
    const auto found = distance(word, one);
    if (found < least) {
      least = found;
      best = one;
    }
  }
  return best;
}

std::string with_thousands(std::uint64_t value) {
  std::string out = std::to_string(value);
  // Inserting from the end leaves the places in front of it as they were counted.
  for (std::size_t at = out.size(); at > 3;) out.insert(at -= 3, 1, ',');
  return out;
}

std::string human_bytes(std::uint64_t bytes) {
  constexpr std::array units{"KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < units.size(); ++unit) value /= 1024;
  // Quotas are mostly round numbers, and "100 MiB" reads better than "100.0 MiB".
  const bool whole = value == static_cast<double>(static_cast<std::uint64_t>(value));
  return whole ? fmt::format("{:.0f} {}", value, units[unit])
               : fmt::format("{:.1f} {}", value, units[unit]);
}

}  // namespace vstate
