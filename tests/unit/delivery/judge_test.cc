// One judge: what a comparison counts is what the delivery after it does.
//
// VSTATE_SEED  the first run's seed; a failure names its own

#include <cstdlib>
#include <random>

#include "delivery/compare.h"
#include "delivery/receiver.h"
#include "ledger/ledger.h"
#include "support/catch.h"
#include "support/mail_sandbox.h"
#include "sys/local_system.h"

using namespace vstate;
namespace fs = std::filesystem;
using vstate::test::mail_owner;
using vstate::test::MailSandbox;
using vstate::test::make_tar;

namespace {

const DomainName k_domain = *DomainName::parse("example.com");

/// A directory that archives are delivered to, with a ledger.
class Delivered {
 public:
  Delivered() {
    box.directory("/home", 0755);
    box.directory("/var/lib/vstate");
  }

  /// The memory of the mailbox, settled.
  [[nodiscard]] MailMemory memory() {
    auto ledger = Ledger::open(system);
    REQUIRE(ledger);
    auto out = ledger->mail().open(k_domain, "mailbox", "alice");
    REQUIRE(out);
    return *std::move(out);
  }
  [[nodiscard]] ArchiveStatus compare(const Rules& rules = {}) {
    auto remembered = memory();
    const auto status = compare_archive(system, archive, "/home/a", rules, &remembered);
    if (!status) FAIL(status.error().message);
    return *status;
  }
  /// Delivers all of the archive, whether or not anything is missing.
  [[nodiscard]] ReceiveCount deliver(const ArchiveStatus& status, const Rules& rules = {}) {
    auto ledger = Ledger::open(system);
    REQUIRE(ledger);
    auto remembered = ledger->mail().open(k_domain, "mailbox", "alice");
    REQUIRE(remembered);
    Batch batch(system, mail_owner(), &ledger->mail().deliveries());
    const auto receiver =
        Receiver::open(system, {.directory = "/home/a", .owner = mail_owner(), .label = "alice"},
                       {.rules = rules}, *remembered, batch);
    REQUIRE(receiver);
    (*receiver)->expect_repeated(status.repeated);
    const auto received = receive_archive(**receiver, archive, status.identity);
    REQUIRE(batch.flush());
    REQUIRE(batch.take_failures().empty());
    REQUIRE(received.has_value() == status.refused.empty());
    REQUIRE(ledger->mail().settle());
    return (*receiver)->count();
  }

  MailSandbox box;
  LocalSystem system{box.root()};
  std::string archive = box.outside("a.tar.zst");
};

test::TarItem linked(const std::string& path, const std::string& target) {
  return {path, AE_IFLNK, {}, target, false, 0777};
}
test::TarItem file(const std::string& path, const std::string& content) {
  return {path, AE_IFREG, content, {}, false, 0600};
}

void check_agreement(Delivered& delivered, const Rules& rules) {
  const auto status = delivered.compare(rules);
  const auto count = delivered.deliver(status, rules);
  CHECK(count.messages == status.messages_missing);
  CHECK(count.files == status.files_missing + status.replaced.size());
  CHECK(count.restated <= status.messages_changed);
  CHECK(count.kept == status.kept);
  CHECK(count.refused == status.refused);
  const auto after = delivered.compare(rules);
  CHECK(after.is_whole());
  const auto again = delivered.deliver(after, rules);
  CHECK(again.messages + again.files + again.restated == 0);
}

}  // namespace

TEST_CASE("a link that changed at the source is replaced by plan and apply alike", "[delivery]") {
  Delivered delivered;
  make_tar(delivered.archive, {linked("which", "one")});
  REQUIRE(delivered.deliver(delivered.compare()).files == 1);
  make_tar(delivered.archive, {linked("which", "two")});
  const auto status = delivered.compare();
  CHECK(status.replaced == std::vector<std::string>{"which"});
  CHECK(status.kept.empty());
  CHECK(delivered.deliver(status).files == 1);
  CHECK(*delivered.system.link_target("/home/a/which") == "two");

  SECTION("unless somebody changed it here") {
    fs::remove(delivered.box.host("/home/a/which"));
    delivered.box.link("/home/a/which", "mine");
    make_tar(delivered.archive, {linked("which", "three")});
    check_agreement(delivered, {});
    CHECK(*delivered.system.link_target("/home/a/which") == "mine");
  }
  SECTION("or deleted it") {
    fs::remove(delivered.box.host("/home/a/which"));
    make_tar(delivered.archive, {linked("which", "three")});
    CHECK(delivered.compare().is_whole());
    check_agreement(delivered, {});
    CHECK(!delivered.box.exists("/home/a/which"));
  }
}

TEST_CASE("a message that its owner deleted stays deleted when its name comes again elsewhere",
          "[delivery]") {
  Delivered delivered;
  make_tar(delivered.archive, {file("cur/1,S=3:2,S", "one")});
  REQUIRE(delivered.deliver(delivered.compare()).messages == 1);
  fs::remove(delivered.box.host("/home/a/cur/1,S=3:2,S"));
  make_tar(delivered.archive, {test::tar_directory(".A/tmp"), file(".A/cur/1,S=3:2,S", "one"),
                               file("cur/1,S=3:2,S", "one")});
  CHECK(delivered.compare().messages_missing == 1);
  check_agreement(delivered, {});
  CHECK(!delivered.box.exists("/home/a/cur/1,S=3:2,S"));
  CHECK(delivered.box.exists("/home/a/.A/cur/1,S=3:2,S"));
}

TEST_CASE("a variant that its owner deleted is not missed", "[delivery]") {
  Delivered delivered;
  delivered.box.maildir("/home/a");
  delivered.box.file("/home/a/cur/1:2,", "mine");
  make_tar(delivered.archive, {file("cur/1:2,S", "theirs")});
  REQUIRE(delivered.compare().messages_missing == 1);
  REQUIRE(delivered.deliver(delivered.compare()).messages == 1);
  for (const auto& path : delivered.box.paths("/home/a/cur"))
    if (path.find(".v") != std::string::npos) fs::remove(delivered.box.host("/home/a/cur/" + path));
  CHECK(delivered.compare().is_whole());
  check_agreement(delivered, {});
}

namespace {

/// A mailbox whose source and target are changed at random, with few names, so that they meet.
class RandomMailbox {
 public:
  explicit RandomMailbox(std::uint64_t seed) : random_(seed) {}

  void run() {
    for (const auto* folder : k_folders) delivered_.box.maildir(std::string("/source/") + folder);
    const Rules rules{.on_difference = one_of(2) ? OnDifference::keep : OnDifference::replace};
    for (int pass = 0; pass < 4; ++pass) {
      for (int i = upto(8); i > 0; --i) act("/source");
      for (int i = upto(5); i > 0 && delivered_.box.exists("/home/a"); --i) act("/home/a");
      REQUIRE(write_archive(delivered_.system, {"/source"}, delivered_.archive));
      check_agreement(delivered_, rules);
    }
  }

 private:
  static constexpr std::array<const char*, 3> k_folders{"", ".A", ".B"};
  static constexpr std::array<const char*, 3> k_names{"1", "2,S=3", "3,S=7"};

  int upto(int count) { return static_cast<int>(random_() % static_cast<unsigned>(count)); }
  bool one_of(int count) { return upto(count) == 0; }
  template <class T, std::size_t N>
  T any_of(const std::array<T, N>& values) {
    return values[static_cast<std::size_t>(upto(static_cast<int>(N)))];
  }

  void act(const std::string& root) {
    const auto folder = root + "/" + any_of(k_folders);
    const auto path = folder + "/cur/" + any_of(k_names) + ":2," + (one_of(2) ? "" : "S");
    const std::string content(static_cast<std::size_t>(3 + upto(2)), "ab"[upto(2)]);
    const auto other = folder + "/" + (one_of(2) ? "subscriptions" : "sieve");
    const auto link = folder + "/link";
    switch (upto(6)) {
      case 0:
        if (delivered_.box.exists(folder + "/cur")) return delivered_.box.file(path, content);
        return;
      case 1:
        return remove(path);
      case 2:
        if (!delivered_.box.exists(path)) return;
        return fs::rename(delivered_.box.host(path), delivered_.box.host(path + "F"));
      case 3:
        if (delivered_.box.exists(folder)) delivered_.box.file(other, content);
        return;
      case 4:
        return remove(other);
      default:
        remove(link);
        if (delivered_.box.exists(folder) && !one_of(3)) delivered_.box.link(link, content);
    }
  }
  void remove(const std::string& path) const { fs::remove(delivered_.box.host(path)); }

  std::mt19937_64 random_;
  Delivered delivered_;
};

}  // namespace

TEST_CASE("what a comparison counts is what the delivery after it does", "[delivery][law]") {
  const char* text = getenv("VSTATE_SEED");
  const auto first = text == nullptr ? std::random_device()() : std::strtoull(text, nullptr, 10);
  for (std::uint64_t i = 0; i < (text == nullptr ? 60U : 1U); ++i) {
    INFO("VSTATE_SEED=" << first + i);
    RandomMailbox(first + i).run();
  }
}
