// A batch is one, what nobody named stays as it is, and whoever came first wins: for every store.

#include "conformance.h"
#include "support/steps.h"
#include "sys/local_system.h"

#include <sys/wait.h>
#include <unistd.h>

using namespace vstate;
using namespace vstate::test;

TEST_CASE("the servers of all databases that are compiled in are there", "[store][conformance]") {
  const auto missing = missing_databases();
  if (!missing.empty()) SKIP("the programs of " << missing.front() << " are not installed");
  SUCCEED();
}

TEST_CASE("conformance: what is committed is read back, from listing and look-up alike",
          "[store][conformance]") {
  for_each_store([](const StoreFixture& fixture) {
    auto odd = make_account("o'neil+{x}|~");
    odd.flags = 0x7fffffff;
    odd.is_apop = true;
    odd.quota = "10485760S,1000C";
    odd.gecos = "Mot\"s & 'quotes' \\ José %s ?";
    CHECK(fixture.commit({create(make_account("joe")), create(odd)}).empty());
    const auto accounts = fixture.accounts();
    REQUIRE(accounts.size() == 2);
    CHECK(fixture.account(odd.name) == odd);
    const auto index =
        StoreFixture::take(fixture.store().accounts().read_index(fixture.location()));
    REQUIRE(index.size() == 2);
    CHECK(index.at(odd.name) == odd);
    CHECK(fixture.store().accounts().index_problems(fixture.location())->empty());
    CHECK_FALSE(fixture.store().accounts().index_name(fixture.location()).empty());
  });
}

TEST_CASE("conformance: a domain has none of another domain's accounts", "[store][conformance]") {
  for_each_store([](const StoreFixture& fixture) {
    CHECK(fixture.commit({create(make_account("joe"))}).empty());
    const DomainLocation other{*DomainName::parse("other.example"),
                               "/srv/vpopmail/domains/other.example", fixture.location().owner};
    CHECK(StoreFixture::take(fixture.store().accounts().read(other)).empty());
    const Ownership owned{other.owner.uid, other.owner.gid, 0700};
    REQUIRE(fixture.session.system->make_directory(other.directory, owned));
    auto theirs = make_account("joe", "$1$other$x");
    theirs.home = other.directory + "/joe";
    CHECK(StoreFixture::take(fixture.store().accounts().commit(other, {create(theirs)}, nullptr))
              .empty());
    CHECK(fixture.account("joe") == make_account("joe"));
  });
}

TEST_CASE("conformance: committing twice changes nothing more", "[store][conformance][law]") {
  for_each_store([](const StoreFixture& fixture) {
    const std::vector<AccountChange> batch{create(make_account("joe")),
                                           create(make_account("ann"))};
    CHECK(fixture.commit(batch).empty());
    const auto once = fixture.accounts();
    CHECK(fixture.commit(batch).empty());
    CHECK(fixture.accounts() == once);
    const std::vector<AccountChange> end{remove(make_account("joe"))};
    CHECK(fixture.commit(end).empty());
    CHECK(fixture.commit(end).empty());
    CHECK(fixture.accounts() == std::vector<Account>{make_account("ann")});
  });
}

TEST_CASE("conformance: a batch with an account that cannot be written writes nothing",
          "[store][conformance]") {
  for_each_store([](const StoreFixture& fixture) {
    CHECK(fixture.commit({create(make_account("joe"))}).empty());
    const auto before = fixture.accounts();
    auto broken = make_account("zoe");
    broken.gecos = std::string("a\0b", 3);
    const auto result = fixture.store().accounts().commit(
        fixture.location(), {create(make_account("bob")), create(broken)}, nullptr);
    REQUIRE_FALSE(result);
    CHECK_THAT(result.error().message, ContainsSubstring("zoe"));
    CHECK(fixture.accounts() == before);
  });
}

TEST_CASE("conformance: fields that a change does not name keep what others wrote meanwhile",
          "[store][conformance]") {
  for_each_store([](const StoreFixture& fixture) {
    const auto planned = make_account("joe");
    CHECK(fixture.commit({create(planned)}).empty());
    auto theirs = planned;
    theirs.gecos = "changed by qmailadmin";
    CHECK(fixture.commit({change(planned, theirs)}).empty());
    auto ours = planned;
    ours.password = Secret("$1$new$hash");
    CHECK(fixture.commit({change(planned, ours)}).empty());
    const auto now = fixture.account("joe");
    CHECK(now.gecos == "changed by qmailadmin");
    CHECK(now.password == ours.password);
  });
}

TEST_CASE(
    "conformance: a field that others changed meanwhile is a conflict, and the others are made",
    "[store][conformance]") {
  for_each_store([](const StoreFixture& fixture) {
    const auto joe = make_account("joe"), ann = make_account("ann");
    CHECK(fixture.commit({create(joe), create(ann)}).empty());
    auto theirs = joe;
    // In another case: a column's collation does not decide what a hash is.
    theirs.password = Secret("$1$X$Y");
    CHECK(fixture.commit({change(joe, theirs)}).empty());
    auto ours_joe = joe, ours_ann = ann;
    ours_joe.password = ours_ann.password = Secret("$1$ours$x");
    const auto conflicts = fixture.commit({change(joe, ours_joe), change(ann, ours_ann)});
    REQUIRE(conflicts.size() == 1);
    CHECK(conflicts[0].name == "joe");
    CHECK(fixture.account("joe") == theirs);
    CHECK(fixture.account("ann") == ours_ann);
  });
}

TEST_CASE("conformance: an account that others made or removed meanwhile is a conflict",
          "[store][conformance]") {
  for_each_store([](const StoreFixture& fixture) {
    CHECK(fixture.commit({create(make_account("joe"))}).empty());
    const auto made = fixture.commit({create(make_account("joe", "$1$ours$x"))});
    REQUIRE(made.size() == 1);
    CHECK(fixture.account("joe") == make_account("joe"));
    const auto gone = fixture.commit({change(make_account("ann"), make_account("ann", "$1$a$b"))});
    REQUIRE(gone.size() == 1);
    CHECK(gone[0].name == "ann");
    CHECK(fixture.accounts().size() == 1);
  });
}

TEST_CASE("conformance: an old spelling of a quota is no conflict", "[store][conformance]") {
  for_each_store([](const StoreFixture& fixture) {
    auto old = make_account("joe");
    old.quota = "10M";
    CHECK(fixture.commit({create(old)}).empty());
    auto before = old, after = old;
    before.quota = "10485760S";
    after.quota = "20971520S";
    CHECK(fixture.commit({change(before, after)}).empty());
    CHECK(fixture.account("joe").quota == "20971520S");
  });
}

TEST_CASE("conformance: counters and free directories come back as they were written",
          "[store][conformance]") {
  for_each_store([](const StoreFixture& fixture) {
    Placement placement =
        StoreFixture::take(fixture.store().accounts().read_placement(fixture.location()));
    CHECK(placement.counter == DirControl{});
    for (int i = 0; i < 150; ++i) (void)next_directory(placement);
    placement.free_directories = {"0", "0/3"};
    CHECK(fixture.commit({create(make_account("joe"))}, &placement).empty());
    const auto back =
        StoreFixture::take(fixture.store().accounts().read_placement(fixture.location()));
    CHECK(back.counter.current_users == 150);
    CHECK(back.counter.directory == "0");
    CHECK(back.free_directories == placement.free_directories);
    auto again = placement, next = back;
    again.free_directories.clear();
    next.free_directories.clear();
    for (int i = 0; i < 200; ++i) CHECK(next_directory(again) == next_directory(next));

    const Owner owner = fixture.location().owner;
    auto counter = StoreFixture::take(fixture.store().domains_counter().read(owner));
    CHECK(counter.current_users == 0);
    advance(counter);
    REQUIRE(fixture.store().domains_counter().write(owner, counter));
    CHECK(StoreFixture::take(fixture.store().domains_counter().read(owner)).current_users == 1);
  });
}

TEST_CASE("conformance: limits come and go", "[store][conformance]") {
  for_each_store([](const StoreFixture& fixture) {
    const auto read = [&] {
      return StoreFixture::take(fixture.store().limits().read(fixture.location()));
    };
    CHECK_FALSE(read());
    const std::optional<Limits> first = Limits{{"maxpopaccounts", 50},
                                               {"disable_imap", 1},
                                               {"default_quota", 31457280},
                                               {"perm_account", 6}};
    REQUIRE(fixture.store().limits().write(fixture.location(), std::nullopt, first));
    CHECK(read() == first);
    const std::optional<Limits> second = Limits{{"disable_webmail", 1}};
    REQUIRE(fixture.store().limits().write(fixture.location(), first, second));
    REQUIRE(fixture.store().limits().write(fixture.location(), first, second));
    CHECK(read() == second);
    const std::optional<Limits> none = Limits{};
    REQUIRE(fixture.store().limits().write(fixture.location(), second, none));
    CHECK(read() == none);
    REQUIRE(fixture.store().limits().write(fixture.location(), none, std::nullopt));
    CHECK_FALSE(read());
  });
}

TEST_CASE("conformance: last logins are kept with their time", "[store][conformance]") {
  for_each_store([](const StoreFixture& fixture) {
    const auto joe = make_account("joe");
    CHECK(fixture.commit({create(joe), create(make_account("ann"))}).empty());
    const Ownership owned{fixture.location().owner.uid, fixture.location().owner.gid, 0700};
    REQUIRE(fixture.session.system->make_directory(joe.home, owned));
    const auto at = [](std::int64_t seconds) {
      return std::chrono::sys_seconds(std::chrono::seconds(seconds));
    };
    const LastLogin first{at(1795519893), "192.0.2.7"}, later{at(1795519999), "0.0.0.0"};
    const auto write = [&](const LastLogin& login) {
      CHECK(StoreFixture::take(
                fixture.store().logins().write(fixture.location(), {{"joe", joe.home, login}}))
                .empty());
      return StoreFixture::take(
          fixture.store().logins().read(fixture.location(), fixture.accounts()));
    };
    const auto logins = write(first);
    REQUIRE(logins.size() == 1);
    CHECK(logins.at("joe").login == first);
    CHECK(write(later).at("joe").login == later);
  });
}

TEST_CASE("conformance: rows of aliases keep their order, and are replaced as one",
          "[store][conformance]") {
  for_each_store([](const StoreFixture& fixture) {
    const std::vector<std::string> lines{"&z@example.org", "a@example.org", "|/bin/cat -e",
                                         "&a'b@example.org"};
    const std::vector<std::string> fewer{"a@example.org"};
    const auto takes = StoreFixture::take(
        fixture.store().aliases().takes_rows(fixture.location(), "sales", lines));
    const auto write = [&](const std::vector<std::string>& before,
                           const std::vector<std::string>& after) {
      return fixture.store().aliases().write_rows(fixture.location(), "sales", before, after);
    };
    CHECK(write({}, lines).has_value() == takes);
    const AliasRows expected = takes ? AliasRows{{"sales", lines}} : AliasRows{};
    CHECK(StoreFixture::take(fixture.store().aliases().read_rows(fixture.location())) == expected);
    CHECK(write({}, lines).has_value() == takes);
    CHECK_FALSE(write({"&other@example.org"}, fewer).has_value());
    CHECK(write(lines, fewer).has_value() == takes);
    CHECK(write(fewer, {}).has_value() == takes);
    CHECK(StoreFixture::take(fixture.store().aliases().read_rows(fixture.location())).empty());
    // What vdelivermail reads otherwise than qmail-local never becomes rows.
    for (const auto* line : {"+list", "./mbox", "", " &a@example.org", "&a@example.org "})
      CHECK_FALSE(StoreFixture::take(
          fixture.store().aliases().takes_rows(fixture.location(), "odd", {line})));
    CHECK_FALSE(StoreFixture::take(
        fixture.store().aliases().takes_rows(fixture.location(), "a-default", {"|echo $DEFAULT"})));
  });
}

TEST_CASE("conformance: rows that take the place of others keep their order too",
          "[store][conformance]") {
  for_each_store([](const StoreFixture& fixture) {
    const std::vector<std::string> first{"&a@example.org", "&b@example.org", "&c@example.org"};
    const std::vector<std::string> second{"&f@example.org", "&d@example.org", "&e@example.org"};
    if (!StoreFixture::take(
            fixture.store().aliases().takes_rows(fixture.location(), "sales", first)))
      return;
    const auto write = [&](const std::string& name, const std::vector<std::string>& before,
                           const std::vector<std::string>& after) {
      REQUIRE(fixture.store().aliases().write_rows(fixture.location(), name, before, after));
    };
    write("other", {}, first);
    write("sales", {}, first);
    write("last", {}, first);
    write("other", first, {});
    write("sales", first, second);
    CHECK(StoreFixture::take(fixture.store().aliases().read_rows(fixture.location())) ==
          AliasRows{{"sales", second}, {"last", first}});
  });
}

TEST_CASE("conformance: rows are replaced as one, wherever it stops",
          "[store][conformance][crash]") {
  const std::vector<std::string> before{"&a@example.org", "&b@example.org", "&c@example.org"};
  const std::vector<std::string> after{"&d@example.org", "&b@example.org"};
  for_each_store([&](const StoreFixture& fixture) {
    const auto read = [&] {
      return StoreFixture::take(fixture.store().aliases().read_rows(fixture.location()))["sales"];
    };
    if (!StoreFixture::take(
            fixture.store().aliases().takes_rows(fixture.location(), "sales", before)))
      return;
    bool is_done = false;
    for (long step = 1; !is_done; ++step) {
      INFO("stopped before step " << step);
      REQUIRE(fixture.store().aliases().write_rows(fixture.location(), "sales", read(), before));
      {
        auto system = std::make_unique<SteppedSystem>(fixture.server.sandbox().root(), step);
        auto stopped = fixture.server.open(std::move(system));
        is_done = stopped.store->aliases()
                      .write_rows(fixture.location(), "sales", before, after)
                      .has_value();
      }
      // What a plan sees is what the next apply begins with.
      const auto seen = read();
      CHECK((seen == before || seen == after));
      REQUIRE(fixture.store().backend().mend());
      CHECK(read() == seen);
      // Somebody else's rows are never made of a change that was stopped.
      REQUIRE(fixture.store().aliases().write_rows(fixture.location(), "sales", seen,
                                                   {"&x@y.example"}));
      REQUIRE(fixture.store().backend().mend());
      CHECK(read() == std::vector<std::string>{"&x@y.example"});
    }
  });
}

TEST_CASE("conformance: alias domains are listed where the back-end keeps a list",
          "[store][conformance]") {
  for_each_store([](const StoreFixture& fixture) {
    const auto read = [&] {
      return StoreFixture::take(fixture.store().aliases().read_domains(fixture.location()));
    };
    const bool keeps_list = read().has_value();
    REQUIRE(fixture.store().aliases().write_domain(fixture.location(), "example.net", true));
    REQUIRE(fixture.store().aliases().write_domain(fixture.location(), "example.net", true));
    if (keeps_list) CHECK(read() == std::set<std::string>{"example.net"});
    REQUIRE(fixture.store().aliases().write_domain(fixture.location(), "example.net", false));
    CHECK(read().value_or(std::set<std::string>()).empty());
  });
}

namespace {

/// Stops in the middle of a change for good, and says so into a pipe.
class WaitingSystem : public LocalSystem {
 public:
  WaitingSystem(std::string root, long step, int tell)
      : LocalSystem(std::move(root)), step_(step), tell_(tell) {}
  Status before_step(std::string_view, std::string_view) override {
    if (++steps_ == step_) {
      (void)!write(tell_, "x", 1);
      pause();
    }
    return {};
  }

 private:
  long step_, steps_ = 0;
  int tell_;
};

}  // namespace

TEST_CASE("conformance: a change that another process has begun is waited for, and then told",
          "[store][conformance]") {
  for_each_store([](const StoreFixture& fixture) {
    const auto joe = make_account("joe");
    CHECK(fixture.commit({create(joe)}).empty());
    const auto theirs = make_account("joe", "$1$theirs$x"), ours = make_account("joe", "$1$ours$x");
    // The last step of a commit is taken with everything locked.
    auto counting = std::make_unique<SteppedSystem>(fixture.server.sandbox().root());
    const auto* counter = counting.get();
    auto other = fixture.server.open(std::move(counting));
    const auto before = counter->steps();
    REQUIRE(other.store->accounts().commit(fixture.location(), {change(joe, theirs)}, nullptr));
    const long last = counter->steps() - before;
    REQUIRE(fixture.commit({change(theirs, joe)}).empty());
    int tells[2];
    REQUIRE(pipe(tells) == 0);
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      auto session = fixture.server.open(
          std::make_unique<WaitingSystem>(fixture.server.sandbox().root(), last, tells[1]));
      (void)session.store->accounts().commit(fixture.location(), {change(joe, theirs)}, nullptr);
      _exit(1);
    }
    char byte = 0;
    REQUIRE(read(tells[0], &byte, 1) == 1);
    auto session = fixture.server.open();
    session.server.lock_seconds = 1;
    session.store = StoreFixture::take(open_store(*session.system, session.server));
    const auto result =
        session.store->accounts().commit(fixture.location(), {change(joe, ours)}, nullptr);
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    for (const int end : tells) close(end);
    REQUIRE_FALSE(result);
    INFO(result.error().message);
    CHECK(result.error().code == Errc::busy);
    session.store = nullptr;
    // What was begun was taken back, or waits for its index; then it is our turn.
    auto now = fixture.account("joe");
    CHECK(fixture.commit({change(now, ours)}).empty());
    CHECK(fixture.account("joe") == ours);
  });
}

TEST_CASE("conformance: what others did to the placement since the homes were chosen stays",
          "[store][conformance][law]") {
  for_each_store([](const StoreFixture& fixture) {
    auto& accounts = fixture.store().accounts();
    const auto placement = [&] {
      return StoreFixture::take(accounts.read_placement(fixture.location()));
    };
    auto first = placement();
    for (int i = 0; i < 97; ++i) (void)next_directory(first);
    first.free_directories = {"0", "0", "1"};
    CHECK(fixture.commit({create(make_account("first"))}, &first).empty());
    const auto before = placement();
    auto after = before;
    CHECK(next_directory(after) == "0");
    give_back(after, "5");
    // Two accounts more, one of them in a directory of the list, and a removal that adds one to it.
    auto theirs = before;
    CHECK(next_directory(theirs) == "0");
    (void)advance(theirs.counter);
    give_back(theirs, "7");
    CHECK(fixture.commit({create(make_account("theirs"))}, &theirs).empty());
    const PlacementChange ours{before, after};
    const std::vector<AccountChange> changes{create(make_account("ours")),
                                             {"first", fixture.account("first"), std::nullopt}};
    CHECK(StoreFixture::take(accounts.commit(fixture.location(), changes, &ours)).empty());
    CHECK(placement().free_directories == std::vector<std::string>{"1", "7", "5"});
    CHECK(placement().counter.current_users == theirs.counter.current_users);
    CHECK_FALSE(*accounts.is_unfinished(fixture.location()));
  });
}

namespace {

/// What an apply does to bring these accounts in: the homes that the placement gives, in order.
Status add_accounts(AccountStore& store, const DomainLocation& domain,
                    const std::vector<std::string>& names) {
  VSTATE_TRY_ASSIGN(const bool is_unfinished, store.accounts().is_unfinished(domain));
  if (is_unfinished) VSTATE_TRY(store.accounts().finish(domain));
  VSTATE_TRY_ASSIGN(const auto there, store.accounts().read_index(domain));
  VSTATE_TRY_ASSIGN(const auto before, store.accounts().read_placement(domain));
  auto placement = before;
  std::vector<AccountChange> changes;
  for (const auto& name : names) {
    if (there.contains(name)) continue;
    auto account = make_account(name);
    account.home = path_join(path_join(domain.directory, next_directory(placement)), name);
    changes.push_back(create(account));
  }
  if (changes.empty()) return {};
  const PlacementChange moved{before, placement};
  VSTATE_TRY(store.accounts().commit(domain, changes, &moved));
  return {};
}

}  // namespace

TEST_CASE("conformance: a commit that stops at any step and is run again ends as if it had not",
          "[store][conformance][law][crash]") {
  for (const auto& kind : store_kinds()) {
    DYNAMIC_SECTION(kind.name) {
      const std::vector<std::string> names{"ann", "bob", "cid", "dan", "eve", "fay"};
      const auto prepare = [](const StoreFixture& fixture) {
        auto placement =
            StoreFixture::take(fixture.store().accounts().read_placement(fixture.location()));
        for (int i = 0; i < 97; ++i) (void)next_directory(placement);
        placement.free_directories = {"0"};
        CHECK(fixture.commit({create(make_account("old"))}, &placement).empty());
      };
      const StoreFixture whole(kind);
      prepare(whole);
      auto counting = std::make_unique<SteppedSystem>(whole.server.sandbox().root());
      const auto* counter = counting.get();
      auto session = whole.server.open(std::move(counting));
      REQUIRE(add_accounts(*session.store, whole.location(), names));
      const long steps = counter->steps();
      const auto expected = whole.accounts();
      const auto placement =
          StoreFixture::take(whole.store().accounts().read_placement(whole.location()));
      REQUIRE(expected.size() == names.size() + 1);
      REQUIRE(steps > 3);
      for (const long step : steps_to_stop_at(steps, 5)) {
        INFO("stopped before step " << step << " of " << steps);
        const StoreFixture fixture(kind);
        prepare(fixture);
        {
          auto stopped = fixture.server.open(
              std::make_unique<SteppedSystem>(fixture.server.sandbox().root(), step));
          REQUIRE_FALSE(add_accounts(*stopped.store, fixture.location(), names));
        }
        REQUIRE(add_accounts(fixture.store(), fixture.location(), names));
        CHECK(fixture.accounts() == expected);
        CHECK(StoreFixture::take(fixture.store().accounts().read_placement(fixture.location())) ==
              placement);
        CHECK_FALSE(*fixture.store().accounts().is_unfinished(fixture.location()));
        CHECK(fixture.store().accounts().index_problems(fixture.location())->empty());
      }
    }
  }
}
