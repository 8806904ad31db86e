// ezmlm lists: the directory first, then its subscribers, and last the links that make it answer.

#include "executor_impl.h"
#include "vstate/base/text.h"
#include "vstate/format/subscribers.h"

namespace vstate {

Status Executor::write_sublist(const std::string& root, const std::string& sub,
                               const std::set<std::string>& addresses) {
  const auto base = sub.empty() ? root : path_join(root, sub);
  const auto directory = path_join(base, "subscribers");
  VSTATE_TRY(make_directories(directory));
  // The lock is there before anybody needs it, as ezmlm-make leaves it.
  const auto lock_path = path_join(base, "lock");
  if (!system().exists(lock_path)) VSTATE_TRY(write(lock_path, "", 0600));
  VSTATE_TRY_ASSIGN(const auto lock, system().lock_like_ezmlm(lock_path));
  const auto rule =
      input_.server.ezmlm_hashes_64_bits ? ezmlm::HashRule::bits64 : ezmlm::HashRule::bits32;
  std::map<std::string, std::vector<std::string>> buckets;
  for (const auto& address : addresses)
    buckets[std::string(1, ezmlm::bucket_name(ezmlm::bucket(address, rule)))].push_back(address);
  for (const auto& [name, members] : buckets)
    VSTATE_TRY(write(path_join(directory, name), ezmlm::bucket_bytes(members), 0600));
  VSTATE_TRY_ASSIGN(const auto entries, system().list(directory));
  for (const auto& entry : entries)
    if (entry.name.size() == 1 && !buckets.contains(entry.name))
      VSTATE_TRY(system().remove_file(path_join(directory, entry.name)));
  return {};
}

Status Executor::write_list_addresses(const std::string& root, const List& before,
                                      const List& after) {
  for (const auto& [sub, addresses] : after.addresses) {
    const auto old = before.addresses.find(sub);
    if (old == before.addresses.end() || old->second != addresses)
      VSTATE_TRY(write_sublist(root, sub, addresses));
  }
  return {};
}

Status Executor::apply_change(const Change<List>& change) {
  const auto root = in_domain(change.name);
  const auto prefix = in_domain(dot_qmail_name(change.name));
  const List none;
  const List& before = change.before ? *change.before : none;
  if (!change.after) {
    for (const auto& [suffix, target] : before.links)
      VSTATE_TRY(system().remove_file(prefix + suffix));
    return system().remove_tree(root);
  }
  const auto& after = *change.after;
  VSTATE_TRY(make_directories(root));
  for (const auto* lock : {"lock", "lockbounce"})
    if (!system().exists(path_join(root, lock))) VSTATE_TRY(write(path_join(root, lock), "", 0600));
  if (const auto key = base64_decode(after.key.reveal()); key && !key->empty())
    VSTATE_TRY(write(path_join(root, "key"), *key, 0600));
  for (const auto& option : after.options) VSTATE_TRY(write(path_join(root, option), "", 0600));
  for (const auto& option : before.options)
    if (!after.options.contains(option)) VSTATE_TRY(system().remove_file(path_join(root, option)));
  for (const auto& [name, text] : after.files) {
    const auto path = path_join(root, name);
    VSTATE_TRY(make_directories(std::string(path_parent(path))));
    VSTATE_TRY_ASSIGN(const auto literal, expanded(text));
    VSTATE_TRY(write(path, literal, 0600));
  }
  for (const auto& [name, text] : before.files)
    if (!after.files.contains(name)) VSTATE_TRY(system().remove_file(path_join(root, name)));
  VSTATE_TRY(write_list_addresses(root, before, after));
  for (const auto& [suffix, target] : after.links) {
    const auto old = before.links.find(suffix);
    if (old == before.links.end() || old->second != target)
      VSTATE_TRY(system().replace_link(prefix + suffix, path_join(root, target), owned(0777)));
  }
  for (const auto& [suffix, target] : before.links)
    if (!after.links.contains(suffix)) VSTATE_TRY(system().remove_file(prefix + suffix));
  return {};
}

}  // namespace vstate
