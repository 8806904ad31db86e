/// \file
/// The parts of a canonical TOML text: the same values give the same bytes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "vstate/model/limits.h"
#include "vstate/model/state.h"
#include "vstate/model/template.h"

namespace vstate::document {

[[nodiscard]] std::string quoted(std::string_view text);
/// Bytes that no template is made of.
[[nodiscard]] std::string quoted_bytes(std::string_view bytes);
[[nodiscard]] std::string key_text(std::string_view key);
/// Text of more than one line stands as it is read, between triple quotes.
[[nodiscard]] std::string text_value(std::string_view text);

template <class Strings>
std::vector<std::string> spelt(const Strings& values) {
  std::vector<std::string> out;
  out.reserve(values.size());
  for (const auto& value : values) out.push_back(spell_bytes(value));
  return out;
}

template <class Strings>
std::string array(const Strings& values) {
  if (values.empty()) return "[]";
  // One value stands on the line of its key; of several each has a line, so that adding one changes
  // one line.
  if (values.size() == 1) return fmt::format("[{}]", quoted(*values.begin()));
  std::string out = "[\n";
  for (const auto& value : values) out += fmt::format("  {},\n", quoted(value));
  return out + "]";
}

/// Short words stay on one line: a set of flags is one fact.
template <class Strings>
std::string word_array(const Strings& words) {
  std::vector<std::string> parts;
  parts.reserve(words.size());
  for (const auto& word : words) parts.push_back(quoted(word));
  return fmt::format("[{}]", fmt::join(parts, ", "));
}

/// Tables and their keys, one after the other.
class Writer {
 public:
  void table(std::string_view kind, std::string_view name, std::string_view sub = {}) {
    out_ += fmt::format("\n[{}.{}{}{}]\n", kind, key_text(name), sub.empty() ? "" : ".", sub);
  }
  void raw(std::string_view text) { out_ += text; }
  void value(std::string_view key, std::string_view text) {
    out_ += fmt::format("{} = {}\n", key_text(key), text);
  }
  void text(std::string_view key, std::string_view value_text) {
    if (!value_text.empty()) value(key, text_value(value_text));
  }
  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

/// The secrets of a mailbox, in its table.
void write_passwords(Writer&, const Mailbox&);

/// A table of limits.
void write_limits(Writer&, std::string_view title, const Limits&);
/// What the source has and the file has not.
void write_left_out(Writer&, const LeftOut&);

}  // namespace vstate::document
