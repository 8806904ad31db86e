#include "maildir/walk.h"

#include <algorithm>
#include <cerrno>

#include "support/catch.h"
#include "support/mail_sandbox.h"
#include "support/memory_files.h"
#include "sys/local_system.h"

using namespace vstate;
using vstate::test::MailSandbox;
namespace fs = std::filesystem;

namespace {

std::vector<std::string> walked(const System& system, const std::string& directory,
                                const Exclusion& expressed, TreeCount& count,
                                const std::function<void(const TreeEntry&)>& also = {}) {
  std::vector<std::string> out;
  const auto status =
      walk_tree(system, {directory, expressed}, count, [&](const TreeEntry& entry) -> Result<bool> {
        out.push_back(entry.path);
        if (also) also(entry);
        return true;
      });
  CHECK(status);
  return out;
}

}  // namespace

TEST_CASE("a walk is sorted bytewise by path", "[mail]") {
  const MailSandbox box;
  box.directory("/d/a");
  box.file("/d/a/x", "1");
  box.file("/d/a-b", "2");
  box.file("/d/a.c", "3");
  box.file("/d/ab", "4");
  box.directory("/d/a/y");
  box.file("/d/a/y/z", "5");
  const LocalSystem system(box.root());
  TreeCount count;
  const auto paths = walked(system, "/d", {}, count);
  CHECK(paths == std::vector<std::string>{"a", "a-b", "a.c", "a/x", "a/y", "a/y/z", "ab"});
  CHECK(std::is_sorted(paths.begin(), paths.end()));
  CHECK(count.archived == 7);
}

TEST_CASE("every entry of a walk is counted once", "[mail]") {
  const MailSandbox box;
  box.maildir("/d/Maildir");
  box.file("/d/Maildir/cur/1.lock:2,S", "a message, whatever its name ends with");
  box.file("/d/Maildir/tmp/half", "half");
  box.file("/d/Maildir/maildirsize", "1S\n");
  box.file("/d/Maildir/dovecot.index.cache", "x");
  box.file("/d/Maildir/.vstate-x.vstate-tmp", "x");
  box.directory("/d/vacation");
  box.file("/d/vacation/message", "gone");
  box.file("/d/.qmail", "x");
  box.directory("/d/other");
  box.file("/d/other/y", "belongs to another walk");
  box.directory("/d/tmp");
  box.file("/d/tmp/kept", "no Maildir's tmp");
  box.link("/d/link", "/etc");
  REQUIRE(mkfifo(box.host("/d/pipe").c_str(), 0600) == 0);
  const LocalSystem system(box.root());
  const Exclusion expressed{".qmail", "vacation", "other/"};
  TreeCount count;
  const auto paths = walked(system, "/d", expressed, count);
  CHECK(paths == std::vector<std::string>{"Maildir", "Maildir/cur", "Maildir/cur/1.lock:2,S",
                                          "Maildir/new", "Maildir/tmp", "tmp", "tmp/kept"});
  CHECK(count.archived == 7);
  CHECK(count.expressed == 3);
  CHECK(count.rebuilt == 4);
  CHECK(count.rebuilt_reasons["unfinished delivery in tmp"] == 1);
  CHECK(count.refused ==
        std::vector<std::string>{"link: a link to /etc, where nothing is", "pipe: a fifo"});
  const auto counted = count_tree(system, {"/d", expressed});
  REQUIRE(counted);
  CHECK(counted->archived == 7);
  CHECK(counted->rebuilt == 4);
}

TEST_CASE("a message that moves during a walk is seen once, under the listed name", "[mail]") {
  const MailSandbox box;
  box.maildir("/d");
  box.file("/d/cur/1:2,", "one");
  box.file("/d/cur/2:2,", "two");
  box.file("/d/cur/3:2,", "three");
  box.file("/d/new/4", "four");
  box.file("/d/new/5", "five");
  const LocalSystem system(box.root());
  TreeCount count;
  std::map<std::string, std::string> seen;
  const auto paths = walked(system, "/d", {}, count, [&](const TreeEntry& entry) {
    if (entry.file != nullptr) {
      std::string text(entry.size, ' ');
      REQUIRE(entry.file->read(text).value() == text.size());
      seen[entry.path] = text;
    }
    if (entry.path != "cur/1:2,") return;
    fs::rename(box.host("/d/cur/2:2,"), box.host("/d/cur/2:2,FS"));
    fs::remove(box.host("/d/cur/3:2,"));
    fs::rename(box.host("/d/new/4"), box.host("/d/cur/4:2,S"));
  });
  CHECK(seen ==
        std::map<std::string, std::string>{
            {"cur/1:2,", "one"}, {"cur/2:2,", "two"}, {"new/4", "four"}, {"new/5", "five"}});
  CHECK(count.refused.empty());
  CHECK(count.archived == 7);  // with cur, new, tmp
}

TEST_CASE("a walk ends with the visitor's error and names a missing directory", "[mail]") {
  const MailSandbox box;
  box.maildir("/d");
  const LocalSystem system(box.root());
  TreeCount count;
  const auto stopped = walk_tree(system, {"/d"}, count, [](const TreeEntry&) -> Result<bool> {
    return fail(Errc::interrupted, "stop");
  });
  REQUIRE(!stopped);
  CHECK(stopped.error().code == Errc::interrupted);
  const auto missing = count_tree(system, {"/none"});
  REQUIRE(!missing);
  CHECK(missing.error().code == Errc::not_found);
}

namespace {

/// A home in memory with a message in each of its folders.
struct Home {
  Home() {
    for (const auto* folder : {"", "/.Sent", "/.Trash"})
      for (const auto* part : {"/new", "/cur", "/tmp"})
        files.directory(std::string("/d/Maildir") + folder + part, 0700);
    files.file("/d/Maildir/cur/1:2,S", "one");
    files.file("/d/Maildir/.Sent/cur/2:2,S", "two");
    files.file("/d/Maildir/.Trash/cur/3:2,S", "three");
  }
  /// The messages that were read to their ends.
  std::vector<std::string> read() {
    std::vector<std::string> out;
    const auto status = walk_tree(files, {"/d"}, count, [&](TreeEntry& entry) -> Result<bool> {
      if (entry.file == nullptr) return true;
      std::string text(entry.size, ' ');
      VSTATE_TRY_ASSIGN(const auto size, entry.file->read(text));
      out.push_back(text.substr(0, size));
      return true;
    });
    if (!status) error = status.error();
    return out;
  }
  vstate::test::MemoryFiles files;
  TreeCount count;
  std::optional<Error> error;
};

}  // namespace

TEST_CASE("what a walk cannot read is named, and the rest is walked", "[mail]") {
  using vstate::test::Fault;
  struct Case {
    const char* path;
    Fault fault;
    int number;
    Errc code;
    std::vector<std::string> read;
  };
  const auto one = GENERATE(
      Case{"/d/Maildir/.Sent", Fault::open, EACCES, Errc::denied, {"three", "one"}},
      Case{"/d/Maildir/.Sent", Fault::look, EIO, Errc::io, {"three", "one"}},
      Case{"/d/Maildir/.Sent/cur", Fault::read, EIO, Errc::io, {"three", "one"}},
      Case{"/d/Maildir/.Sent/cur/2:2,S", Fault::open, EACCES, Errc::denied, {"three", "one"}},
      Case{"/d/Maildir/.Sent/cur/2:2,S", Fault::look, EIO, Errc::io, {"three", "one"}},
      Case{"/d/Maildir", Fault::open, EACCES, Errc::denied, {}});
  INFO(one.path << " " << static_cast<int>(one.fault));
  Home home;
  home.files.plant(one.path, one.fault, one.number);
  CHECK(home.read() == one.read);
  CHECK_FALSE(home.error);
  REQUIRE_FALSE(home.count.failures.empty());
  CHECK(home.count.failures.front().code == one.code);
  CHECK_THAT(failure_of(home.count).error().message, test::ContainsSubstring(one.path));
  CHECK_FALSE(has_seen_all({"/d"}, home.count));
}

TEST_CASE("a message that cannot be read to its end is its visitor's error", "[mail]") {
  Home home;
  home.files.plant("/d/Maildir/.Sent/cur/2:2,S", test::Fault::read, EIO);
  home.read();
  REQUIRE(home.error);
  CHECK(home.error->code == Errc::io);
}

TEST_CASE("what goes away during a walk is counted and no failure", "[mail]") {
  const auto* path = GENERATE("/d/Maildir/.Sent", "/d/Maildir/.Sent/cur");
  INFO(path);
  Home home;
  home.files.plant(path, test::Fault::look, ENOENT);
  CHECK(home.read() == std::vector<std::string>{"three", "one"});
  CHECK(home.count.failures.empty());
  CHECK(home.count.gone > 0);
  CHECK_FALSE(has_seen_all({"/d"}, home.count));
}

TEST_CASE("a directory where a message should be is an entry, and a fifo is refused", "[mail]") {
  Home home;
  home.files.directory("/d/Maildir/cur/4:2,S/inside");
  home.files.special("/d/Maildir/new/5", FileInfo::Type::fifo);
  home.files.special("/d/Maildir/new/6", FileInfo::Type::socket);
  home.files.link("/d/Maildir/cur/7:2,S", "/d/Maildir/cur/7:2,S");
  home.read();
  CHECK_FALSE(home.error);
  CHECK(home.count.failures.empty());
  CHECK(home.count.messages == 3);
  CHECK(home.count.refused.size() == 3);
}
