/// \file
/// Typed access to a parsed TOML table that reports what it does not like, with its place.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "document/keys.h"
#include "document/toml.h"
#include "vstate/base/diagnostics.h"

namespace vstate::document {

/// Whether a text, its bytes as read_bytes reads them, is more than one line.
[[nodiscard]] bool has_line_end(std::string_view text);

/// One table of the file: where it and its values stand, and what is wrong with them. A key that it
/// may not have is an error.
class PlacedTable {
 public:
  /// `title` names the table in messages: "mailbox.alice".
  PlacedTable(const toml::table& table, std::string title, const Keys& keys,
              const std::string& file, Diagnostics& diagnostics);

  [[nodiscard]] bool has(std::string_view key) const { return table_.contains(key); }
  [[nodiscard]] const std::string& title() const { return title_; }
  [[nodiscard]] const toml::table& node() const { return table_; }
  [[nodiscard]] Place place() const { return place_of(table_); }
  [[nodiscard]] Place place(std::string_view key) const;
  [[nodiscard]] Place place_of(const toml::node& node) const;

  void error(std::string_view key, std::string what, std::string remedy = {});
  void error_at(Place place, std::string what, std::string remedy = {});
  void warn_at(Place place, std::string what);
  /// A key without which the table says nothing.
  bool require(std::string_view key);
  /// Reports what is wrong with a template that stands at `place`.
  void check_text(std::string_view text, const Place& place, std::string_view what);

 protected:
  [[nodiscard]] std::string named(std::string_view key) const;
  void wrong_type(std::string_view key, const toml::node& node, std::string_view wanted);

  const toml::table& table_;
  std::string title_;
  const std::string& file_;
  Diagnostics& diagnostics_;
};

/// Whether a template is text, whatever its placeholders stand for.
[[nodiscard]] bool is_legible(std::string_view text);

/// Its values, asked for by key. One of another type is an error.
class Table : public PlacedTable {
 public:
  using PlacedTable::PlacedTable;
  /// Another table of the same file.
  [[nodiscard]] Table open(const toml::table&, std::string title, const Keys&) const;

  [[nodiscard]] std::optional<std::string> string(std::string_view key);
  /// Bytes as spell_bytes spells them.
  [[nodiscard]] std::optional<std::string> bytes(std::string_view key);
  [[nodiscard]] std::optional<bool> boolean(std::string_view key);
  /// A whole number between `minimum` and 2^63-1.
  [[nodiscard]] std::optional<std::int64_t> number(std::string_view key, std::int64_t minimum = 0);
  /// A date-time with an offset.
  [[nodiscard]] std::optional<std::chrono::sys_seconds> time(std::string_view key);
  /// A list of strings with the place of each.
  struct Item {
    std::string text;
    Place place;
  };
  [[nodiscard]] std::vector<Item> strings(std::string_view key);
  /// The same of bytes().
  [[nodiscard]] std::vector<Item> byte_strings(std::string_view key);
  [[nodiscard]] const toml::table* table(std::string_view key);
  /// Like string(), checked as a template.
  [[nodiscard]] std::optional<std::string> text(std::string_view key);
  /// A template of what is text, as looks_like_text knows it: other bytes would not be found again.
  [[nodiscard]] std::optional<std::string> legible(std::string_view key);
  /// Delivery lines: templates without newlines.
  [[nodiscard]] std::vector<std::string> lines(std::string_view key);
};

}  // namespace vstate::document
