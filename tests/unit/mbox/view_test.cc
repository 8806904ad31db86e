#include "mbox/view.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <fstream>
#include <map>

#include "maildir/walk.h"
#include "mbox/lock.h"
#include "support/catch.h"
#include "support/sandbox.h"
#include "sys/local_files.h"
#include "sys/path.h"

using namespace vstate;
using vstate::test::ContainsSubstring;

namespace {

constexpr const char* k_from = "From joe@example.org Wed Mar  3 09:20:30 2021\n";

/// A person's home with one mbox, below a root.
struct MboxHome {
  test::Sandbox box;
  LocalFiles files{box.root()};
  std::shared_ptr<TreeView> view;
  TreeSource source;

  explicit MboxHome(const std::string& text) {
    box.write("/home/al/Mailbox", text);
    view = mbox::show({.home = "/home/al",
                       .has_maildir = false,
                       .folders = {{"", {{.path = "/home/al/Mailbox"}}}},
                       .subscriptions = "",
                       .identity = "x.org/al",
                       .zone = std::make_shared<const mbox::TimeZone>()});
    source = {.directory = "/home/al", .view = view};
  }
  [[nodiscard]] std::string at(const std::string& path) const { return box.path(path); }
  [[nodiscard]] std::map<std::string, std::string> walked(TreeCount& count) const {
    std::map<std::string, std::string> out;
    const auto status = walk_tree(files, source, count, [&](TreeEntry& entry) -> Result<bool> {
      if (entry.kind == EntryKind::regular) out[entry.path] = read_all(*entry.file).value();
      return true;
    });
    CHECK(status);
    return out;
  }
};

}  // namespace

TEST_CASE("a walk sees a Maildir in place of an mbox", "[mbox]") {
  const MboxHome home(
      std::string(k_from) +
      "X-IMAPbase: 7 3\nX-UID: 2\nStatus: RO\nX-Keywords: Work\nSubject: a\n\nb\n\n" + k_from +
      "Subject: c\n\nd\n\n");
  TreeCount count;
  const auto found = home.walked(count);
  CHECK(count.failures.empty());
  CHECK(count.messages == 2);
  CHECK(found.at("Maildir/dovecot-keywords") == "0 Work\n");
  CHECK_THAT(found.at("Maildir/dovecot-uidlist"), ContainsSubstring("3 V7 N5 G"));
  for (const auto& [path, bytes] : found) {
    if (path.find("/new/") != std::string::npos) CHECK(bytes == "Subject: c\n\nd\n");
    if (path.find("/cur/") != std::string::npos) {
      CHECK(bytes == "Subject: a\n\nb\n");
      CHECK(path.ends_with(",S=14:2,Sa"));
    }
  }
  SECTION("as often as it is walked") {
    TreeCount again;
    CHECK(home.walked(again) == found);
    CHECK(count_tree(home.files, home.source)->archived == again.archived);
  }
  SECTION("and knows whether it changes") {
    CHECK_FALSE(home.view->has_changed(home.files));
    std::ofstream(home.at("/home/al/Mailbox"), std::ios::app) << k_from << "e: f\n\n";
    CHECK(home.view->has_changed(home.files));
  }
}

TEST_CASE("an mbox that is gone is a change, and one that became something else an error",
          "[mbox]") {
  const MboxHome home(std::string(k_from) + "a: b\n\nc\n\n");
  TreeCount count;
  SECTION("gone") {
    unlink(home.at("/home/al/Mailbox").c_str());
    CHECK(home.walked(count).empty());
    CHECK(count.gone == 1);
  }
  SECTION("no mbox any more") {
    std::ofstream(home.at("/home/al/Mailbox")) << "Dear Sir,\n";
    CHECK(home.walked(count).empty());
    REQUIRE(count.failures.size() == 1);
    CHECK_THAT(count.failures[0].message, ContainsSubstring("/home/al/Mailbox: is no mbox"));
  }
  CHECK_FALSE(has_seen_all(home.source, count));
}

TEST_CASE("keywords beyond Dovecot's 26 are named", "[mbox]") {
  std::string keywords;
  for (int i = 0; i < 30; ++i) keywords += " k" + std::to_string(i);
  const MboxHome home(std::string(k_from) + "X-Keywords:" + keywords + "\na: b\n\nc\n\n");
  TreeCount count;
  (void)home.walked(count);
  REQUIRE(count.lost.size() == 1);
  CHECK_THAT(count.lost[0], ContainsSubstring("1 message has more keywords than the 26"));
}

TEST_CASE("a large mbox goes through a file", "[mbox]") {
  std::string text;
  const std::string body(70'000, 'x');
  for (int i = 0; i < 30; ++i)
    text += std::string(k_from) + "a: " + std::to_string(i) + "\n\n" + body + "\n\n";
  const MboxHome home(text);
  TreeCount count;
  const auto found = home.walked(count);
  CHECK(count.messages == 30);
  for (const auto& [path, bytes] : found) CHECK(bytes.ends_with(body + "\n"));
}

TEST_CASE("an mbox is locked as other programs do", "[mbox]") {
  const MboxHome home(std::string(k_from) + "a: b\n\nc\n\n");
  const auto directory = home.files.open_directory("/home/al").value();
  const auto file = directory->open_file("Mailbox").value();
  using std::chrono::milliseconds;
  const auto take = [&] { return mbox::Lock::take(*directory, "Mailbox", *file, milliseconds(1)); };
  const auto dot_lock = home.at("/home/al/Mailbox.lock");
  SECTION("with a file beside it, which goes with the lock") {
    {
      const auto lock = take();
      REQUIRE(lock);
      CHECK(access(dot_lock.c_str(), F_OK) == 0);
    }
    CHECK(access(dot_lock.c_str(), F_OK) != 0);
  }
  SECTION("and waits for others' files") {
    std::ofstream(dot_lock) << "1\n";
    const auto lock = take();
    REQUIRE_FALSE(lock);
    CHECK(lock.error().code == Errc::busy);
    CHECK_THAT(lock.error().message, ContainsSubstring("Mailbox.lock"));
    CHECK(access(dot_lock.c_str(), F_OK) == 0);
  }
  SECTION("and for the kernel's locks") {
    const Handle other(open(home.at("/home/al/Mailbox").c_str(), O_RDWR | O_CLOEXEC));
    REQUIRE(flock(other.get(), LOCK_EX) == 0);
    CHECK_FALSE(take());
    CHECK(access(dot_lock.c_str(), F_OK) != 0);
    flock(other.get(), LOCK_UN);
    CHECK(take());
  }
}
