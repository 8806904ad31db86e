#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "inspector_impl.h"
#include "vstate/base/text.h"
#include "vstate/format/subscribers.h"

namespace vstate {

namespace {

/// Files that change by themselves while a list is used; they travel in its archive.
bool is_counter_or_log(std::string_view name) {
  constexpr std::array<std::string_view, 8> names{"num",    "dignum",   "digissue", "archnum",
                                                  "tstdig", "digcount", "digsize",  "digtime"};
  return name == "Log" || std::find(names.begin(), names.end(), name) != names.end();
}

bool is_lock(std::string_view name) { return name == "lock" || name == "lockbounce"; }

/// Sub-directories whose files are configuration; in all others they are data.
bool holds_configuration(std::string_view below) {
  return below.empty() || below == "digest/" || below == "text/" || below == "qmqpservers/";
}

constexpr std::array k_signs_of_a_list{"lock",     "editor",  "config", "flags",
                                       "outlocal", "inlocal", "key"};

}  // namespace

Status Inspector::read_sublist(List& list, const std::string& root, const std::string& sub,
                               std::set<std::string>& expressed) {
  const auto relative_directory = (sub.empty() ? "" : sub + "/") + std::string("subscribers");
  const auto path = path_join(root, relative_directory);
  VSTATE_TRY_ASSIGN(const auto listing, system_.list(path));
  auto& addresses = list.addresses[sub];
  for (const auto& entry : listing) {
    const auto bucket = path_join(path, entry.name);
    if (entry.name.size() != 1 || entry.type != FileInfo::Type::regular) continue;
    VSTATE_TRY_ASSIGN(const auto bytes, system_.read(bucket));
    const auto parsed = ezmlm::parse_bucket(bytes);
    if (!parsed) return tl::unexpected<Error>(parsed.error().in(bucket));
    for (const auto& address : *parsed) addresses.insert(address);
    expressed.insert(relative_directory + "/" + entry.name);
    if (parsed->empty())
      rebuild(bucket, "empty bucket");
    else
      express(bucket);
  }
  return {};
}

Status Inspector::read_list_directory(List& list, const std::string& root, const std::string& below,
                                      std::set<std::string>& expressed) {
  VSTATE_TRY_ASSIGN(const auto listing, system_.list(path_join(root, below)));
  for (const auto& entry : listing) {
    const auto name = below + entry.name;
    const auto path = path_join(root, name);
    if (entry.type == FileInfo::Type::directory) {
      const bool is_sublist = entry.name == "subscribers";
      if (is_sublist)
        VSTATE_TRY(read_sublist(list, root, below.empty() ? "" : below.substr(0, below.size() - 1),
                                expressed));
      else
        VSTATE_TRY(read_list_directory(list, root, name + "/", expressed));
      continue;
    }
    if (entry.type != FileInfo::Type::regular) continue;
    if (is_lock(entry.name)) {
      rebuild(path, "lock");
      expressed.insert(name);
      continue;
    }
    if (!holds_configuration(below) || is_counter_or_log(entry.name)) continue;
    if (name == "key") {
      VSTATE_TRY_ASSIGN(const auto key, system_.read(path, k_inline_bytes));
      list.key = Secret(base64_encode(key));
    } else {
      VSTATE_TRY_ASSIGN(const auto info, system_.info(path));
      if (info.size == 0 && below.empty()) {
        list.options.insert(name);
      } else {
        VSTATE_TRY_ASSIGN(auto text, read_text(path, k_inline_text));
        if (!text) continue;
        list.files[name] = std::move(*text);
      }
    }
    express(path);
    expressed.insert(name);
  }
  return {};
}

void Inspector::read_links(List& list, const std::string& directory_name) {
  const auto prefix = dot_qmail_name(directory_name);
  const auto root = in_domain(directory_name) + "/";
  for (const auto& entry : entries_) {
    if (entry.type != FileInfo::Type::link || entry.name.rfind(prefix, 0) != 0) continue;
    const auto suffix = entry.name.substr(prefix.size());
    if (!suffix.empty() && suffix.front() != '-') continue;
    auto target = system_.link_target(in_domain(entry.name));
    if (!target) continue;
    if (!target->empty() && target->front() != '/') *target = in_domain(*target);
    if (target->rfind(root, 0) != 0 || !is_utf8(*target)) continue;
    list.links[suffix] = target->substr(root.size());
    express(in_domain(entry.name));
  }
}

Status Inspector::read_list(const std::string& directory_name) {
  const auto name = AliasName::parse(directory_name);
  if (!name) {
    remark(fmt::format("{} looks like a list but its name cannot be one; it is carried as files",
                       directory_name));
    return {};
  }
  List list;
  ArchiveSource source{in_domain(directory_name), {}};
  VSTATE_TRY(read_list_directory(list, source.directory, "", source.expressed));
  read_links(list, directory_name);
  for (const auto* plugin : {"subdb", "sql"})
    if (list.files.contains(plugin) || list.options.contains(plugin))
      remark(fmt::format(
          "list {} keeps its subscribers in a database; vstate carries only its settings",
          name->text()));
  list_directories_.insert(directory_name);
  state().lists.emplace(*name, std::move(list));
  out_.list_archives.emplace(*name, std::move(source));
  return {};
}

Status Inspector::read_lists() {
  for (const auto& entry : entries_) {
    if (entry.type != FileInfo::Type::directory || homes_.contains(entry.name)) continue;
    const auto root = in_domain(entry.name);
    if (!system_.exists(path_join(root, "subscribers"))) continue;
    const bool is_list =
        std::any_of(k_signs_of_a_list.begin(), k_signs_of_a_list.end(),
                    [&](const char* sign) { return system_.exists(path_join(root, sign)); });
    if (is_list) VSTATE_TRY(read_list(entry.name));
  }
  return {};
}

}  // namespace vstate
