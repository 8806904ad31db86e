// ezmlm lists: the directory first, then its subscribers, and last the links that make it answer.
// Until the links are there no mail reaches the list, so a half-made one harms nobody; when it
// goes, the links go first for the same reason.

#include "domain/list.h"

#include <algorithm>

#include <fmt/format.h>

#include "domain/site.h"
#include "format/subscribers.h"
#include "vstate/base/text.h"

namespace vstate {

namespace {

using Addresses = std::set<std::string>;

/// What a plan does to a set that others change as well: only its own differences.
Addresses changed_by(Addresses now, const Addresses& before, const Addresses& after) {
  for (const auto& address : after)
    if (!before.contains(address)) now.insert(address);
  for (const auto& address : before)
    if (!after.contains(address)) now.erase(address);
  return now;
}

const Addresses& addresses_of(const List& list, const std::string& sub) {
  static const Addresses none;
  const auto found = list.addresses.find(sub);
  return found == list.addresses.end() ? none : found->second;
}

Status make_lock(Site& site, const std::string& path) {
  // The lock of a list in use is never replaced: whoever holds it holds that very file.
  VSTATE_TRY_ASSIGN(const bool is_there, site.system.exists(path));
  return is_there ? Status() : site.write(path, "", 0600);
}

/// ezmlm-sub and ezmlm-unsub work under the same lock: what they did since the plan was made stays.
Status write_sublist(Site& site, const std::string& root, const std::string& sub,
                     const List& before, const List& after) {
  const auto base = sub.empty() ? root : path_join(root, sub);
  const auto directory = path_join(base, "subscribers");
  VSTATE_TRY(site.make_directories(directory));
  VSTATE_TRY_ASSIGN(const auto lock, site.system.lock_like_ezmlm(path_join(base, "lock")));
  // Everything is read again under the lock.
  VSTATE_TRY_ASSIGN(const auto entries, site.system.list(directory));
  Addresses now;
  std::map<std::string, std::string> found;
  for (const auto& entry : entries) {
    if (entry.name.size() != 1 || entry.type != FileInfo::Type::regular) continue;
    VSTATE_TRY_ASSIGN(const auto bytes, site.system.read(path_join(directory, entry.name)));
    for (const auto& address : ezmlm::parse_bucket(bytes).addresses) now.insert(address);
    found.emplace(entry.name, bytes);
  }
  const auto& planned = addresses_of(before, sub);
  if (now != planned)
    site.remarks.push_back(
        fmt::format("list {}: its addresses were changed meanwhile; that is kept", root));
  const auto wanted = changed_by(now, planned, addresses_of(after, sub));
  // The target's own rule decides, whatever the old server's was; a subscriber in the wrong bucket
  // cannot unsubscribe.
  const auto rule =
      site.server.ezmlm_hashes_64_bits ? ezmlm::HashRule::bits64 : ezmlm::HashRule::bits32;
  std::map<std::string, std::vector<std::string>> buckets;
  for (const auto& address : wanted)
    buckets[std::string(1, ezmlm::bucket_name(ezmlm::bucket(address, rule)))].push_back(address);
  // Who moves to another bucket is in two for a moment rather than in none.
  for (const auto& [name, members] : buckets)
    VSTATE_TRY(site.write(path_join(directory, name), ezmlm::bucket_bytes(members), 0600));
  for (const auto& [name, bytes] : found)
    if (!buckets.contains(name)) VSTATE_TRY(site.system.remove_file(path_join(directory, name)));
  return {};
}

Status write_list_addresses(Site& site, const std::string& root, const List& before,
                            const List& after) {
  // The locks are there before anybody needs them, as ezmlm-make leaves them, also where a stopped
  // run made all of a list but its lock.
  for (const auto& [sub, addresses] : after.addresses) {
    const auto base = sub.empty() ? root : path_join(root, sub);
    VSTATE_TRY(site.make_directories(base));
    VSTATE_TRY(make_lock(site, path_join(base, "lock")));
    const auto old = before.addresses.find(sub);
    if (old == before.addresses.end() || old->second != addresses)
      VSTATE_TRY(write_sublist(site, root, sub, before, after));
  }
  return {};
}

Status write_list_files(Site& site, const std::string& root, const List& before,
                        const List& after) {
  for (const auto* lock : {"lock", "lockbounce"})
    VSTATE_TRY(make_lock(site, path_join(root, lock)));
  if (const auto key = base64_decode(after.key.reveal()); key && !key->empty())
    VSTATE_TRY(site.write(path_join(root, "key"), *key, 0600));
  for (const auto& option : after.options)
    VSTATE_TRY(site.write(path_join(root, option), "", 0600));
  for (const auto& option : before.options)
    if (!after.options.contains(option))
      VSTATE_TRY(site.system.remove_file(path_join(root, option)));
  for (const auto& [name, text] : after.files) {
    const auto path = path_join(root, name);
    VSTATE_TRY(site.make_directories(std::string(path_parent(path))));
    const auto old = before.files.find(name);
    if (old != before.files.end() && old->second == text) continue;
    if (old != before.files.end()) VSTATE_TRY(site.check_undisturbed(path, old->second, text));
    VSTATE_TRY_ASSIGN(const auto literal, site.expanded(text));
    VSTATE_TRY(site.write(path, literal, 0600));
  }
  for (const auto& [name, text] : before.files) {
    if (after.files.contains(name)) continue;
    VSTATE_TRY(site.check_undisturbed(path_join(root, name), text, std::nullopt));
    VSTATE_TRY(site.system.remove_file(path_join(root, name)));
  }
  return {};
}

}  // namespace

Status make_list_locks(Site& site, const std::string& name, const List& list) {
  const auto root = site.paths.list_directory(name);
  std::vector<std::string> locks{path_join(root, "lockbounce"), path_join(root, "lock")};
  for (const auto& [sub, addresses] : list.addresses)
    if (!sub.empty()) locks.push_back(path_join(path_join(root, sub), "lock"));
  for (const auto& lock : locks) {
    VSTATE_TRY_ASSIGN(const bool is_there, site.system.exists(path_parent(lock)));
    if (is_there) VSTATE_TRY(make_lock(site, lock));
  }
  return {};
}

Status write_list(Site& site, const Change<List>& change) {
  const auto root = site.paths.list_directory(change.name);
  const auto prefix = site.in_domain(dot_qmail_name(change.name));
  const List none;
  const List& before = change.before ? *change.before : none;
  if (!change.after) {
    for (const auto& [suffix, target] : before.links)
      VSTATE_TRY(site.system.remove_file(prefix + suffix));
    const auto& elsewhere = site.actual.condition.lists_elsewhere;
    return elsewhere.contains(change.name) ? Status() : site.system.remove_tree(root);
  }
  const auto& after = *change.after;
  VSTATE_TRY(site.make_directories(root));
  VSTATE_TRY(write_list_files(site, root, before, after));
  VSTATE_TRY(write_list_addresses(site, root, before, after));
  for (const auto& [suffix, target] : after.links) {
    const auto old = before.links.find(suffix);
    if (old == before.links.end() || old->second != target)
      VSTATE_TRY(
          site.system.replace_link(prefix + suffix, path_join(root, target), site.owned(0777)));
  }
  for (const auto& [suffix, target] : before.links)
    if (!after.links.contains(suffix)) VSTATE_TRY(site.system.remove_file(prefix + suffix));
  return {};
}

}  // namespace vstate
