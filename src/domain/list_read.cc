// A list is a directory that ezmlm made, with the links that make it answer. Its subscribers become
// addresses and its settings text with placeholders; counters, logs, archives and queues change by
// themselves and go into the list's archive. A list is found by what is in its directory, or by the
// links that lead to it, wherever it stands.

#include <algorithm>
#include <array>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include "domain/home.h"
#include "domain/inspection.h"
#include "domain/list.h"
#include "format/subscribers.h"
#include "sys/path.h"
#include "vstate/base/text.h"
#include "vstate/model/delivery.h"

namespace vstate {

namespace {

// Versions of ezmlm keep different ones of these files; each of their lists has some.
constexpr std::array k_signs_of_a_list{"lock",     "editor",  "config", "flags",
                                       "outlocal", "inlocal", "key"};

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

/// Gathered once for all lists, since a domain may have hundreds of them and a hundred thousand
/// homes.
const std::set<PlaceId>& places_above_homes(Inspection& in) {
  if (in.above_homes) return *in.above_homes;
  auto& above = in.above_homes.emplace();
  std::set<std::string_view> seen;
  for (const auto& [name, home] : in.out.condition.paths.homes)
    for (auto parent = path_parent(home); parent.size() > 1; parent = path_parent(parent)) {
      // What is above it has been seen as well.
      if (!seen.insert(parent).second) break;
      if (const auto place = in.places.find(std::string(parent))) above.insert(*place);
    }
  return above;
}

/// What is in a list's directory goes to the list's archive. A mailbox, or what holds some, is
/// none, whatever somebody put there.
bool holds_mailboxes(Inspection& in, const std::string& root) {
  const auto place = in.places.find(root);
  if (!place) return false;
  return in.above.contains(*place) || in.home_places->contains(*place) ||
         places_above_homes(in).contains(*place);
}

Result<bool> is_list(Inspection& in, const std::string& root) {
  VSTATE_TRY_ASSIGN(const bool has_subscribers, in.files.exists(path_join(root, "subscribers")));
  if (!has_subscribers) return false;
  for (const auto* sign : k_signs_of_a_list) {
    VSTATE_TRY_ASSIGN(const bool is_there, in.files.exists(path_join(root, sign)));
    if (!is_there) continue;
    if (!holds_mailboxes(in, root)) return true;
    in.remark(fmt::format("{} looks like a list, and holds mailboxes; it is not taken for one",
                          visible(root)));
    return false;
  }
  return false;
}

Status find_list_behind(Inspection& in, const DirEntry& link, const std::string& alias) {
  VSTATE_TRY_ASSIGN(auto target, in.files.link_target(in.in_domain(link.name)));
  // Only the link of the list's own address is looked at; the others follow from it.
  if (path_name(target) != "editor") return {};
  if (!target.starts_with('/')) target = in.in_domain(target);
  const auto root = clean_path(path_parent(target));
  const auto name = AliasName::parse(alias);
  const auto place = in.places.find(root);
  // It was found by its directory already.
  for (const auto& [known, directory] : in.lists)
    if (place && in.places.find(directory) == place) return {};
  const auto address = "list." + (name ? name->text() : spell_bytes(link.name));
  if (!place) {
    in.leave_out(address, fmt::format("its links lead to {}, where nothing is", visible(root)));
    return {};
  }
  // Before anything of it is read.
  VSTATE_TRY_ASSIGN(const bool is_outside, is_elsewhere(in, root));
  const auto is_found = is_list(in, root);
  if (!is_found && in.is_denied_to_owner(is_found.error(), root)) {
    in.leave_out(address, fmt::format("its links lead to {}, which the domain's owner cannot read",
                                      visible(root)));
    return {};
  }
  if (!is_found) return propagate(is_found);
  if (!*is_found) return {};
  // On the target it stands in the domain's directory, where that name must be free.
  const bool is_taken =
      !name || std::any_of(in.entries.begin(), in.entries.end(),
                           [&](const DirEntry& entry) { return entry.name == name->text(); });
  if (is_taken) {
    in.leave_out(
        address,
        fmt::format("it is in {}, and its name is taken in the domain's directory", visible(root)));
    return {};
  }
  in.lists.emplace(*name, root);
  in.out.condition.paths.lists.emplace(name->text(), root);
  if (is_outside) in.out.condition.lists_elsewhere.insert(name->text());
  in.out.notes.push_back(fmt::format("list {}: its directory is {}; carried", name->text(), root));
  return {};
}

Status read_sublist(Inspection& in, List& list, const std::string& root, const std::string& sub,
                    ArchiveSource& source) {
  const auto relative_directory = (sub.empty() ? "" : sub + "/") + std::string("subscribers");
  const auto path = path_join(root, relative_directory);
  VSTATE_TRY_ASSIGN(const auto listing, in.files.list(path));
  auto& addresses = list.addresses[sub];
  for (const auto& entry : listing) {
    const auto bucket = path_join(path, entry.name);
    if (is_temporary(entry.name)) {
      VSTATE_TRY(in.check_temporary(bucket));
      source.expressed.insert(relative_directory + "/" + entry.name);
    }
    // A bucket's name is one character; what ezmlm writes beside it for a moment has two.
    if (entry.name.size() != 1 || entry.type != FileInfo::Type::regular) continue;
    VSTATE_TRY_ASSIGN(const auto bytes, in.files.read_if_there(bucket));
    if (!bytes) {
      in.out.has_changed = true;
      continue;
    }
    const auto parsed = ezmlm::parse_bucket(*bytes);
    for (const auto& blemish : parsed.blemishes)
      in.leave_out("list." + std::string(path_name(root)), fmt::format("{}: {}", bucket, blemish));
    for (const auto& address : parsed.addresses) addresses.insert(address);
    source.expressed.insert(relative_directory + "/" + entry.name);
    if (parsed.addresses.empty())
      in.rebuild(bucket, "empty bucket");
    else
      in.express(bucket);
  }
  return {};
}

Status read_list_file(Inspection& in, List& list, const std::string& root, const std::string& below,
                      const std::string& name, ArchiveSource& source) {
  const auto path = path_join(root, name);
  // The key is a secret and binary; with another one, all confirmations that are under way would
  // fail.
  if (name == "key") {
    VSTATE_TRY_ASSIGN(const auto key, in.read_listed(path, k_inline_bytes));
    if (!key) return {};
    list.key = Secret(base64_encode(*key));
  } else {
    VSTATE_TRY_ASSIGN(const auto info, in.files.look(path));
    if (!info) {
      in.out.has_changed = true;
      return {};
    }
    // An empty file is a switch that is on by being there.
    if (info->size == 0 && below.empty()) {
      list.options.insert(name);
    } else {
      VSTATE_TRY_ASSIGN(auto text, in.read_text(path, k_inline_text));
      if (!text) return {};
      list.files[name] = std::move(*text);
    }
  }
  in.express(path);
  source.expressed.insert(name);
  return {};
}

Status read_list_directory(Inspection& in, List& list, const std::string& root,
                           const std::string& below, ArchiveSource& source) {
  VSTATE_TRY_ASSIGN(const auto listing, in.files.list(path_join(root, below)));
  for (const auto& entry : listing) {
    const auto name = below + entry.name;
    if (entry.type == FileInfo::Type::directory) {
      const bool is_sublist = entry.name == "subscribers";
      if (is_sublist)
        VSTATE_TRY(read_sublist(in, list, root,
                                below.empty() ? "" : below.substr(0, below.size() - 1), source));
      else
        VSTATE_TRY(read_list_directory(in, list, root, name + "/", source));
      continue;
    }
    if (entry.type != FileInfo::Type::regular) continue;
    if (is_lock(entry.name)) {
      in.rebuild(path_join(root, name), "lock");
      source.expressed.insert(name);
      continue;
    }
    if (is_temporary(entry.name)) {
      VSTATE_TRY(in.check_temporary(path_join(root, name)));
      source.expressed.insert(name);
      continue;
    }
    // What is passed over here stays unclaimed, and so goes into the archive.
    if (!holds_configuration(below) || is_counter_or_log(entry.name)) continue;
    VSTATE_TRY(read_list_file(in, list, root, below, name, source));
  }
  return {};
}

/// The dot-qmail links of a list, by whatever names they lead into its directory.
Status read_links(Inspection& in, List& list, const AliasName& name, const std::string& root) {
  const auto prefix = dot_qmail_name(name.text());
  VSTATE_TRY_ASSIGN(const auto resolved, resolve(in.files, root));
  for (const auto& entry : in.entries) {
    if (entry.type != FileInfo::Type::link || entry.name.rfind(prefix, 0) != 0) continue;
    const auto suffix = entry.name.substr(prefix.size());
    // "news-extra" is another name that begins alike, and only a dash joins a suffix.
    if (!suffix.empty() && suffix.front() != '-') continue;
    VSTATE_TRY_ASSIGN(auto target, in.files.link_target(in.in_domain(entry.name)));
    if (!target.starts_with('/')) target = in.in_domain(target);
    // The target need not exist, as with a link to a file of another version, but its directory
    // must be the list's.
    const auto parent = resolve(in.files, path_parent(target));
    if (!parent && parent.error().code != Errc::invalid) return propagate(parent);
    if (!parent) continue;  // it is no link of this list, and named as what it is
    const auto place = path_join(*parent, path_name(target));
    if (!place.starts_with(resolved + "/")) continue;
    list.links[suffix] = place.substr(resolved.size() + 1);
    in.express(in.in_domain(entry.name));
  }
  return {};
}

Status read_list(Inspection& in, const AliasName& name, const std::string& root) {
  List list;
  auto source = in.source_of(root, "");
  VSTATE_TRY(read_list_directory(in, list, root, "", source));
  VSTATE_TRY(read_links(in, list, name, root));
  for (const auto* plugin : {"subdb", "sql"})
    if (list.files.contains(plugin) || list.options.contains(plugin))
      in.leave_out(
          "list." + name.text(),
          "its subscribers are in a database, which is not carried; only its settings are");
  in.state().lists.emplace(name, std::move(list));
  in.out.list_archives.emplace(name, std::move(source));
  return {};
}

/// A list in a directory of its name.
Status find_list_at(Inspection& in, const DirEntry& entry) {
  const auto path = in.in_domain(entry.name);
  if (in.homes.contains(entry.name) || in.is_claimed(path)) return {};
  if (entry.type != FileInfo::Type::directory && entry.type != FileInfo::Type::link) return {};
  if (entry.type == FileInfo::Type::link) {
    VSTATE_TRY_ASSIGN(const auto behind, look_behind(in.files, path));
    if (!behind.is_directory()) return {};
    if (in.home_places->contains({behind.info->device, behind.info->inode})) return {};
  }
  VSTATE_TRY_ASSIGN(const bool is_found, is_list(in, path));
  if (!is_found) return {};
  const auto name = AliasName::parse(entry.name);
  if (!name) {
    in.remark(fmt::format("{} looks like a list but its name cannot be one; it is carried as files",
                          visible(entry.name)));
    return {};
  }
  in.lists.emplace(*name, path);
  in.list_entries.insert(entry.name);
  return {};
}

}  // namespace

/// A list stands in a directory of its name, or wherever its dot-qmail links lead.
Status find_lists(Inspection& in) {
  for (const auto& entry : in.entries) VSTATE_TRY(find_list_at(in, entry));
  for (const auto& entry : in.entries)
    if (const auto alias = alias_of_dot_qmail(entry.name);
        alias && entry.type == FileInfo::Type::link)
      VSTATE_TRY(find_list_behind(in, entry, *alias));
  return {};
}

Status read_lists(Inspection& in) {
  for (const auto& [name, root] : in.lists) {
    auto status = read_list(in, name, root);
    if (status) continue;
    // A list that the owner points at with a link is read with their rights, and what those do not
    // reach is left out and named.
    if (!in.is_denied_to_owner(status.error(), root)) return status;
    in.out.condition.paths.lists.erase(name.text());
    in.leave_out("list." + name.text(),
                 fmt::format("it is in {}, and the domain's owner cannot read all of it ({})",
                             visible(root), visible(status.error().message)));
  }
  return {};
}

}  // namespace vstate
