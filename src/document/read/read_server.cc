// Each file of settings is a key of the table that it belongs to, and its shape says what the key
// must hold: a text, an array, or a table. So a file that is added to the table in
// model/server_state is read here without another line.

#include <algorithm>

#include <fmt/format.h>

#include "document/read/read_parts.h"
#include "vstate/base/text.h"
#include "vstate/document/server_document.h"
#include "vstate/model/names.h"
#include "vstate/model/template.h"

namespace vstate::document {

namespace {

/// The keys of [control] or [vpopmail]: what stands behind the dot of their files.
Keys keys_of_table(std::string_view prefix) {
  Keys keys;
  for (const auto& file : setting_files())
    if (file.name.starts_with(prefix)) keys.push_back(file.name.substr(prefix.size()));
  return keys;
}

class ReadingServer {
 public:
  ReadingServer(const std::string& file, Diagnostics& diagnostics)
      : file_(file), diagnostics_(diagnostics) {}

  ServerState read(const toml::table& root);

 private:
  void read_table(Table& top, std::string_view prefix);
  void read_file(Table&, const SettingFile&, std::string_view key);
  void read_set(Table&, const SettingFile&, std::string_view key, Settings&);
  void read_rules(Table&, const SettingFile&, std::string_view key, Settings&);
  void read_map(Table&, const SettingFile&, std::string_view key, Settings&);
  void read_aliases(Table& top);
  /// Takes a key and its value, unless they cannot stand in such a file.
  void take(Table&, const SettingFile&, const Place&, std::string key, std::string value,
            Settings&);

  const std::string& file_;
  Diagnostics& diagnostics_;
  ServerState state_;
};

/// Delivery lines as the State has them.
std::string joined(const std::vector<std::string>& lines) { return join_lines(lines); }

void ReadingServer::take(Table& table, const SettingFile& file, const Place& place, std::string key,
                         std::string value, Settings& into) {
  if (file.folds_case) key = to_lower(key);
  const auto shown =
      fmt::format("{}{}", file.name, file.shape == Shape::line ? "" : " \"" + visible(key) + "\"");
  if (const auto problem = setting_problem(file, key, value); !problem.empty())
    table.error_at(place, fmt::format("{}: {}", shown, problem));
  else if (!into.emplace(std::move(key), std::move(value)).second)
    table.error_at(place, fmt::format("{}: stands here twice", shown), "keep one of them");
}

void ReadingServer::read_set(Table& table, const SettingFile& file, std::string_view key,
                             Settings& into) {
  for (const auto& item : table.byte_strings(key))
    take(table, file, item.place, item.text, "", into);
}

void ReadingServer::read_rules(Table& table, const SettingFile& file, std::string_view key,
                               Settings& into) {
  for (const auto& item : table.byte_strings(key)) {
    const auto colon = item.text.find(':');
    if (colon == std::string::npos) {
      table.error_at(item.place,
                     fmt::format("{}: \"{}\" has no colon", file.name, visible(item.text)),
                     "write ADDRESS:allow or ADDRESS:deny");
      continue;
    }
    const auto address = item.text.substr(0, colon);
    if (!into.contains(address)) state_.rule_order.push_back(address);
    take(table, file, item.place, address, item.text.substr(colon + 1), into);
  }
}

void ReadingServer::read_map(Table& table, const SettingFile& file, std::string_view key,
                             Settings& into) {
  const auto* node = table.table(key);
  if (node == nullptr) return;
  for (const auto& [name, value] : *node) {
    const auto source = name.source().begin;
    const Place place{file_, source.line, source.column};
    if (const auto* text = value.as_string())
      take(table, file, place, read_bytes(name.str()), read_bytes(text->get()), into);
    else
      table.error_at(place, fmt::format("{} \"{}\": is no string", file.name, visible(name.str())));
  }
}

void ReadingServer::read_file(Table& table, const SettingFile& file, std::string_view key) {
  auto& into = state_.files[std::string(file.name)];
  switch (file.shape) {
    case Shape::line:
      if (auto value = table.bytes(key)) take(table, file, table.place(key), "", *value, into);
      return;
    case Shape::set:
      return read_set(table, file, key, into);
    case Shape::rules:
      return read_rules(table, file, key, into);
    case Shape::map:
    case Shape::pairs:
      return read_map(table, file, key, into);
    case Shape::delivery:
      into.emplace("deliver", joined(table.lines(key)));
      return;
    case Shape::limits:
      for (const auto& [name, value] : read_limits(table).value_or(Limits()))
        into.emplace(name, std::to_string(value));
      return;
  }
}

void ReadingServer::read_table(Table& top, std::string_view prefix) {
  const auto name = prefix.substr(0, prefix.size() - 1);
  const auto* node = top.table(name);
  if (node == nullptr) return;
  auto table = top.open(*node, std::string(name), keys_of_table(prefix));
  for (const auto& file : setting_files()) {
    if (!file.name.starts_with(prefix)) continue;
    const auto key = file.name.substr(prefix.size());
    if (table.has(key)) read_file(table, file, key);
  }
}

void ReadingServer::read_aliases(Table& top) {
  const auto* all = top.table("alias");
  if (all == nullptr) return;
  for (const auto& [name, node] : *all) {
    const auto source = name.source().begin;
    const Place place{file_, source.line, source.column};
    const auto title = fmt::format("alias.{}", name.str());
    const auto* sub = node.as_table();
    const auto checked = AliasName::parse(name.str());
    if (sub == nullptr) {
      diagnostics_.error(place, title + ": is not a table");
      continue;
    }
    if (!checked) diagnostics_.error(place, checked.error().message);
    auto table = top.open(*sub, title, k_alias_keys);
    if (!table.require("deliver")) continue;
    auto& into = state_.files["alias." + to_lower(name.str())];
    if (!into.emplace("deliver", joined(table.lines("deliver"))).second)
      diagnostics_.error(place, title + ": stands here twice", "keep one of them");
    if (table.boolean("forwards_only").value_or(false)) into.emplace("forwards_only", "1");
  }
}

ServerState ReadingServer::read(const toml::table& root) {
  Table top(root, "", k_server_keys, file_, diagnostics_);
  check_version(top, "vstate_server");
  read_table(top, "control.");
  read_table(top, "vpopmail.");
  read_aliases(top);
  state_.left_out = read_left_out(top);
  return std::move(state_);
}

}  // namespace

bool is_server_document(std::string_view text) {
  // Behind the first table a line of some text could look like the key.
  for (const auto line : split_lines(text)) {
    if (line.starts_with('[')) return false;
    constexpr std::string_view key = "vstate_server";
    const auto behind = line.starts_with(key) ? line.substr(key.size()) : std::string_view();
    if (!behind.empty() && std::string_view(" \t=").find(behind.front()) != std::string_view::npos)
      return true;
  }
  return false;
}

std::optional<ServerState> read_server(std::string_view text, const std::string& file_name,
                                       Diagnostics& diagnostics) {
  const auto root = parse_toml(text, file_name, diagnostics);
  if (!root) return std::nullopt;
  const auto errors = diagnostics.error_count();
  auto state = ReadingServer(file_name, diagnostics).read(*root);
  if (diagnostics.error_count() > errors) return std::nullopt;
  return state;
}

std::vector<std::string> known_server_keys() {
  std::vector<std::string> out;
  for (const auto key : k_server_keys) out.emplace_back(key);
  for (const auto& file : setting_files()) {
    const auto name = std::string(file.name);
    out.push_back(name);
    if (file.shape == Shape::map || file.shape == Shape::pairs) out.push_back(name + ".*");
    if (file.shape != Shape::limits) continue;
    for (const auto& limit : limit_names())
      if (limit.kind != LimitKind::denial)
        out.push_back(fmt::format("{}.{}", name, limit.document_key));
    out.push_back(name + ".disable");
  }
  for (const auto key : k_alias_keys) out.push_back("alias.*." + std::string(key));
  for (const auto key : k_left_out_keys) out.push_back("left_out[]." + std::string(key));
  return out;
}

}  // namespace vstate::document
