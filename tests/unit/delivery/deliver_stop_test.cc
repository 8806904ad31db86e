#include <chrono>
#include <thread>

#include "delivery/temporary.h"
#include "support/catch.h"
#include "support/delivery.h"
#include "support/mail_sandbox.h"
#include "sys/local_system.h"
#include "sys/path.h"

using namespace vstate;
namespace fs = std::filesystem;
using vstate::test::mail_owner;
using vstate::test::MailSandbox;

namespace {

/// Refuses the step `stop_at` and all later ones.
class StoppingSystem : public LocalSystem {
 public:
  StoppingSystem(const std::string& root, int stop_at) : LocalSystem(root), stop_at_(stop_at) {}
  Status before_step(std::string_view what, std::string_view path) override {
    if (++steps < stop_at_) return {};
    (void)what;
    return fail(Errc::interrupted, std::string(path) + ": stopped");
  }
  int steps = 0;

 private:
  int stop_at_;
};

constexpr int k_never = 1'000'000;

/// On the target: another file to be replaced, a link to be replaced, the same name with another
/// size, one message that is there already.
void reset(const MailSandbox& box) {
  fs::remove_all(box.host("/home"));
  box.directory("/home", 0755);
  box.maildir("/home/a/Maildir");
  box.own("/home/a");
  box.file("/home/a/Maildir/subscriptions", "Other\n");
  box.file("/home/a/Maildir/cur/1700000003.no-size:2,S", "mine");
  box.file("/home/a/Maildir/cur/1700000002.M2P2.old,S=5:2,", "cur-2");
  box.link("/home/a/.dovecot.sieve", "elsewhere");
}

}  // namespace

TEST_CASE("an extraction stopped at any step is completed by the next", "[mail]") {
  const MailSandbox box;
  test::fill_mailbox(box, "/source");
  const auto archive = box.outside("a.tar.zst");
  REQUIRE(write_archive(LocalSystem(box.root()), {"/source"}, archive));

  reset(box);
  StoppingSystem whole(box.root(), k_never);
  REQUIRE(test::deliver(whole, archive, "/home/a", OnDifference::replace));
  // A message was there already: its flags stay the owner's, whatever else is delivered.
  const auto expected = test::digest_of(whole, "/home/a");
  const auto paths = box.paths("/home/a");
  CHECK(!box.has_temporaries("/home/a"));
  const int steps = whole.steps;
  CHECK(steps > 25);

  for (int stop_at = 1; stop_at <= steps; ++stop_at) {
    CAPTURE(stop_at);
    reset(box);
    StoppingSystem stopping(box.root(), stop_at);
    const auto stopped = test::deliver(stopping, archive, "/home/a", OnDifference::replace);
    REQUIRE(!stopped);
    REQUIRE(stopped.error().code == Errc::interrupted);
    REQUIRE(stopping.steps == stop_at);
    REQUIRE(box.content("/home/a/Maildir/cur/1700000003.no-size:2,S") == "mine");
    StoppingSystem next(box.root(), k_never);
    const auto completed = test::deliver(next, archive, "/home/a", OnDifference::replace);
    REQUIRE(completed);
    REQUIRE(test::digest_of(next, "/home/a") == expected);
    REQUIRE(box.paths("/home/a") == paths);
    StoppingSystem idle(box.root(), 1);
    REQUIRE(test::deliver(idle, archive, "/home/a", OnDifference::replace));
    REQUIRE(idle.steps == 0);
  }
}

TEST_CASE("a read-only system is compared but not written", "[mail]") {
  const MailSandbox box;
  test::fill_mailbox(box, "/source");
  const auto archive = box.outside("a.tar.zst");
  ReadOnlySystem system(box.root());
  REQUIRE(write_archive(system, {"/source"}, archive));
  reset(box);
  const auto before = box.snapshot("/home");
  CHECK(test::compare(system, archive, "/home/a", OnDifference::replace));
  CHECK(test::check(system, archive, "/home/a", CheckDepth::contents));
  const auto refused = test::deliver(system, archive, "/home/a", OnDifference::replace);
  REQUIRE(!refused);
  CHECK(refused.error().code == Errc::denied);
  CHECK(box.snapshot("/home") == before);
}

TEST_CASE("batches: more messages than one batch holds", "[mail]") {
  const MailSandbox box;
  box.maildir("/source");
  for (int i = 0; i < 5000; ++i)
    box.file("/source/cur/" + std::to_string(i) + ".x:2,S", std::to_string(i));
  LocalSystem system(box.root());
  const auto archive = box.outside("a.tar.zst");
  const auto written = write_archive(system, {"/source"}, archive);
  REQUIRE(written);
  const auto count = test::deliver(system, archive, "/target", OnDifference::keep);
  REQUIRE(count);
  CHECK(count->messages == 5000);
  CHECK(test::digest_of(system, "/target") == written->sha256);
  CHECK(test::compare(system, archive, "/target", OnDifference::keep)->is_whole());
  CHECK(!box.has_temporaries("/target"));
}

TEST_CASE("the owner's rights are enough, and the only ones used", "[mail]") {
  if (geteuid() != 0) SKIP("needs root to act as another user");
  const MailSandbox box;
  test::fill_mailbox(box, "/source");
  LocalSystem system(box.root());
  const auto archive = box.outside("a.tar.zst");
  REQUIRE(write_archive(system, {"/source"}, archive));
  box.maildir("/home/a/Maildir");
  REQUIRE(chown(box.host("/home/a/Maildir/new").c_str(), 0, 0) == 0);
  REQUIRE(chmod(box.host("/home/a/Maildir/new").c_str(), 0755) == 0);
  const auto count = test::deliver(system, archive, "/home/a", OnDifference::keep);
  REQUIRE(!count);
  CHECK(count.error().code == Errc::denied);
  CHECK(box.paths("/home/a/Maildir/tmp").empty() == true);
  box.own("/home/a/Maildir/new");
  REQUIRE(test::deliver(system, archive, "/home/a", OnDifference::keep));
  CHECK(test::compare(system, archive, "/home/a", OnDifference::keep)->is_whole());
}

TEST_CASE("a file waits for its rename until its temporary is gone", "[delivery][crash]") {
  const MailSandbox box;
  box.directory("/home", 0755);
  const LocalFiles files(box.root());
  const auto place = files.open_directory("/home");
  REQUIRE(place);
  const auto waits = [&] {
    const auto answer = mail::waits_for_rename(**place, "dovecot-uidlist");
    REQUIRE(answer);
    return *answer;
  };
  const auto file = box.host("/home/dovecot-uidlist");
  const auto temporary = box.host(temporary_of("/home/dovecot-uidlist"));
  CHECK_FALSE(waits());
  std::ofstream(file) << "old";
  CHECK_FALSE(waits());
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  std::ofstream(temporary) << "new";
  CHECK(waits());
  // As a stop leaves it that came between the rename of the lock and the removal.
  fs::remove(file);
  fs::create_hard_link(temporary, file);
  CHECK(waits());
  fs::remove(temporary);
  CHECK_FALSE(waits());
  std::ofstream(temporary) << "new";
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  std::ofstream(file) << "somebody's";
  CHECK_FALSE(waits());
}
