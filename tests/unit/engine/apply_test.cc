// What stands between a plan and its execution: somebody's word, and that it still holds.

#include "engine/run/apply_domains.h"

#include "engine/prepare.h"
#include "support/catch.h"
#include "support/example.h"
#include "support/sandbox.h"
#include "vstate/plan/fingerprint.h"

using namespace vstate;
using namespace vstate::test;
using engine::Ending;

namespace {

constexpr const char* k_none = "vstate = 1\n[domain]\nname = \"example.com\"\n";

/// Answers all that is asked, and keeps what it was asked.
class Answering final : public engine::RunObserver {
 public:
  explicit Answering(bool answer) : answer_(answer) {}
  bool may_delete(const Plan&, const Deletions& deletions, bool) override {
    asked = deletions;
    return answer_;
  }
  Deletions asked;

 private:
  bool answer_;
};

class Fixture {
 public:
  Fixture() : session(server.open()) {
    REQUIRE(apply(session, domain_file(example_document(), archives.path())));
    REQUIRE(engine::look_at_ledger(session));
  }
  [[nodiscard]] engine::DomainFile file(const std::string& text) const {
    return domain_file(text, archives.path());
  }
  engine::ApplyOutcome prune(engine::RunObserver& observer) {
    PlanOptions plan;
    plan.prune = true;
    plan.max_delete = 1000;
    return engine::apply_domain(session, file(k_none), {.plan = plan}, observer);
  }

  const TemporaryDirectory archives;
  const Sandbox server;
  engine::Session session;
};

}  // namespace

TEST_CASE("nothing is deleted unless somebody said so", "[engine][apply]") {
  Fixture fixture;
  const auto before = fixture.server.listing();
  engine::RunObserver silent;
  CHECK(fixture.prune(silent).ending == Ending::refused);
  Answering no(false);
  CHECK(fixture.prune(no).ending == Ending::refused);
  CHECK(no.asked.mailboxes > 0);
  CHECK(fixture.server.listing() == before);

  Answering yes(true);
  const auto outcome = fixture.prune(yes);
  CHECK(outcome.ending == Ending::done);
  CHECK(outcome.has_changed);
  CHECK(outcome.summary.starts_with("Applied: "));
}

TEST_CASE("a saved plan is carried out as it was made, or not at all", "[engine][apply]") {
  Fixture fixture;
  const auto file =
      fixture.file(example_document() + "\n[alias.fresh]\ndeliver = [\"&a@b.org\"]\n");
  engine::SavedPlan saved;
  saved.files.push_back({.name = file.name,
                         .digest = file.digest,
                         .fingerprint = fingerprint_of(plan(fixture.session, file))});
  engine::RunObserver silent;
  const engine::ApplyOptions options{.saved = &saved};

  auto other = file;
  other.digest = "another";
  CHECK(engine::apply_domain(fixture.session, other, options, silent).ending == Ending::stale);
  saved.files.front().fingerprint += "0";
  CHECK(engine::apply_domain(fixture.session, file, options, silent).ending == Ending::stale);
  saved.files.front().fingerprint.pop_back();
  CHECK(engine::apply_domain(fixture.session, file, options, silent).ending == Ending::done);
  // What was to be done is done.
  CHECK(engine::apply_domain(fixture.session, file, options, silent).ending == Ending::stale);
}
