#include <nlohmann/json.hpp>

#include "support/catch.h"
#include "view/plan_view.h"

using namespace vstate;
using Json = nlohmann::ordered_json;

namespace {

Json change_of(Action action) {
  Plan plan{.domain = *DomainName::parse("example.com")};
  plan.actions.push_back(std::move(action));
  return view::to_json(plan)["changes"][0];
}

}  // namespace

TEST_CASE("values of a plan are numbers, lists, and claims", "[view]") {
  Mailbox before, after;
  before.quota.bytes = 104857600;
  after.quota = {104857600, 1000};
  after.is_apop = true;
  after.deliver = {"&bob@example.org", "./Maildir/"};
  const auto change = change_of(Change<Mailbox>{"alice", before, after});
  CHECK(change["before"]["quota"] == Json{{"bytes", 104857600}});
  CHECK(change["after"]["quota"] == Json{{"bytes", 104857600}, {"messages", 1000}});
  CHECK(change["after"]["apop"] == true);
  CHECK(change["after"]["deliver"] == Json::array({"&bob@example.org", "./Maildir/"}));
  CHECK_FALSE(change["before"].contains("deliver"));
}

TEST_CASE("a changed field has its words beside its values", "[view]") {
  const auto change =
      change_of(Change<Limits>{"", Limits{{"maxpopaccounts", 5}}, Limits{{"maxpopaccounts", 50}}});
  CHECK(change["changed"][0] == Json{{"field", "max_mailboxes"},
                                     {"before", 5},
                                     {"after", 50},
                                     {"before_text", "5"},
                                     {"after_text", "50"}});
  const auto added = change_of(Change<Limits>{"", Limits{}, Limits{{"maxpopaccounts", 50}}});
  CHECK_FALSE(added["changed"][0].contains("before"));
  CHECK(added["changed"][0]["before_text"] == "");
}
