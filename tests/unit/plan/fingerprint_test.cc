#include "vstate/plan/fingerprint.h"

#include "support/catch.h"

using namespace vstate;

namespace {

Plan plan_of_actions(std::vector<Action> actions) {
  Plan plan{.domain = *DomainName::parse("example.com")};
  plan.actions = std::move(actions);
  return plan;
}

Change<Mailbox> mailbox_with(const std::string& password) {
  Mailbox mailbox;
  mailbox.password = Secret(password);
  return {"alice", std::nullopt, mailbox};
}

}  // namespace

TEST_CASE("a fingerprint tells plans apart that are shown alike", "[plan]") {
  const auto print = fingerprint_of(plan_of_actions({mailbox_with("$6$salt$one")}));
  CHECK(print == fingerprint_of(plan_of_actions({mailbox_with("$6$salt$one")})));
  CHECK(print != fingerprint_of(plan_of_actions({mailbox_with("$6$salt$two")})));
  CHECK(print != fingerprint_of(plan_of_actions({})));
}

TEST_CASE("a fingerprint depends on notes, problems, and the order of actions", "[plan]") {
  const Action first = ConvertMail{"a"}, second = ConvertMail{"b"};
  const auto plan = plan_of_actions({first, second});
  CHECK(fingerprint_of(plan) != fingerprint_of(plan_of_actions({second, first})));
  auto noted = plan, troubled = plan;
  noted.notes.push_back({NoteKind::kept, "mailbox", "a", "differs"});
  troubled.problems.emplace_back("too long");
  CHECK(fingerprint_of(noted) != fingerprint_of(plan));
  CHECK(fingerprint_of(troubled) != fingerprint_of(plan));
  CHECK(fingerprint_of(noted) != fingerprint_of(troubled));
}
