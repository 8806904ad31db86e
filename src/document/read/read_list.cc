// A mailing list of ezmlm: its options, its subscribers by directory, and what else its directory
// holds. Subscribers are bytes and not templates. Everything named here becomes a path below the
// list's directory, so each name is checked for leading out of it.

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "document/read/read_parts.h"
#include "vstate/base/text.h"
#include "vstate/model/template.h"

namespace vstate::document {

namespace {

/// A relative path that leads nowhere else.
bool is_path_below(std::string_view path) {
  const auto parts = split(path, '/');
  return path.find('\0') == std::string_view::npos &&
         std::none_of(parts.begin(), parts.end(), [](std::string_view part) {
           return part.empty() || part == "." || part == "..";
         });
}

void read_addresses(Table& list, std::string_view key, std::set<std::string>& out) {
  for (const auto& item : list.byte_strings(key)) {
    const auto what =
        fmt::format("{}.{}: \"{}\"", list.title(), key, visible(spell_bytes(item.text)));
    // An entry that is no address is a warning: a server may have one, and an error would keep the
    // whole list from being carried.
    if (item.text.empty() || item.text.find('\0') != std::string::npos || item.text.size() > 400)
      list.error_at(item.place, what + " cannot be a subscriber (1 to 400 bytes, no NUL)");
    else if (!out.insert(item.text).second)
      list.error_at(item.place, what + " is named twice");
    else if (item.text.find('@') == std::string::npos)
      list.warn_at(item.place, what + " is not an address");
  }
}

std::map<std::string, std::string> read_text_map(Table& owner, std::string_view key,
                                                 std::string_view what, bool is_template) {
  std::map<std::string, std::string> out;
  const auto* node = owner.table(key);
  if (node == nullptr) return out;
  for (const auto& [name, value] : *node) {
    const auto title = fmt::format("{}.{}.{}", owner.title(), key, name.str());
    const auto* text = value.as_string();
    if (text == nullptr) {
      owner.error_at(owner.place_of(value), fmt::format("{}: is not a string", title));
    } else if (const auto path = read_bytes(name.str()); !path.empty() && !is_path_below(path)) {
      owner.error_at(owner.place_of(value), fmt::format("{}: is not {}", title, what));
    } else if (!is_template && !is_path_below(read_bytes(text->get()))) {
      owner.error_at(owner.place_of(value),
                     fmt::format("{}: \"{}\" is not {}", title, text->get(), what));
    } else {
      if (is_template) owner.check_text(text->get(), owner.place_of(value), title);
      if (is_template && !is_legible(text->get()))
        owner.error_at(owner.place_of(value), fmt::format("{}: is no text", title));
      out[read_bytes(name.str())] = is_template ? text->get() : read_bytes(text->get());
    }
  }
  return out;
}

}  // namespace

/// Whoever has the list's key can make confirmations for anybody, so it is a secret like a
/// password.
void read_key(Table& table, List& list) {
  list.key = Secret(table.string("key").value_or(""));
  if (!base64_decode(list.key.reveal())) table.error("key", "is not base64");
}

List read_list(Table& table, const std::string& name, Places& places) {
  List list;
  for (const auto& item : table.byte_strings("options")) {
    // An option of ezmlm is an empty file of that name in the list's directory.
    if (item.text.empty() || item.text.find('/') != std::string::npos || item.text.front() == '.')
      table.error_at(item.place, fmt::format("{}.options: \"{}\" is not the name of a file",
                                             table.title(), item.text));
    list.options.insert(item.text);
  }
  // It is by its subscribers that a directory is a list, if there are none, too.
  list.addresses.try_emplace("");
  for (const auto& sublist : k_sublists) {
    if (!table.has(sublist.key)) continue;
    read_addresses(table, sublist.key, list.addresses[std::string(sublist.directory)]);
    places[fmt::format("list.{}.{}", name, sublist.key)] = table.place(sublist.key);
  }
  if (const auto* others = table.table("others")) {
    Keys keys;
    // Its keys are directories of any name, so all that are there are allowed.
    for (const auto& [key, node] : *others) keys.push_back(key.str());
    auto sub = table.open(*others, table.title() + ".others", keys);
    for (const auto key : keys) {
      if (!is_path_below(read_bytes(key))) sub.error(key, "is not a path in the list's directory");
      read_addresses(sub, key, list.addresses[read_bytes(key)]);
    }
  }
  read_key(table, list);
  list.files = read_text_map(table, "files", "a path in the list's directory", true);
  list.links = read_text_map(table, "links", "a path in the list's directory", false);
  list.archive = read_archive(table, "archive", places);
  return list;
}

}  // namespace vstate::document
