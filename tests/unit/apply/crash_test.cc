// Law 2: an apply that stops at any step and is run again ends as if it had never been stopped.
// Law 5: until the domain is whole, qmail accepts nothing for it.

#include <algorithm>

#include "support/catch.h"
#include "support/example.h"
#include "support/sandbox.h"
#include "sys/local_system.h"
#include "vstate/base/text.h"

using namespace vstate;
using namespace vstate::test;

namespace {

bool is_accepted(const Sandbox& target, std::string_view name) {
  const auto text = target.read("/var/qmail/control/rcpthosts");
  for (const auto line : split_lines(text))
    if (line == name) return true;
  return false;
}

/// The lines that only one of two sorted listings has.
std::vector<std::string> difference(const std::vector<std::string>& a,
                                    const std::vector<std::string>& b) {
  std::vector<std::string> out;
  std::set_symmetric_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(out));
  return out;
}

/// What an apply may still have to do once SMTP accepts the domain: the rest of publication.
void require_whole(const Sandbox& target, const engine::DomainFile& file) {
  auto session = target.open(std::make_unique<ReadOnlySystem>(target.root()));
  const auto rest = plan(session, file);
  for (const auto& action : rest.actions) {
    INFO(address_of(action));
    REQUIRE(std::holds_alternative<Publish>(action));
  }
}

/// Lays out a target, and applies what it must hold before the plan under test.
using Prepare = std::function<void(const Sandbox&)>;

void stop_at_every_step(const engine::DomainFile& file, const PlanOptions& options,
                        const Prepare& prepare, bool is_new) {
  const auto begin = [&](const Sandbox& target) { prepare(target); };
  const Sandbox undisturbed;
  begin(undisturbed);
  auto owned = std::make_unique<SteppedSystem>(undisturbed.root());
  const auto* counter = owned.get();
  auto whole_run = undisturbed.open(std::move(owned));
  const auto report = apply(whole_run, file, options);
  REQUIRE(report);
  REQUIRE(report->failures.empty());
  const auto expected = undisturbed.listing();
  const long steps = counter->steps();
  REQUIRE(steps > 10);
  for (long step = 1; step <= steps; ++step) {
    INFO("stopped before step " << step << " of " << steps);
    const Sandbox target;
    begin(target);
    {
      auto session = target.open(std::make_unique<SteppedSystem>(target.root(), step));
      const auto stopped = apply(session, file, options);
      REQUIRE((!stopped || !stopped->failures.empty()));
    }
    if (is_new && is_accepted(target, "example.com")) require_whole(target, file);
    auto session = target.open();
    const auto again = apply(session, file, options);
    INFO((again ? std::string() : again.error().message));
    REQUIRE(again);
    REQUIRE(again->failures.empty());
    for (const auto& action : plan(session, file, options).actions)
      FAIL_CHECK("still to do: " << address_of(action));
    REQUIRE(difference(target.listing(), expected) == std::vector<std::string>{});
  }
}

}  // namespace

TEST_CASE("a new domain survives a stop at every step", "[apply][law][crash]") {
  const TemporaryDirectory archives;
  const auto file = domain_file(example_with_mail(archives.path()), archives.path());
  stop_at_every_step(
      file, {}, [](const Sandbox&) {}, true);
}

TEST_CASE("changes to a domain survive a stop at every step", "[apply][law][crash]") {
  const TemporaryDirectory archives;
  const auto before = domain_file(example_document(), archives.path());
  auto text = replace_all(example_document(), "bytes = 1048576", "bytes = 2097152");
  text = replace_all(text, "\"B@example.org\"", "\"c@example.org\"");
  text = replace_all(text, "Back soon.", "Back in May.");
  text = replace_all(text, "&bob@example.org", "&robert@example.org");
  text += "\n[mailbox.carol]\npassword = \"$1$abcdefgh$G0Sl.XGRGVGmKJAhGkOGu1\"\n";
  const auto file = domain_file(text, archives.path());
  stop_at_every_step(
      file, {},
      [&](const Sandbox& target) {
        auto session = target.open();
        REQUIRE(apply(session, before));
      },
      false);
}

TEST_CASE("pruning survives a stop at every step", "[apply][law][crash]") {
  const TemporaryDirectory archives;
  const auto before = domain_file(example_document(), archives.path());
  const auto file = domain_file(R"(vstate = 1
[domain]
name = "example.com"
default = ["| {vpopmail}/bin/vdelivermail '' delete"]
[mailbox.postmaster]
password = "$1$abcdefgh$G0Sl.XGRGVGmKJAhGkOGu1"
gecos = "Postmaster"
flags = ["domain_admin"]
)",
                                archives.path());
  PlanOptions options;
  options.prune = true;
  stop_at_every_step(
      file, options,
      [&](const Sandbox& target) {
        auto session = target.open();
        REQUIRE(apply(session, before));
      },
      false);
}
