// The demands on any account store, asked of the cdb one: a batch is one, what nobody named stays
// as it is, and whoever came first wins.

#include "format/cdb.h"
#include "store/account_store.h"
#include "support/catch.h"
#include "support/sandbox.h"

using namespace vstate;
using namespace vstate::test;

namespace {

constexpr const char* k_domain = "/srv/vpopmail/domains/example.com";

class Fixture {
 public:
  Fixture() : session(server.open()) {
    const Ownership owned{server.owner().uid, server.owner().gid, 0700};
    REQUIRE(session.system->make_directory(k_domain, owned));
  }
  [[nodiscard]] DomainLocation location() const {
    return {*DomainName::parse("example.com"), k_domain, server.owner()};
  }
  [[nodiscard]] std::vector<AccountConflict> commit(const std::vector<AccountChange>& changes,
                                                    const Placement* placement = nullptr) {
    auto& accounts = session.store->accounts();
    PlacementChange moved;
    if (placement != nullptr) moved = {*accounts.read_placement(location()), *placement};
    auto conflicts = accounts.commit(location(), changes, placement == nullptr ? nullptr : &moved);
    INFO((conflicts ? std::string() : conflicts.error().message));
    REQUIRE(conflicts);
    return *conflicts;
  }
  [[nodiscard]] std::string vpasswd() const {
    return server.read(std::string(k_domain) + "/vpasswd");
  }

  Sandbox server;
  engine::Session session;
};

Account account(const std::string& name, const std::string& hash = "$1$x$y") {
  Account out;
  out.name = name;
  out.password = Secret(hash);
  out.gecos = name;
  out.home = std::string(k_domain) + "/" + name;
  out.quota = "NOQUOTA";
  return out;
}

AccountChange create(const Account& after) { return {after.name, std::nullopt, after}; }
AccountChange change(const Account& before, const Account& after) {
  return {after.name, before, after};
}

}  // namespace

TEST_CASE("what is committed is read back, from listing and index alike", "[store]") {
  Fixture fixture;
  auto odd = account("o'neil+{x}|~");
  odd.flags = 0x8000000000000001;
  odd.is_apop = true;
  odd.quota = "10485760S,1000C";
  CHECK(fixture.commit({create(account("joe")), create(odd)}).empty());
  const auto accounts = fixture.session.store->accounts().read(fixture.location());
  REQUIRE(accounts);
  REQUIRE(accounts->size() == 2);
  CHECK((*accounts)[1] == odd);
  CHECK(fixture.session.store->accounts().index_problems(fixture.location())->empty());
  const auto index = fixture.server.read(std::string(k_domain) + "/vpasswd.cdb");
  CHECK(cdb::find(index, "joe").has_value());
}

TEST_CASE("committing twice changes nothing more", "[store][law]") {
  Fixture fixture;
  const std::vector<AccountChange> batch{create(account("joe")), create(account("ann"))};
  CHECK(fixture.commit(batch).empty());
  const auto once = fixture.vpasswd();
  CHECK(fixture.commit(batch).empty());
  CHECK(fixture.vpasswd() == once);
}

TEST_CASE("a batch with an account that cannot be written writes nothing", "[store]") {
  Fixture fixture;
  CHECK(fixture.commit({create(account("joe"))}).empty());
  const auto before = fixture.vpasswd();
  auto broken = account("ann");
  broken.gecos = "a:b";
  CHECK_FALSE(fixture.session.store->accounts().commit(
      fixture.location(), {create(account("bob")), create(broken)}, nullptr));
  CHECK(fixture.vpasswd() == before);
}

TEST_CASE("fields that a change does not name keep what others wrote meanwhile", "[store]") {
  Fixture fixture;
  const auto planned = account("joe");
  CHECK(fixture.commit({create(planned)}).empty());
  auto theirs = planned;
  theirs.gecos = "changed by qmailadmin";
  CHECK(fixture.commit({change(planned, theirs)}).empty());
  auto ours = planned;
  ours.password = Secret("$1$new$hash");
  CHECK(fixture.commit({change(planned, ours)}).empty());
  CHECK_THAT(fixture.vpasswd(), ContainsSubstring("joe:$1$new$hash:1:0:changed by qmailadmin:"));
}

TEST_CASE("a field that others changed meanwhile is a conflict, and the others are made",
          "[store]") {
  Fixture fixture;
  const auto joe = account("joe"), ann = account("ann");
  CHECK(fixture.commit({create(joe), create(ann)}).empty());
  auto theirs = joe;
  theirs.password = Secret("$1$theirs$x");
  CHECK(fixture.commit({change(joe, theirs)}).empty());
  auto ours_joe = joe, ours_ann = ann;
  ours_joe.password = ours_ann.password = Secret("$1$ours$x");
  const auto conflicts = fixture.commit({change(joe, ours_joe), change(ann, ours_ann)});
  REQUIRE(conflicts.size() == 1);
  CHECK(conflicts[0].name == "joe");
  CHECK_THAT(fixture.vpasswd(),
             ContainsSubstring("joe:$1$theirs$x:") && ContainsSubstring("ann:$1$ours$x:"));
}

TEST_CASE("an old spelling of a quota is no conflict", "[store]") {
  Fixture fixture;
  auto old = account("joe");
  old.quota = "10M";
  CHECK(fixture.commit({create(old)}).empty());
  auto before = old, after = old;
  before.quota = "10485760S";
  after.quota = "20971520S";
  CHECK(fixture.commit({change(before, after)}).empty());
  CHECK_THAT(fixture.vpasswd(), ContainsSubstring(":20971520S"));
}

TEST_CASE("lines of others stay byte for byte", "[store]") {
  Fixture fixture;
  const std::string foreign = "zoe:$1$a$b:1:0:Zoe:/elsewhere/zoe:10M:clear:text\n";
  fixture.server.write(std::string(k_domain) + "/vpasswd", foreign);
  CHECK(fixture.commit({create(account("joe"))}).empty());
  CHECK_THAT(fixture.vpasswd(), ContainsSubstring(foreign));
}

TEST_CASE("a stopped commit is finished if its accounts are there, and dropped if not",
          "[store][crash]") {
  for (const bool is_committed : {true, false}) {
    Fixture fixture;
    Placement placement;
    placement.counter.current_users = 1;
    CHECK(fixture.commit({create(account("joe"))}, &placement).empty());
    const auto pending = std::string(k_domain) + "/.vstate-dir-control";
    fixture.server.write(pending, std::string("7\n0\n3\n0 0 0\n61 61 61\n0 2 2\n0 0 0\n\n") +
                                      (is_committed ? "+joe\n-gone\n" : "+ann\n"));
    CHECK(*fixture.session.store->accounts().is_unfinished(fixture.location()));
    CHECK(fixture.session.store->accounts().finish(fixture.location()));
    CHECK_FALSE(*fixture.session.store->accounts().is_unfinished(fixture.location()));
    const auto after = fixture.session.store->accounts().read_placement(fixture.location());
    REQUIRE(after);
    CHECK(after->counter.current_users == (is_committed ? 7U : 1U));
  }
}
