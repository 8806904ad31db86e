// A three-way comparison needs to know what a person changed, and not only that something did: the
// password here and the quota in the file are two decisions. So each value is cut into parts with
// exact texts, and one part can be taken from either side.

#include "vstate/model/parts.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "vstate/base/digest.h"
#include "vstate/base/text.h"

namespace vstate {

namespace {

/// One fixed part of a Value.
template <class Value>
struct Part {
  std::string_view name;
  std::string (*text)(const Value&);
  void (*take)(Value&, const Value&);
  bool (*is_same)(const Value&, const Value&) = nullptr;
};

/// Parts go into plans and memories, which need to know of a secret only whether it is the same.
std::string text_of(const Secret& secret) {
  return secret.empty() ? std::string() : "sha256:" + sha256_hex(secret.reveal());
}
std::string text_of(const std::string& text) { return text; }
std::string text_of(const DeliveryLines& lines) { return join(lines, "\n"); }
// The "=" tells an empty text from none.
std::string text_of(const std::optional<std::string>& text) { return text ? "=" + *text : ""; }
std::string text_of(bool is_set) { return is_set ? "1" : "0"; }
std::string text_of(std::uint64_t number) { return std::to_string(number); }
std::string text_of(const Quota& quota) {
  return fmt::format("{}/{}", quota.bytes, quota.messages);
}

/// The part that is one member.
template <auto Member, class Value>
constexpr Part<Value> member_part(std::string_view name) {
  return {name, [](const Value& value) { return text_of(value.*Member); },
          [](Value& into, const Value& from) { into.*Member = from.*Member; },
          [](const Value& one, const Value& other) { return one.*Member == other.*Member; }};
}

constexpr std::array k_mailbox{
    // A clear-text password belongs to its hash and goes where it goes.
    Part<Mailbox>{
        "password", [](const Mailbox& mailbox) { return text_of(mailbox.password); },
        [](Mailbox& into, const Mailbox& from) {
          into.password = from.password;
          into.clear_password = from.clear_password;
        },
        [](const Mailbox& one, const Mailbox& other) { return one.password == other.password; }},
    member_part<&Mailbox::is_apop, Mailbox>("apop"),
    member_part<&Mailbox::gecos, Mailbox>("gecos"),
    member_part<&Mailbox::quota, Mailbox>("quota"),
    member_part<&Mailbox::flags, Mailbox>("flags"),
    member_part<&Mailbox::deliver, Mailbox>("deliver"),
    member_part<&Mailbox::vacation, Mailbox>("vacation")};

constexpr std::array k_alias{member_part<&Alias::deliver, Alias>("deliver"),
                             member_part<&Alias::forwards_only, Alias>("forwards_only")};

constexpr std::array k_autoresponder{
    member_part<&Autoresponder::message, Autoresponder>("message"),
    member_part<&Autoresponder::copy_to, Autoresponder>("copy_to"),
    member_part<&Autoresponder::program, Autoresponder>("program"),
    Part<Autoresponder>{"limit",
                        [](const Autoresponder& robot) {
                          return fmt::format("{}/{}", robot.replies, robot.seconds);
                        },
                        [](Autoresponder& into, const Autoresponder& from) {
                          into.replies = from.replies;
                          into.seconds = from.seconds;
                        }}};

template <class Value, std::size_t Size>
Parts parts_by(const std::array<Part<Value>, Size>& table, const Value& value) {
  Parts parts;
  for (const auto& part : table) parts.emplace(part.name, part.text(value));
  return parts;
}

template <class Value, std::size_t Size>
void take_by(const std::array<Part<Value>, Size>& table, Value& into, const Value& from,
             const std::string& name) {
  for (const auto& part : table)
    // A name that is no part of this value takes nothing.
    if (part.name == name) part.take(into, from);
}

template <class Map>
void take_entry(Map& into, const Map& from, const std::string& key) {
  const auto found = from.find(key);
  // What the other side lacks goes here as well, which is how a removal is taken over.
  if (found == from.end())
    into.erase(key);
  else
    into[key] = found->second;
}

void take_member(std::set<std::string>& into, const std::set<std::string>& from,
                 const std::string& member) {
  if (from.contains(member))
    into.insert(member);
  else
    into.erase(member);
}

/// "address/mod/a@b" -> "address", "mod/a@b".
std::pair<std::string, std::string> split_name(const std::string& part) {
  const auto slash = part.find('/');
  if (slash == std::string::npos) return {part, {}};
  return {part.substr(0, slash), part.substr(slash + 1)};
}

}  // namespace

Parts parts_of(const Mailbox& mailbox) { return parts_by(k_mailbox, mailbox); }
Parts parts_of(const Alias& alias) { return parts_by(k_alias, alias); }
Parts parts_of(const Autoresponder& robot) { return parts_by(k_autoresponder, robot); }

bool have_same_parts(const Mailbox& one, const Mailbox& other) {
  // Comparing members makes no texts and no digests, which counts with 100,000 mailboxes that are
  // all alike.
  return std::all_of(k_mailbox.begin(), k_mailbox.end(),
                     [&](const auto& part) { return part.is_same(one, other); });
}

Parts parts_of(const List& list) {
  Parts parts{{"key", text_of(list.key)}};
  // Each address is a part: one that subscribed here and one that left there do not contradict each
  // other.
  for (const auto& [sub, addresses] : list.addresses)
    for (const auto& address : addresses)
      parts.emplace(fmt::format("address/{}/{}", sub, address), "");
  for (const auto& option : list.options) parts.emplace("option/" + option, "");
  for (const auto& [name, text] : list.files) parts.emplace("file/" + name, text);
  for (const auto& [suffix, target] : list.links) parts.emplace("link/" + suffix, target);
  return parts;
}

Parts parts_of(const File& file) {
  return {
      // A file is one part, since half of it from each side would be a file that nobody wrote.
      {"content", fmt::format("{} {:o} {}", static_cast<int>(file.kind), file.mode, file.content)}};
}

Parts parts_of(const Limits& limits) {
  Parts parts;
  for (const auto& [name, value] : limits) parts.emplace(name, std::to_string(value));
  return parts;
}

Parts parts_of(const DeliveryLines& lines) { return {{"deliver", text_of(lines)}}; }

void take_part(Mailbox& into, const Mailbox& from, const std::string& part) {
  take_by(k_mailbox, into, from, part);
}
void take_part(Alias& into, const Alias& from, const std::string& part) {
  take_by(k_alias, into, from, part);
}
void take_part(Autoresponder& into, const Autoresponder& from, const std::string& part) {
  take_by(k_autoresponder, into, from, part);
}

void take_part(List& into, const List& from, const std::string& part) {
  const auto [kind, name] = split_name(part);
  if (kind == "key") into.key = from.key;
  if (kind == "option") take_member(into.options, from.options, name);
  if (kind == "file") take_entry(into.files, from.files, name);
  if (kind == "link") take_entry(into.links, from.links, name);
  // A sub-list that the other side lacks is empty there, and so loses the address.
  if (kind != "address") return;
  const auto [sub, address] = split_name(name);
  const auto there = from.addresses.find(sub);
  take_member(into.addresses[sub],
              there == from.addresses.end() ? std::set<std::string>() : there->second, address);
}

void take_part(File& into, const File& from, const std::string&) { into = from; }
void take_part(Limits& into, const Limits& from, const std::string& part) {
  take_entry(into, from, part);
}
void take_part(DeliveryLines& into, const DeliveryLines& from, const std::string&) { into = from; }

std::string part_title(const std::string& part) {
  const auto [kind, name] = split_name(part);
  if (kind != "address") return name.empty() ? kind : fmt::format("{} {}", kind, name);
  const auto [sub, address] = split_name(name);
  if (sub.empty()) return "subscriber " + address;
  return fmt::format("{} {}", sub == "mod" ? "moderator" : sub + " address", address);
}

}  // namespace vstate
