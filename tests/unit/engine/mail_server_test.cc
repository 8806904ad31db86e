// The server as an embedding program has it: each call looks anew, and a plan is carried out as it
// was seen or not at all.

#include "vstate/engine/mail_server.h"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "support/catch.h"
#include "support/example.h"
#include "support/sandbox.h"

using namespace vstate;
using namespace vstate::test;
using engine::Ending;
using engine::MailServer;
namespace fs = std::filesystem;

namespace {

State example() { return domain_file(example_document(), "").state; }

MailServer opened(const Sandbox& sandbox) {
  auto server = MailServer::open({.root = sandbox.root()});
  INFO((server ? std::string() : server.error().message));
  REQUIRE(server);
  return *std::move(server);
}

engine::PlannedState planned(const MailServer& server, const State& desired,
                             const PlanOptions& options = {}) {
  auto plan = server.plan(desired, options);
  INFO((plan ? std::string() : plan.error().message));
  REQUIRE(plan);
  return *std::move(plan);
}

/// What it was told, and a stop in between if that is wanted.
class Watcher : public ApplyObserver {
 public:
  void on_start(const Action& action) override {
    started.push_back(address_of(action));
    if (server != nullptr) server->stop();
  }
  void on_end(const Action& action, const std::string& message) override {
    if (message.empty()) done.push_back(address_of(action));
  }
  std::vector<std::string> started, done;
  MailServer* server = nullptr;
};

}  // namespace

TEST_CASE("an embedding program plans, applies, and verifies", "[engine][embed]") {
  const Sandbox sandbox;
  auto server = opened(sandbox);
  CHECK(server.server().vpopmail_dir == "/srv/vpopmail");
  CHECK(server.domains() == std::vector<DomainName>());
  const auto desired = example();
  const auto before = server.inspect(desired.name);
  REQUIRE(before);
  CHECK_FALSE(before->state);

  const auto listing = sandbox.listing();
  const auto plan = planned(server, desired);
  CHECK(plan.plan.problems.empty());
  CHECK(plan.plan.actions.size() > 5);
  CHECK(sandbox.listing() == listing);

  Watcher watcher;
  const auto outcome = server.apply(plan, watcher);
  REQUIRE(outcome);
  CHECK(outcome->ending == Ending::done);
  CHECK(outcome->report.failures.empty());
  CHECK(watcher.started.size() == plan.plan.actions.size());
  CHECK(watcher.done.size() == plan.plan.actions.size());
  CHECK_THAT(outcome->summary, ContainsSubstring("Applied: "));

  CHECK(server.domains() == std::vector<DomainName>{desired.name});
  const auto after = server.inspect(desired.name);
  REQUIRE(after);
  REQUIRE(after->state);
  CHECK(after->state->mailboxes.size() == 3);
  CHECK(after->state->lists == desired.lists);
  CHECK(planned(server, desired).plan.is_empty());
  Watcher idle;
  const auto again = server.apply(planned(server, desired), idle);
  REQUIRE(again);
  CHECK(again->ending == Ending::unchanged);
  CHECK(idle.started.empty());

  // The sandbox has none of the programs that the lines run.
  const auto verified = server.verify(desired);
  REQUIRE(verified);
  CHECK(verified->differences.empty());
  CHECK_FALSE(verified->problems.empty());
  CHECK(verified->addresses > 5);
}

TEST_CASE("a plan is not carried out on a server that has moved on", "[engine][embed]") {
  const Sandbox sandbox;
  auto server = opened(sandbox);
  Watcher watcher;
  REQUIRE(server.apply(planned(server, example()), watcher)->ending == Ending::done);
  auto desired = example();
  desired.alias.at(*AliasName::parse("sales")).deliver = {"&new@example.org"};
  const auto plan = planned(server, desired);
  REQUIRE(plan.plan.actions.size() == 1);
  const std::string file = "/srv/vpopmail/domains/0/example.com/.qmail-sales";
  const auto path = fs::exists(sandbox.path(file))
                        ? file
                        : std::string("/srv/vpopmail/domains/example.com/.qmail-sales");
  REQUIRE(fs::exists(sandbox.path(path)));
  sandbox.write(path, "&person@example.org\n");
  Watcher none;
  const auto outcome = server.apply(plan, none);
  REQUIRE(outcome);
  CHECK(outcome->ending == Ending::stale);
  CHECK(none.started.empty());
  CHECK(sandbox.read(path) == "&person@example.org\n");
}

TEST_CASE("deletions that were planned are carried out, and too many are a problem",
          "[engine][embed]") {
  const Sandbox sandbox;
  auto server = opened(sandbox);
  Watcher watcher;
  REQUIRE(server.apply(planned(server, example()), watcher)->ending == Ending::done);
  auto desired = example();
  desired.alias.erase(*AliasName::parse("store"));
  CHECK(planned(server, desired).plan.is_empty());
  const auto plan = planned(server, desired, {.prune = true, .selection = {}, .remembers = true});
  REQUIRE(plan.plan.actions.size() == 1);
  REQUIRE(server.apply(plan, watcher)->ending == Ending::done);
  CHECK_FALSE(server.inspect(desired.name)->state->alias.contains(*AliasName::parse("store")));

  desired.mailboxes.clear();
  desired.files.clear();
  const auto all = planned(server, desired, {.prune = true, .selection = {}, .remembers = true});
  CHECK_FALSE(all.plan.problems.empty());
  const auto refused = server.apply(all, watcher);
  REQUIRE(refused);
  CHECK(refused->ending == Ending::refused);
  CHECK_FALSE(refused->errors.empty());
  CHECK(server.inspect(desired.name)->state->mailboxes.size() == 3);
}

TEST_CASE("what cannot be done is an error of the call", "[engine][embed]") {
  const Sandbox sandbox;
  auto server = opened(sandbox);
  CHECK(MailServer::open({.root = sandbox.root() + "/none"}).error().code == Errc::not_found);
  CHECK(MailServer::open({.root = sandbox.path("/etc")}).error().code == Errc::not_found);

  auto wrong = example();
  wrong.alias.at(*AliasName::parse("sales")).deliver = {"{mailbox:nobody}/Maildir/"};
  const auto refused = server.plan(wrong);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::invalid);
  CHECK_THAT(refused.error().message, ContainsSubstring("nobody"));

  auto lacking = example();
  lacking.mailboxes.begin()->second.mail = ArchiveRef{{"mail.tar.zst", 1, 1, ""}, {}};
  CHECK_FALSE(server.plan(lacking, {}, sandbox.root()));

  const auto unmatched = server.plan(example(), {.selection = {{"mailbox.nobody"}, {}}});
  REQUIRE_FALSE(unmatched);
  CHECK_THAT(unmatched.error().message, ContainsSubstring("mailbox.nobody"));
}

TEST_CASE("only one run writes at a time", "[engine][embed]") {
  const Sandbox sandbox;
  auto server = opened(sandbox);
  const auto plan = planned(server, example());
  auto session = engine::open_session({.root = sandbox.root()}, engine::Access::write);
  REQUIRE(session);
  // A lock of this very process would be no obstacle.
  std::array<int, 2> held{}, done{};
  REQUIRE((pipe(held.data()) == 0 && pipe(done.data()) == 0));
  const auto child = fork();
  if (child == 0) {
    const auto lock = engine::take_run_lock(*session);
    char byte = lock ? 'y' : 'n';
    if (write(held[1], &byte, 1) != 1 || read(done[0], &byte, 1) != 1) _exit(1);
    _exit(0);
  }
  char byte = 0;
  REQUIRE(read(held[0], &byte, 1) == 1);
  REQUIRE(byte == 'y');
  Watcher watcher;
  const auto outcome = server.apply(plan, watcher);
  CHECK(write(done[1], &byte, 1) == 1);
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  REQUIRE_FALSE(outcome);
  CHECK(outcome.error().code == Errc::busy);
  CHECK(watcher.started.empty());
  CHECK(server.apply(plan, watcher)->ending == Ending::done);
}

TEST_CASE("an apply that is stopped goes on where it was", "[engine][embed]") {
  const Sandbox sandbox;
  auto server = opened(sandbox);
  Watcher watcher;
  watcher.server = &server;
  const auto outcome = server.apply(planned(server, example()), watcher);
  REQUIRE(outcome);
  CHECK(outcome->ending == Ending::stopped);
  REQUIRE_FALSE(outcome->errors.empty());
  CHECK(outcome->errors.front().code == Errc::interrupted);
  Watcher rest;
  REQUIRE(server.apply(planned(server, example()), rest)->ending == Ending::done);
  CHECK(planned(server, example()).plan.is_empty());
}
