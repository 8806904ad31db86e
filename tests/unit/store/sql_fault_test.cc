// A database that dies at a statement of an apply: the run says so, and when the database is
// there again the next run ends as if nothing had happened.

#include <set>

#include "support/catch.h"
#include "support/database.h"
#include "support/example.h"
#include "support/steps.h"
#include "sys/local_system.h"
#include "vstate/base/text.h"

using namespace vstate;
using namespace vstate::test;

namespace {

/// Kills the database before the statement numbered `last`.
class KillingSystem : public LocalSystem {
 public:
  KillingSystem(std::string root, DatabaseServer* database, long last = -1)
      : LocalSystem(std::move(root)), database_(database), last_(last) {}
  Status before_step(std::string_view what, std::string_view) override {
    if (what == "sql" && ++statements_ == last_) database_->run({"kill"});
    return {};
  }
  [[nodiscard]] long statements() const { return statements_; }

 private:
  DatabaseServer* database_;
  long last_;
  long statements_ = 0;
};

/// The example with another password, quota, alias, and account: changes of each kind.
std::string changed_document() {
  auto text = replace_all(example_document(), "bytes = 1048576", "bytes = 2097152");
  text = replace_all(text, "&bob@example.org", "&robert@example.org");
  text = replace_all(text, "max_mailboxes = 50", "max_mailboxes = 60");
  text = replace_all(text, "2026-01-31T08:00:00Z", "2026-02-01T08:00:00Z");
  return text + "\n[mailbox.carol]\npassword = \"$1$abcdefgh$G0Sl.XGRGVGmKJAhGkOGu1\"\n";
}

/// The lines that only one of two texts has.
std::string difference(const std::string& found, const std::string& expected) {
  std::multiset<std::string_view> left, right;
  for (const auto line : split_lines(found)) left.insert(line);
  for (const auto line : split_lines(expected)) right.insert(line);
  std::string out;
  for (const auto line : left)
    if (left.count(line) > right.count(line)) out += "+ " + std::string(line) + "\n";
  for (const auto line : right)
    if (right.count(line) > left.count(line)) out += "- " + std::string(line) + "\n";
  return out;
}

void kill_at_every_statement(const StoreKind& kind, const std::string& before,
                             const std::string& text) {
  const TemporaryDirectory archives;
  const auto file = domain_file(text, archives.path());
  const auto prepare = [&](const KindOfServer& server) {
    if (before.empty()) return;
    auto session = server.open();
    REQUIRE(apply(session, domain_file(before, archives.path())));
  };
  const KindOfServer whole(kind);
  prepare(whole);
  auto counting = std::make_unique<KillingSystem>(whole.sandbox().root(), whole.database());
  const auto* counter = counting.get();
  auto session = whole.open(std::move(counting));
  const auto report = apply(session, file);
  INFO((report ? std::string() : report.error().message));
  REQUIRE(report);
  REQUIRE(report->failures.empty());
  const auto expected = dump(session, "example.com", archives.path());
  const long statements = counter->statements();
  REQUIRE(statements > 5);
  for (const long last : steps_to_stop_at(statements, 4)) {
    INFO("killed before statement " << last << " of " << statements);
    const KindOfServer server(kind);
    prepare(server);
    {
      auto stopped = server.open(
          std::make_unique<KillingSystem>(server.sandbox().root(), server.database(), last));
      const auto result = apply(stopped, file);
      REQUIRE((!result || !result->failures.empty()));
      const auto message = result ? result->failures.front().message : result.error().message;
      CHECK_THAT(message, ContainsSubstring("database "));
      CHECK_THAT(message, !ContainsSubstring("Secret"));
    }
    server.database()->run({"start"});
    auto again = server.open();
    const auto result = apply(again, file);
    INFO((result ? std::string() : result.error().message));
    REQUIRE(result);
    REQUIRE(result->failures.empty());
    auto fresh = server.open();
    auto rest = difference(dump(fresh, "example.com", archives.path()), expected);
    for (const auto& action : plan(fresh, file).actions) rest += address_of(action) + "\n";
    CHECK(rest == "");
  }
}

void for_each_server(const std::string& before, const std::string& text) {
  for (const auto& kind : store_kinds()) {
    const bool has_server = kind.backend == "mysql" || kind.backend == "pgsql";
    if (!has_server || kind.version != "5.6.13" || !kind.many_domains) continue;
    DYNAMIC_SECTION(kind.name) { kill_at_every_statement(kind, before, text); }
  }
}

}  // namespace

TEST_CASE("a database killed at any statement of a new domain", "[store][apply][crash][law]") {
  for_each_server("", example_document());
}

TEST_CASE("a database killed at any statement of changes", "[store][apply][crash][law]") {
  for_each_server(example_document(), changed_document());
}

TEST_CASE("a domain survives a stop at every step with each kind of store",
          "[store][apply][crash][law]") {
  const TemporaryDirectory archives;
  const auto file = domain_file(example_document(), archives.path());
  for (const auto& kind : store_kinds()) {
    if (kind.version != "5.6.13" || kind.backend == "cdb") continue;
    DYNAMIC_SECTION(kind.name) {
      const KindOfServer whole(kind);
      auto counting = std::make_unique<SteppedSystem>(whole.sandbox().root());
      const auto* counter = counting.get();
      auto session = whole.open(std::move(counting));
      REQUIRE(apply(session, file));
      const auto expected = dump(session, "example.com", archives.path());
      const long steps = counter->steps();
      for (const long step : steps_to_stop_at(steps, 10)) {
        INFO("stopped before step " << step << " of " << steps);
        const KindOfServer server(kind);
        {
          auto stopped =
              server.open(std::make_unique<SteppedSystem>(server.sandbox().root(), step));
          const auto result = apply(stopped, file);
          REQUIRE((!result || !result->failures.empty()));
        }
        auto again = server.open();
        const auto result = apply(again, file);
        REQUIRE(result);
        REQUIRE(result->failures.empty());
        CHECK(plan(again, file).is_empty());
        CHECK(dump(again, "example.com", archives.path()) == expected);
      }
    }
  }
}
