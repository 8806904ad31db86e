// IMAP servers keep a folder's name in this spelling on the disk. One name must have one spelling:
// a folder that is spelt otherwise is another directory, and clients would see two. So decoding
// encodes again and compares.

#include "format/imap/modified_utf7.h"

#include <cstdint>
#include <vector>

#include "vstate/base/text.h"

namespace vstate {

namespace {

// Printable ASCII stands for itself; "&" too is written by the caller, which adds the "-".
bool is_direct(char c) { return c >= 0x20 && c <= 0x7e; }

// The higher byte comes first, as the RFC demands.
void append_utf16(std::string& bytes, std::uint32_t unit) {
  bytes.push_back(static_cast<char>(unit >> 8 & 0xff));
  bytes.push_back(static_cast<char>(unit & 0xff));
}

void append_code_point(std::string& utf16, std::uint32_t code) {
  // Characters beyond the first plane take two units.
  if (code < 0x10000) return append_utf16(utf16, code);
  append_utf16(utf16, 0xd800 + ((code - 0x10000) >> 10));
  append_utf16(utf16, 0xdc00 + ((code - 0x10000) & 0x3ff));
}

void append_utf8(std::string& out, std::uint32_t code) {
  const auto tail = [&](unsigned shift) {
    out.push_back(static_cast<char>(0x80 | (code >> shift & 0x3f)));
  };
  if (code < 0x80) {
    out.push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    out.push_back(static_cast<char>(0xc0 | code >> 6));
    tail(0);
  } else if (code < 0x10000) {
    out.push_back(static_cast<char>(0xe0 | code >> 12));
    tail(6);
    tail(0);
  } else {
    out.push_back(static_cast<char>(0xf0 | code >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

/// "&", the Base64 of UTF-16 with "," for "/" and without "=", "-".
void append_shifted(std::string& out, std::string& utf16) {
  if (utf16.empty()) return;
  auto text = base64_encode(utf16);
  text = replace_all(text.substr(0, text.find('=')), "/", ",");
  out.append("&").append(text).append("-");
  utf16.clear();
}

/// Appends what a shifted part says; false if it says nothing valid.
bool append_unshifted(std::string& out, std::string_view shifted) {
  auto text = replace_all(std::string(shifted), ",", "/");
  // The padding was left out when it was written; the decoder needs it.
  while (text.size() % 4 != 0) text.push_back('=');
  const auto bytes = base64_decode(text);
  if (!bytes || bytes->size() % 2 != 0) return false;
  for (std::size_t i = 0; i < bytes->size(); i += 2) {
    const auto unit = [&](std::size_t at) {
      return static_cast<std::uint32_t>(static_cast<std::uint8_t>((*bytes)[at]) << 8 |
                                        static_cast<std::uint8_t>((*bytes)[at + 1]));
    };
    const auto first = unit(i);
    if (first < 0xd800 || first > 0xdfff) {
      append_utf8(out, first);
      continue;
    }
    i += 2;
    // A second half without its first, or a first half at the end, is no character.
    if (first > 0xdbff || i >= bytes->size()) return false;
    const auto second = unit(i);
    if (second < 0xdc00 || second > 0xdfff) return false;
    append_utf8(out, 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00));
  }
  return true;
}

}  // namespace

std::string to_modified_utf7(std::string_view utf8) {
  std::string out;
  std::string utf16;  // what is to be shifted
  for (std::size_t i = 0; i < utf8.size();) {
    if (is_direct(utf8[i])) {
      // What must be shifted is gathered and written in one go, since two shifted parts in a row
      // would be another spelling.
      append_shifted(out, utf16);
      out.push_back(utf8[i]);
      if (utf8[i] == '&') out.push_back('-');
      ++i;
      continue;
    }
    const auto length = utf8_length(utf8, i);
    append_code_point(utf16, code_point(utf8.substr(i, length)));
    i += length;
  }
  append_shifted(out, utf16);
  return out;
}

std::optional<std::string> from_modified_utf7(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '&') {
      out.push_back(text[i]);
      continue;
    }
    const auto end = text.find('-', i);
    if (end == std::string_view::npos) return std::nullopt;
    if (end == i + 1)
      out.push_back('&');
    else if (!append_unshifted(out, text.substr(i + 1, end - i - 1)))
      return std::nullopt;
    i = end;
  }
  // This refuses ASCII that was shifted without need and bits left over in the last character of
  // Base64.
  if (!is_utf8(out) || to_modified_utf7(out) != text) return std::nullopt;
  return out;
}

}  // namespace vstate
