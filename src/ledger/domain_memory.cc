// The third side of values: for each item of a domain, such as a mailbox, a digest of each of its
// parts as the last apply left them. The key of the digests is random and of this ledger alone, so
// that digests made beforehand, or those of another server, say nothing about a value. How a value
// is judged by them is the matter of plan/memory.h.

#include "ledger/domain_memory.h"

#include <algorithm>

#include "ledger/database.h"
#include "ledger/domains.h"

namespace vstate {

namespace {

/// Not a part: says that the item is known, also when it has no part at all.
constexpr std::string_view k_item_itself;

}  // namespace

Result<std::string> DomainMemory::key() const {
  VSTATE_TRY_ASSIGN(const auto query,
                    database_.prepare("SELECT value FROM meta WHERE name = 'key'"));
  VSTATE_TRY_ASSIGN(const bool has_row, query->step());
  // The first transaction on a new ledger writes the key, so one without it is not as vstate left
  // it. Another key would make each value look changed.
  if (!has_row) return database_.damaged("has no key");
  return query->text(0);
}

Result<std::optional<DomainMemory::ItemParts>> DomainMemory::parts_of(
    std::int64_t domain, const std::string& item) const {
  std::optional<ItemParts> parts;
  VSTATE_TRY_ASSIGN(
      const auto query,
      database_.prepare("SELECT part, digest FROM part WHERE domain = ? AND item = ?"));
  query->bind(domain).bind(item);
  while (true) {
    VSTATE_TRY_ASSIGN(const bool has_row, query->step());
    if (!has_row) return parts;
    if (!parts) parts.emplace();
    if (query->bytes(0) != k_item_itself) parts->emplace(query->text(0), query->text(1));
  }
}

Result<Memory> DomainMemory::memory_of(const Subject& name,
                                       const std::set<std::string>& items) const {
  VSTATE_TRY_ASSIGN(const auto number, find_domain(database_, name));
  if (!number || items.empty()) return Memory();
  VSTATE_TRY_ASSIGN(auto secret, key());
  RememberedParts known;
  // All items are read of one moment, and with one lock instead of one for each of thousands of
  // items.
  VSTATE_TRY(database_.in_one_look([&]() -> Status {
    for (const auto& item : items) {
      VSTATE_TRY_ASSIGN(auto parts, parts_of(*number, item));
      if (parts) known.emplace(item, *std::move(parts));
    }
    return {};
  }));
  return Memory(std::move(secret), std::move(known));
}

namespace {

/// What is known of an item once an update is taken; nothing: it is forgotten.
std::optional<std::map<std::string, std::string>> updated(
    const std::map<std::string, std::optional<std::string>>& update,
    const std::optional<std::map<std::string, std::string>>& known, const std::string& key) {
  if (update.empty()) return std::nullopt;
  std::map<std::string, std::string> parts;
  for (const auto& [part, text] : update) {
    if (text) {
      parts.emplace(part, digest_of_part(key, *text));
      continue;
    }
    // A part without a text was kept as it is here, so what is remembered of it stays.
    if (!known) continue;
    const auto old = known->find(part);
    if (old != known->end()) parts.emplace(part, old->second);
  }
  return parts;
}

}  // namespace

Result<bool> DomainMemory::is_news(const Subject& name, const MemoryUpdate& update) const {
  VSTATE_TRY_ASSIGN(const auto number, find_domain(database_, name));
  if (!number) return !update.empty();
  VSTATE_TRY_ASSIGN(const auto secret, key());
  bool is_news = false;
  VSTATE_TRY(database_.in_one_look([&]() -> Status {
    for (const auto& [item, parts] : update) {
      VSTATE_TRY_ASSIGN(const auto known, parts_of(*number, item));
      is_news = updated(parts, known, secret) != known;
      if (is_news) break;
    }
    return {};
  }));
  return is_news;
}

Status DomainMemory::remember(const Subject& name, const MemoryUpdate& update,
                              const std::set<std::string>& failed, bool is_new) {
  return database_.in_transaction([&]() -> Status {
    VSTATE_TRY_ASSIGN(const auto number, domain_number(database_, name));
    // A domain of the same name was here before; what it left says nothing about the new one.
    if (is_new) {
      VSTATE_TRY_ASSIGN(const auto forget, database_.prepare("DELETE FROM part WHERE domain = ?"));
      VSTATE_TRY(forget->bind(number).run());
    }
    VSTATE_TRY_ASSIGN(const auto secret, key());
    VSTATE_TRY_ASSIGN(const auto remove,
                      database_.prepare("DELETE FROM part WHERE domain = ? AND item = ?"));
    VSTATE_TRY_ASSIGN(const auto insert, database_.prepare("INSERT INTO part VALUES(?, ?, ?, ?)"));
    for (const auto& [item, parts] : update) {
      // What failed was not left as the file says; with the old memory the next run tries it again.
      if (failed.contains(item)) continue;
      VSTATE_TRY_ASSIGN(const auto known, parts_of(number, item));
      const auto after = updated(parts, known, secret);
      if (after && after == known) continue;
      VSTATE_TRY(remove->bind(number).bind(item).run());
      if (!after) continue;
      VSTATE_TRY(insert->bind(number).bind(item).bind(k_item_itself).bind_bytes("").run());
      for (const auto& [part, digest] : *after)
        VSTATE_TRY(insert->bind(number).bind(item).bind(part).bind_bytes(digest).run());
    }
    return {};
  });
}

}  // namespace vstate
