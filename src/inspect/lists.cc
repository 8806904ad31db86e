#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "format/subscribers.h"
#include "inspect/inspector.h"
#include "sys/path.h"
#include "vstate/base/text.h"

namespace vstate {

namespace {

constexpr std::string_view k_prefix = ".qmail-";

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

Result<bool> Inspector::is_list(const std::string& root) {
  VSTATE_TRY_ASSIGN(const bool has_subscribers, files_.exists(path_join(root, "subscribers")));
  if (!has_subscribers) return false;
  for (const auto* sign : k_signs_of_a_list) {
    VSTATE_TRY_ASSIGN(const bool is_there, files_.exists(path_join(root, sign)));
    if (!is_there) continue;
    if (!holds_mailboxes(root)) return true;
    remark(fmt::format("{} looks like a list, and holds mailboxes; it is not taken for one",
                       visible(root)));
    return false;
  }
  return false;
}

/// What is in a list's directory goes to the list's archive. A mailbox, or what holds some, is
/// none, whatever somebody put there.
bool Inspector::holds_mailboxes(const std::string& root) {
  const auto place = places_.find(root);
  if (!place) return false;
  if (above_.contains(*place) || home_places_->contains(*place)) return true;
  const auto& homes = out_.condition.paths.homes;
  return std::any_of(homes.begin(), homes.end(), [&](const auto& home) {
    return places_.below(home.second, *place).has_value();
  });
}

/// A list stands in a directory of its name, or wherever its dot-qmail links lead.
Status Inspector::find_lists() {
  for (const auto& entry : entries_) {
    const auto path = in_domain(entry.name);
    if (homes_.contains(entry.name) || is_claimed(path)) continue;
    if (entry.type != FileInfo::Type::directory && entry.type != FileInfo::Type::link) continue;
    if (entry.type == FileInfo::Type::link) {
      VSTATE_TRY_ASSIGN(const auto behind, look_behind(files_, path));
      if (!behind.is_directory()) continue;
      if (home_places_->contains({behind.info->device, behind.info->inode})) continue;
    }
    VSTATE_TRY_ASSIGN(const bool is_found, is_list(path));
    if (!is_found) continue;
    const auto name = AliasName::parse(entry.name);
    if (!name) {
      remark(fmt::format("{} looks like a list but its name cannot be one; it is carried as files",
                         visible(entry.name)));
      continue;
    }
    lists_.emplace(*name, path);
    list_entries_.insert(entry.name);
  }
  for (const auto& entry : entries_)
    if (entry.type == FileInfo::Type::link && entry.name.starts_with(k_prefix))
      VSTATE_TRY(find_list_behind(entry));
  return {};
}

Status Inspector::find_list_behind(const DirEntry& link) {
  VSTATE_TRY_ASSIGN(auto target, files_.link_target(in_domain(link.name)));
  if (path_name(target) != "editor") return {};
  if (!target.starts_with('/')) target = in_domain(target);
  const auto root = clean_path(path_parent(target));
  const auto name = AliasName::parse(replace_all(link.name.substr(k_prefix.size()), ":", "."));
  const auto place = places_.find(root);
  for (const auto& [known, directory] : lists_)
    if (place && places_.find(directory) == place) return {};
  const auto address = "list." + (name ? name->text() : spell_bytes(link.name));
  if (!place) {
    leave_out(address, fmt::format("its links lead to {}, where nothing is", visible(root)));
    return {};
  }
  // Before anything of it is read.
  VSTATE_TRY_ASSIGN(const bool is_outside, is_elsewhere(root));
  const auto is_found = is_list(root);
  if (!is_found && is_denied_to_owner(is_found.error(), root)) {
    leave_out(address, fmt::format("its links lead to {}, which the domain's owner cannot read",
                                   visible(root)));
    return {};
  }
  if (!is_found) return tl::unexpected<Error>(is_found.error());
  if (!*is_found) return {};
  const bool is_taken =
      !name || std::any_of(entries_.begin(), entries_.end(),
                           [&](const DirEntry& entry) { return entry.name == name->text(); });
  if (is_taken) {
    leave_out(address, fmt::format("it is in {}, and its name is taken in the domain's directory",
                                   visible(root)));
    return {};
  }
  lists_.emplace(*name, root);
  out_.condition.paths.lists.emplace(name->text(), root);
  if (is_outside) out_.condition.lists_elsewhere.insert(name->text());
  out_.notes.push_back(fmt::format("list {}: its directory is {}; carried", name->text(), root));
  return {};
}

Status Inspector::read_sublist(List& list, const std::string& root, const std::string& sub,
                               ArchiveSource& source) {
  const auto relative_directory = (sub.empty() ? "" : sub + "/") + std::string("subscribers");
  const auto path = path_join(root, relative_directory);
  VSTATE_TRY_ASSIGN(const auto listing, files_.list(path));
  auto& addresses = list.addresses[sub];
  for (const auto& entry : listing) {
    const auto bucket = path_join(path, entry.name);
    if (is_temporary(entry.name)) {
      VSTATE_TRY(check_temporary(bucket));
      source.expressed.insert(relative_directory + "/" + entry.name);
    }
    if (entry.name.size() != 1 || entry.type != FileInfo::Type::regular) continue;
    VSTATE_TRY_ASSIGN(const auto bytes, files_.read_if_there(bucket));
    if (!bytes) {
      out_.has_changed = true;
      continue;
    }
    const auto parsed = ezmlm::parse_bucket(*bytes);
    for (const auto& blemish : parsed.blemishes)
      leave_out("list." + std::string(path_name(root)), fmt::format("{}: {}", bucket, blemish));
    for (const auto& address : parsed.addresses) addresses.insert(address);
    source.expressed.insert(relative_directory + "/" + entry.name);
    if (parsed.addresses.empty())
      rebuild(bucket, "empty bucket");
    else
      express(bucket);
  }
  return {};
}

Status Inspector::read_list_file(List& list, const std::string& root, const std::string& below,
                                 const std::string& name, ArchiveSource& source) {
  const auto path = path_join(root, name);
  if (name == "key") {
    VSTATE_TRY_ASSIGN(const auto key, read_listed(path, k_inline_bytes));
    if (!key) return {};
    list.key = Secret(base64_encode(*key));
  } else {
    VSTATE_TRY_ASSIGN(const auto info, files_.look(path));
    if (!info) {
      out_.has_changed = true;
      return {};
    }
    if (info->size == 0 && below.empty()) {
      list.options.insert(name);
    } else {
      VSTATE_TRY_ASSIGN(auto text, read_text(path, k_inline_text));
      if (!text) return {};
      list.files[name] = std::move(*text);
    }
  }
  express(path);
  source.expressed.insert(name);
  return {};
}

Status Inspector::read_list_directory(List& list, const std::string& root, const std::string& below,
                                      ArchiveSource& source) {
  VSTATE_TRY_ASSIGN(const auto listing, files_.list(path_join(root, below)));
  for (const auto& entry : listing) {
    const auto name = below + entry.name;
    if (entry.type == FileInfo::Type::directory) {
      const bool is_sublist = entry.name == "subscribers";
      if (is_sublist)
        VSTATE_TRY(read_sublist(list, root, below.empty() ? "" : below.substr(0, below.size() - 1),
                                source));
      else
        VSTATE_TRY(read_list_directory(list, root, name + "/", source));
      continue;
    }
    if (entry.type != FileInfo::Type::regular) continue;
    if (is_lock(entry.name)) {
      rebuild(path_join(root, name), "lock");
      source.expressed.insert(name);
      continue;
    }
    if (is_temporary(entry.name)) {
      VSTATE_TRY(check_temporary(path_join(root, name)));
      source.expressed.insert(name);
      continue;
    }
    if (!holds_configuration(below) || is_counter_or_log(entry.name)) continue;
    VSTATE_TRY(read_list_file(list, root, below, name, source));
  }
  return {};
}

/// The dot-qmail links of a list, by whatever names they lead into its directory.
Status Inspector::read_links(List& list, const AliasName& name, const std::string& root) {
  const auto prefix = dot_qmail_name(name.text());
  VSTATE_TRY_ASSIGN(const auto resolved, files_.resolve(root));
  for (const auto& entry : entries_) {
    if (entry.type != FileInfo::Type::link || entry.name.rfind(prefix, 0) != 0) continue;
    const auto suffix = entry.name.substr(prefix.size());
    if (!suffix.empty() && suffix.front() != '-') continue;
    VSTATE_TRY_ASSIGN(auto target, files_.link_target(in_domain(entry.name)));
    if (!target.starts_with('/')) target = in_domain(target);
    const auto parent = files_.resolve(path_parent(target));
    if (!parent && parent.error().code != Errc::invalid)
      return tl::unexpected<Error>(parent.error());
    if (!parent) continue;  // it is no link of this list, and named as what it is
    const auto place = path_join(*parent, path_name(target));
    if (!place.starts_with(resolved + "/")) continue;
    list.links[suffix] = place.substr(resolved.size() + 1);
    express(in_domain(entry.name));
  }
  return {};
}

Status Inspector::read_list(const AliasName& name, const std::string& root) {
  List list;
  auto source = source_of(root, "");
  VSTATE_TRY(read_list_directory(list, root, "", source));
  VSTATE_TRY(read_links(list, name, root));
  for (const auto* plugin : {"subdb", "sql"})
    if (list.files.contains(plugin) || list.options.contains(plugin))
      leave_out("list." + name.text(),
                "its subscribers are in a database, which is not carried; only its settings are");
  state().lists.emplace(name, std::move(list));
  out_.list_archives.emplace(name, std::move(source));
  return {};
}

Status Inspector::read_lists() {
  for (const auto& [name, root] : lists_) {
    const auto status = read_list(name, root);
    if (status) continue;
    if (!is_denied_to_owner(status.error(), root)) return status;
    out_.condition.paths.lists.erase(name.text());
    leave_out("list." + name.text(),
              fmt::format("it is in {}, and the domain's owner cannot read all of it ({})",
                          visible(root), visible(status.error().message)));
  }
  return {};
}

}  // namespace vstate
