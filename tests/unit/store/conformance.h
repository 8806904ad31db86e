/// \file
/// The demands on any account store, asked of every kind in turn. The suite knows nothing of kinds:
/// what a back-end may leave out, its interface says.
#pragma once

#include <string>
#include <vector>

#include "store/account_store.h"
#include "support/catch.h"
#include "support/database.h"

namespace vstate::test {

constexpr const char* k_domain_directory = "/srv/vpopmail/domains/example.com";

/// A domain without accounts on a server of some kind.
class StoreFixture {
 public:
  explicit StoreFixture(const StoreKind& kind) : server(kind), session(server.open()) {
    const Ownership owned{server.sandbox().owner().uid, server.sandbox().owner().gid, 0700};
    REQUIRE(session.system->make_directory(k_domain_directory, owned));
  }
  [[nodiscard]] AccountStore& store() const { return *session.store; }
  [[nodiscard]] DomainLocation location() const {
    return {*DomainName::parse("example.com"), k_domain_directory, server.sandbox().owner()};
  }
  /// Commits, and returns who was there first.
  [[nodiscard]] std::vector<AccountConflict> commit(const std::vector<AccountChange>& changes,
                                                    const Placement* placement = nullptr) const {
    PlacementChange moved;
    if (placement != nullptr)
      moved = {take(store().accounts().read_placement(location())), *placement};
    return take(
        store().accounts().commit(location(), changes, placement == nullptr ? nullptr : &moved));
  }
  [[nodiscard]] std::vector<Account> accounts() const {
    return take(store().accounts().read(location()));
  }
  [[nodiscard]] Account account(const std::string& name) const {
    for (auto& item : accounts())
      if (item.name == name) return item;
    FAIL("there is no account " + name);
    return {};
  }
  template <class T>
  static T take(Result<T> result) {
    INFO((result ? std::string() : result.error().message));
    REQUIRE(result);
    return *std::move(result);
  }

  KindOfServer server;
  engine::Session session;
};

inline Account make_account(const std::string& name, const std::string& hash = "$1$x$y") {
  Account out;
  out.name = name;
  out.password = Secret(hash);
  out.gecos = name;
  out.home = std::string(k_domain_directory) + "/" + name;
  out.quota = "NOQUOTA";
  return out;
}
inline AccountChange create(const Account& after) { return {after.name, std::nullopt, after}; }
inline AccountChange change(const Account& before, const Account& after) {
  return {after.name, before, after};
}
inline AccountChange remove(const Account& before) { return {before.name, before, std::nullopt}; }

/// Runs `body(fixture)` for each kind of store, in a section of its own.
template <class Body>
void for_each_store(Body body) {
  for (const auto& kind : store_kinds()) DYNAMIC_SECTION(kind.name) {
      const StoreFixture fixture(kind);
      body(fixture);
    }
}

}  // namespace vstate::test
