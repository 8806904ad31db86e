// The canonical text of server.toml. Keys with one value or an array come before the tables of
// their table, as TOML wants it, each in the order of their names.

#include <algorithm>

#include <fmt/format.h>

#include "document/writer.h"
#include "vstate/base/text.h"
#include "vstate/document/server_document.h"

namespace vstate::document {

namespace {

bool is_table(Shape shape) {
  return shape == Shape::map || shape == Shape::pairs || shape == Shape::limits;
}

std::vector<std::string> keys_of_settings(const Settings& settings) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : settings) keys.push_back(key);
  return keys;
}

std::vector<std::string> delivery_lines(const Settings& settings) {
  std::vector<std::string> lines;
  if (const auto found = settings.find("deliver"); found != settings.end())
    for (const auto line : split_lines(found->second)) lines.emplace_back(line);
  return lines;
}

/// "ADDRESS:WHAT" in the order of the rules; a rule that has no place there comes last.
std::vector<std::string> rule_lines(const ServerState& state, const Settings& settings) {
  std::vector<std::string> lines;
  const auto& order = state.rule_order;
  const auto add = [&](const std::string& key, const std::string& value) {
    lines.push_back(fmt::format("{}:{}", key, value));
  };
  for (const auto& key : order)
    if (const auto found = settings.find(key); found != settings.end()) add(key, found->second);
  for (const auto& [key, value] : settings)
    if (std::find(order.begin(), order.end(), key) == order.end()) add(key, value);
  return lines;
}

std::string plain_value(const ServerState& state, const SettingFile& file,
                        const Settings& settings) {
  switch (file.shape) {
    case Shape::set:
      return array(spelt(keys_of_settings(settings)));
    case Shape::rules:
      return array(spelt(rule_lines(state, settings)));
    case Shape::delivery:
      return array(delivery_lines(settings));
    case Shape::line:
    case Shape::map:
    case Shape::pairs:
    case Shape::limits:
      break;
  }
  return quoted_bytes(settings.begin()->second);
}

void write_table_file(Writer& out, const SettingFile& file, const Settings& settings) {
  if (file.shape == Shape::limits) {
    Limits limits;
    for (const auto& [name, value] : settings)
      limits.emplace(name, static_cast<std::int64_t>(std::stoll(value)));
    return write_limits(out, file.name, limits);
  }
  out.raw(fmt::format("\n[{}]\n", file.name));
  for (const auto& [key, value] : settings) out.value(spell_bytes(key), quoted_bytes(value));
}

void write_files(Writer& out, const ServerState& state, std::string_view prefix) {
  const auto name = prefix.substr(0, prefix.size() - 1);
  const auto each = [&](bool tables, auto write) {
    for (const auto& file : setting_files()) {
      if (!file.name.starts_with(prefix) || is_table(file.shape) != tables) continue;
      const auto found = state.files.find(std::string(file.name));
      if (found != state.files.end()) write(file, found->second);
    }
  };
  bool has_head = false;
  each(false, [&](const SettingFile& file, const Settings& settings) {
    // A file of one line whose value cannot be said is there, and says nothing here.
    if (file.shape == Shape::line && settings.empty()) return;
    if (!has_head) out.raw(fmt::format("\n[{}]\n", name));
    has_head = true;
    out.value(file.name.substr(prefix.size()), plain_value(state, file, settings));
  });
  each(true, [&](const SettingFile& file, const Settings& settings) {
    write_table_file(out, file, settings);
  });
}

}  // namespace

std::string write_server(const ServerState& state) {
  Writer out;
  out.raw("#:schema server.schema.json\nvstate_server = 1\n");
  write_files(out, state, "control.");
  write_files(out, state, "vpopmail.");
  constexpr std::string_view alias = "alias.";
  for (const auto& [name, settings] : state.files) {
    if (!name.starts_with(alias)) continue;
    out.table("alias", std::string_view(name).substr(alias.size()));
    out.value("deliver", array(delivery_lines(settings)));
    if (settings.contains("forwards_only")) out.value("forwards_only", "true");
  }
  for (const auto& item : state.left_out) write_left_out(out, item);
  return out.take();
}

}  // namespace vstate::document
