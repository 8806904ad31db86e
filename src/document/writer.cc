// How a value is spelt in TOML is decided once, so that two files that say the same are equal.

#include "document/writer.h"

#include <algorithm>

#include "vstate/base/text.h"

namespace vstate::document {

namespace {

bool is_bare_key(std::string_view key) {
  return !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
}

/// What is not seen: most people look at a file on a terminal, and judge it by what they see there.
std::string by_number(char32_t c) {
  constexpr char32_t longest_of_four = 0xFFFF;
  const auto number = static_cast<unsigned>(c);
  return c > longest_of_four ? fmt::format("\\U{:08X}", number) : fmt::format("\\u{:04X}", number);
}

std::string escape(std::string_view text, bool multi_line) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (const auto length = utf8_length(text, i); length > 1) {
      const auto character = text.substr(i, length);
      const auto code = code_point(character);
      out += is_seen(code) ? std::string(character) : by_number(code);
      i += length - 1;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    // Within triple quotes a quote stands for itself, unless three in a row or one at the end would
    // close them. Most control characters may not stand in TOML, even between quotes.
    if (c == '\\')
      out += "\\\\";
    else if (c == '"' && (!multi_line || text.substr(i, 3) == "\"\"\"" || i + 1 == text.size()))
      out += "\\\"";
    else if (c == '\n' && multi_line)
      out += '\n';
    else if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else if (c == '\r')
      out += "\\r";
    else if (byte < 0x20 || byte == 0x7f)
      out += by_number(byte);
    else
      out.push_back(c);
  }
  return out;
}

}  // namespace

std::string quoted(std::string_view text) { return fmt::format("\"{}\"", escape(text, false)); }

std::string quoted_bytes(std::string_view bytes) { return quoted(spell_bytes(bytes)); }

std::string key_text(std::string_view key) {
  return is_bare_key(key) ? std::string(key) : quoted(key);
}

std::string text_value(std::string_view text) {
  // A newline at the very end alone is easier to see as "\n" in one line.
  if (const auto end = text.find('\n'); end == std::string_view::npos || end + 1 == text.size())
    return quoted(text);
  return fmt::format("\"\"\"\n{}\"\"\"", escape(text, true));
}

void write_limits(Writer& out, std::string_view title, const Limits& limits) {
  out.raw(fmt::format("\n[{}]\n", title));
  std::vector<std::string> disable;
  for (const auto& name : limit_names()) {
    const auto found = limits.find(std::string(name.file_key));
    if (found == limits.end()) continue;
    if (name.kind == LimitKind::denial)
      disable.emplace_back(name.document_key);
    else
      out.value(name.document_key, std::to_string(found->second));
  }
  if (!disable.empty()) out.value("disable", word_array(disable));
}

void write_passwords(Writer& out, const Mailbox& mailbox) {
  // The reader refuses what is no hash under "password", so that a clear-text password there is not
  // overlooked.
  const bool is_unusable = kind_of(mailbox.password) == PasswordKind::unusable;
  out.text(is_unusable ? "unusable_password" : "password", spell_bytes(mailbox.password.reveal()));
  if (mailbox.clear_password)
    out.value("clear_password", quoted_bytes(mailbox.clear_password->reveal()));
}

void write_left_out(Writer& out, const LeftOut& item) {
  out.raw("\n[[left_out]]\n");
  out.value("what", quoted_bytes(item.address));
  out.value("why", quoted_bytes(item.why));
  if (item.messages > 0) out.value("messages", std::to_string(item.messages));
  if (item.bytes > 0) out.value("bytes", std::to_string(item.bytes));
}

}  // namespace vstate::document
