// Addresses and shell patterns. What is excluded is as if it were not there, on either side: it is
// neither compared nor refused, and not deleted by --prune either. What --only leaves out is merely
// not done.

#include "vstate/model/selection.h"

#include <fnmatch.h>

#include <algorithm>
#include <iterator>

#include "vstate/model/template.h"

namespace vstate {

namespace {

bool matches(const std::vector<std::string>& patterns, const std::string& address) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    // Without flags a "*" goes over dots and slashes, so that "file.*" means all files.
    return fnmatch(pattern.c_str(), address.c_str(), 0) == 0;
  });
}

template <class Key>
std::string text_of(const Key& key) {
  if constexpr (requires { key.text(); })
    return key.text();
  else
    return key;
}

/// Calls `visit(prefix, map)` for each kind of named parts.
template <class StateType, class Visit>
void for_each_kind(StateType& state, Visit visit) {
  visit("mailbox.", state.mailboxes);
  visit("alias.", state.alias);
  visit("autoresponder.", state.autoresponders);
  visit("list.", state.lists);
  visit("file.", state.files);
}

/// The mailbox that an address is about: of "mail.alice" and "file.{mailbox:alice}/x" too.
std::string mailbox_of(std::string_view address) {
  for (const std::string_view kind : {"mail.", "convert."})
    if (address.starts_with(kind)) return std::string(address.substr(kind.size()));
  constexpr std::string_view file = "file.";
  if (!address.starts_with(file)) return {};
  const auto in_home = split_home(address.substr(file.size()));
  return in_home ? in_home->mailbox : std::string();
}

}  // namespace

bool DomainSelection::takes(std::string_view domain) const {
  const auto address = "domain." + std::string(domain);
  return (only.empty() || matches(only, address)) && !matches(exclude, address);
}

std::vector<std::string> DomainSelection::without_match(
    const std::vector<std::string>& names) const {
  std::vector<std::string> unmatched;
  for (const auto* patterns : {&only, &exclude})
    std::copy_if(patterns->begin(), patterns->end(), std::back_inserter(unmatched),
                 [&](const std::string& pattern) {
                   return std::none_of(names.begin(), names.end(), [&](const std::string& name) {
                     return matches({pattern}, "domain." + name);
                   });
                 });
  return unmatched;
}

void Selection::take_domains() {
  const auto take = [](std::vector<std::string>& from, std::vector<std::string>& to) {
    const auto is_of_part = [](const std::string& text) { return !text.starts_with("domain."); };
    const auto first = std::stable_partition(from.begin(), from.end(), is_of_part);
    std::move(first, from.end(), std::back_inserter(to));
    from.erase(first, from.end());
  };
  take(only, domains.only);
  take(exclude, domains.exclude);
}

bool Selection::excludes(std::string_view address) const {
  if (exclude.empty()) return false;
  if (matches(exclude, std::string(address))) return true;
  // Who excludes a mailbox means all of it: its mail and the files in its home.
  const auto mailbox = mailbox_of(address);
  return !mailbox.empty() && matches(exclude, "mailbox." + mailbox);
}

bool Selection::takes(std::string_view address) const {
  return (only.empty() || matches(only, std::string(address))) && !excludes(address);
}

State without_excluded(State state, const Selection& selection) {
  if (selection.exclude.empty()) return state;
  for_each_kind(state, [&](const std::string& prefix, auto& map) {
    std::erase_if(
        map, [&](const auto& item) { return selection.excludes(prefix + text_of(item.first)); });
  });
  // The mailbox stays where only its mail is excluded.
  for (auto& [name, mailbox] : state.mailboxes)
    if (selection.excludes("mail." + name.text())) mailbox.mail.reset();
  for (auto& [name, list] : state.lists)
    if (selection.excludes("archive." + name.text())) list.archive.reset();
  if (selection.excludes("files")) state.archive.reset();
  if (selection.excludes("limits")) state.limits.reset();
  if (selection.excludes("default")) state.default_delivery.reset();
  std::erase_if(state.left_out,
                [&](const LeftOut& item) { return selection.excludes(item.address); });
  return state;
}

std::vector<std::string> patterns_without_match(const State& state,
                                                const std::vector<std::string>& others,
                                                const Selection& selection) {
  // These addresses exist for every domain, whatever is in it.
  std::vector<std::string> addresses{"domain", "limits", "default", "files",
                                     "mail",   "repair", "alter",   "publish." + state.name.text()};
  for (const auto& other : others) {
    addresses.push_back(other);
    // The mail of a mailbox has an address of its own.
    if (other.starts_with("mailbox.")) addresses.push_back("mail." + other.substr(8));
  }
  for (const auto& alias : state.aliases) addresses.push_back("publish." + alias.text());
  for_each_kind(state, [&](const std::string& prefix, const auto& map) {
    for (const auto& item : map) addresses.push_back(prefix + text_of(item.first));
  });
  for (const auto& [name, mailbox] : state.mailboxes)
    for (const char* kind : {"mail.", "convert.", "repair."})
      addresses.push_back(kind + name.text());
  for (const auto& [name, list] : state.lists) addresses.push_back("archive." + name.text());
  for (const auto& item : state.left_out) addresses.push_back(item.address);
  std::vector<std::string> unmatched;
  for (const auto* patterns : {&selection.only, &selection.exclude})
    for (const auto& pattern : *patterns)
      if (std::none_of(addresses.begin(), addresses.end(),
                       [&](const std::string& address) { return matches({pattern}, address); }))
        unmatched.push_back(pattern);
  return unmatched;
}

}  // namespace vstate
