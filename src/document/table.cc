// Reads values out of a parsed table and reports each that is not as wanted, with its place.
// Nothing here stops at the first error: a person who has written a file wants to hear of all that
// is wrong with it at once. An absent key and one of a wrong type both give nothing; only the
// latter is an error.

#include "document/table.h"

#include <algorithm>
#include <chrono>

#include <fmt/format.h>

#include "format/legible.h"
#include "model/fields.h"
#include "vstate/base/text.h"
#include "vstate/model/template.h"

namespace vstate::document {

namespace {

std::string_view type_name(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "a whole number";
    case toml::node_type::floating_point:
      return "a fraction";
    case toml::node_type::boolean:
      return "a boolean";
    case toml::node_type::date:
      return "a date without a time";
    case toml::node_type::time:
      return "a time without a date";
    case toml::node_type::date_time:
      return "a date and time";
    default:
      return "nothing";
  }
}

/// A hash that stands where a key belongs must not get into a log.
std::string shown_key(std::string_view key) {
  const bool may_be_secret = key.find_first_of("$:{ ") != std::string_view::npos;
  return may_be_secret
             ? fmt::format("of {} characters (not shown: it may be a password)", key.size())
             : fmt::format("\"{}\"", key);
}

}  // namespace

// An escape of a byte may stand for a newline that the text itself does not show.
bool has_line_end(std::string_view text) {
  return read_bytes(text).find('\n') != std::string::npos;
}

PlacedTable::PlacedTable(const toml::table& table, std::string title, const Keys& keys,
                         const std::string& file, Diagnostics& diagnostics)
    : table_(table), title_(std::move(title)), file_(file), diagnostics_(diagnostics) {
  for (const auto& [key, node] : table) {
    // A key that is not known is never passed over: a misspelt one would leave out what its writer
    // meant to say.
    if (std::find(keys.begin(), keys.end(), key.str()) != keys.end()) continue;
    const auto meant = closest(key.str(), keys);
    const auto source = key.source().begin;
    error_at({file_, source.line, source.column},
             fmt::format("unknown key {}{}", shown_key(key.str()),
                         title_.empty() ? "" : fmt::format(" in [{}]", title_)),
             meant.empty() ? "" : fmt::format("did you mean \"{}\"?", meant));
  }
}

Place PlacedTable::place_of(const toml::node& node) const {
  return {file_, node.source().begin.line, node.source().begin.column};
}

Place PlacedTable::place(std::string_view key) const {
  const auto* node = table_.get(key);
  // What is missing is told with the place of the table that lacks it.
  return node != nullptr ? place_of(*node) : place();
}

std::string PlacedTable::named(std::string_view key) const {
  return title_.empty() ? std::string(key) : fmt::format("{}.{}", title_, key);
}

void PlacedTable::error(std::string_view key, std::string what, std::string remedy) {
  error_at(place(key), fmt::format("{}: {}", named(key), what), std::move(remedy));
}

void PlacedTable::error_at(Place place, std::string what, std::string remedy) {
  diagnostics_.error(std::move(place), std::move(what), std::move(remedy));
}

void PlacedTable::wrong_type(std::string_view key, const toml::node& node,
                             std::string_view wanted) {
  error_at(place_of(node),
           fmt::format("{}: is {}, {} is wanted", named(key), type_name(node), wanted));
}

bool PlacedTable::require(std::string_view key) {
  if (has(key)) return true;
  error_at(place(),
           fmt::format("{}: \"{}\" is missing", title_.empty() ? "the file" : title_, key));
  return false;
}

void PlacedTable::warn_at(Place place, std::string what) {
  diagnostics_.warning(std::move(place), std::move(what));
}

void PlacedTable::check_text(std::string_view text, const Place& where, std::string_view what) {
  // Only the form of the template is checked; what its names lead to is the matter of
  // document/references.
  for (const auto& problem : check_template(text))
    error_at(where, fmt::format("{}: {}", what, problem.what));
}

bool is_legible(std::string_view text) {
  // Placeholders stand for paths, which are text.
  const auto literal = expand_pathless(text);
  return !literal || looks_like_text(*literal);
}

// A table that is opened for another part refuses the keys that this part does not have, as the
// first one did.
Table Table::open(const toml::table& table, std::string title, const Keys& keys) const {
  return {table, std::move(title), keys, file_, diagnostics_};
}

std::optional<std::string> Table::string(std::string_view key) {
  const auto* node = table_.get(key);
  if (node == nullptr) return std::nullopt;
  if (const auto* value = node->as_string()) return value->get();
  wrong_type(key, *node, "a string");
  return std::nullopt;
}

std::optional<std::string> Table::bytes(std::string_view key) {
  auto text = string(key);
  if (text) *text = read_bytes(*text);
  return text;
}

std::optional<bool> Table::boolean(std::string_view key) {
  const auto* node = table_.get(key);
  if (node == nullptr) return std::nullopt;
  if (const auto* value = node->as_boolean()) return value->get();
  wrong_type(key, *node, "true or false");
  return std::nullopt;
}

std::optional<std::int64_t> Table::number(std::string_view key, std::int64_t minimum) {
  const auto* node = table_.get(key);
  if (node == nullptr) return std::nullopt;
  const auto* value = node->as_integer();
  if (value == nullptr) {
    wrong_type(key, *node, "a whole number");
    return std::nullopt;
  }
  if (value->get() < minimum) {
    error(key, fmt::format("is {}, at least {} is wanted", value->get(), minimum));
    return std::nullopt;
  }
  return value->get();
}

std::optional<std::chrono::sys_seconds> Table::time(std::string_view key) {
  const auto* node = table_.get(key);
  if (node == nullptr) return std::nullopt;
  const auto* value = node->as_date_time();
  // Without an offset it would be another moment on each server.
  if (value == nullptr || !value->get().offset) {
    wrong_type(key, *node, "a date and time with its offset, such as 2026-01-31T08:00:00Z");
    return std::nullopt;
  }
  const auto& parts = value->get();
  // The time zone of this machine has no part in it, as with mktime it would.
  const auto date = std::chrono::year(parts.date.year) / static_cast<int>(parts.date.month) /
                    static_cast<int>(parts.date.day);
  using std::chrono::hours, std::chrono::minutes, std::chrono::seconds;
  const auto at = std::chrono::sys_days(date) + hours(parts.time.hour) +
                  minutes(parts.time.minute) + seconds(parts.time.second) -
                  minutes(parts.offset->minutes);
  if (has_utc_text(at)) return at;
  error(key, "is in no year from 0 to 9999 in UTC");
  return std::nullopt;
}

std::vector<Table::Item> Table::strings(std::string_view key) {
  std::vector<Item> items;
  const auto* node = table_.get(key);
  if (node == nullptr) return items;
  const auto* values = node->as_array();
  if (values == nullptr) {
    wrong_type(key, *node, "an array of strings");
    return items;
  }
  // Each element that is no string is reported by itself, and the others are taken.
  for (const auto& value : *values) {
    if (const auto* text = value.as_string())
      items.push_back({text->get(), place_of(value)});
    else
      wrong_type(key, value, "a string");
  }
  return items;
}

std::vector<Table::Item> Table::byte_strings(std::string_view key) {
  auto items = strings(key);
  for (auto& item : items) item.text = read_bytes(item.text);
  return items;
}

const toml::table* Table::table(std::string_view key) {
  const auto* node = table_.get(key);
  if (node == nullptr) return nullptr;
  if (const auto* value = node->as_table()) return value;
  wrong_type(key, *node, "a table");
  return nullptr;
}

std::optional<std::string> Table::text(std::string_view key) {
  auto value = string(key);
  if (value) check_text(*value, place(key), named(key));
  return value;
}

std::optional<std::string> Table::legible(std::string_view key) {
  auto value = text(key);
  if (value && !is_legible(*value))
    error(key, "is no text: a message holds no NUL, and few bytes that are not UTF-8");
  return value;
}

std::vector<std::string> Table::lines(std::string_view key) {
  std::vector<std::string> out;
  for (auto& item : strings(key)) {
    if (has_line_end(item.text) || item.text.find('\0') != std::string::npos)
      error_at(item.place,
               fmt::format("{}: a delivery line cannot hold a newline or NUL", named(key)),
               "write one line an array element");
    check_text(item.text, item.place, named(key));
    out.push_back(std::move(item.text));
  }
  return out;
}

}  // namespace vstate::document
