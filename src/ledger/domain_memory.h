/// \file
/// What the last apply left of the parts of each domain, as keyed digests; the key lies in the
/// ledger and nowhere else.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "ledger/subject.h"
#include "vstate/base/result.h"
#include "vstate/plan/memory.h"

namespace vstate {

class Database;

/// A part of a Ledger, valid as long as that is open.
class DomainMemory {
 public:
  explicit DomainMemory(Database& database) : database_(database) {}

  /// What is known of these items; of the others the Memory knows nothing.
  [[nodiscard]] Result<Memory> memory_of(const Subject&, const std::set<std::string>& items) const;
  /// Takes what an apply left, but for the items in `failed`. A domain that was made anew forgets
  /// all that was known first.
  Status remember(const Subject&, const MemoryUpdate&, const std::set<std::string>& failed,
                  bool is_new);
  /// True if `remember` would change something.
  [[nodiscard]] Result<bool> is_news(const Subject&, const MemoryUpdate&) const;

 private:
  /// Nothing: the item is not known. One without parts is another thing.
  using ItemParts = std::map<std::string, std::string>;
  [[nodiscard]] Result<std::optional<ItemParts>> parts_of(std::int64_t domain,
                                                          const std::string& item) const;
  [[nodiscard]] Result<std::string> key() const;

  Database& database_;
};

}  // namespace vstate
