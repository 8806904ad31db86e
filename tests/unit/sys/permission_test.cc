#include "sys/permission.h"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "support/catch.h"
#include "support/sandbox.h"
#include "sys/local_system.h"

using namespace vstate;
using namespace vstate::test;
namespace fs = std::filesystem;

namespace {

FileInfo entry(FileInfo::Type type, unsigned mode, std::uint32_t uid = 89, std::uint32_t gid = 90) {
  FileInfo info;
  info.type = type;
  info.mode = mode;
  info.uid = uid;
  info.gid = gid;
  return info;
}

constexpr auto k_file = FileInfo::Type::regular;
constexpr auto k_directory = FileInfo::Type::directory;

Actor somebody(std::uint32_t uid, std::uint32_t gid) { return actor_of(uid, gid); }

/// A root with directories and links, of whoever runs the test.
struct Tree {
  Tree() {
    for (const auto* path : {"a", "a/b", "shut", "shut/in"}) make(path, 0755);
    REQUIRE(::symlink("/a/b", at("link").c_str()) == 0);
    REQUIRE(::symlink("../a", at("a/up").c_str()) == 0);
    REQUIRE(::symlink("/shut/in", at("hidden").c_str()) == 0);
    REQUIRE(::symlink("circle", at("circle").c_str()) == 0);
    REQUIRE(::symlink("/nothing", at("dead").c_str()) == 0);
    REQUIRE(::chmod(at("shut").c_str(), 0700) == 0);
  }
  [[nodiscard]] std::string at(const std::string& path) const {
    return directory.path() + "/" + path;
  }
  void make(const std::string& path, mode_t mode) const {
    REQUIRE(::mkdir(at(path).c_str(), mode) == 0);
    REQUIRE(::chmod(at(path).c_str(), mode) == 0);
  }
  TemporaryDirectory directory;
};

}  // namespace

TEST_CASE("who may do what is decided by one of the three classes", "[sys][access]") {
  struct Row {
    unsigned mode;
    std::uint32_t uid, gid;
    unsigned wanted;
    bool is_allowed;
  };
  for (const auto& row : {
           Row{0600, 89, 1, k_read | k_write, true},
           Row{0600, 89, 1, k_execute, false},
           Row{0077, 89, 90, k_read, false},  // the owner's bits alone count for the owner
           Row{0707, 1, 90, k_read, false},   // and the group's for the group
           Row{0640, 1, 90, k_read, true},
           Row{0640, 1, 90, k_write, false},
           Row{0604, 1, 1, k_read, true},
           Row{0604, 1, 1, k_read | k_write, false},
           Row{0500, 89, 1, k_read | k_execute, true},
           Row{0500, 89, 1, k_write, false},
           Row{0000, 0, 0, k_read | k_write, true},
           Row{0666, 0, 0, k_execute, false},
           Row{0001, 0, 0, k_execute, true},
       }) {
    INFO(row.mode << " " << row.uid << ":" << row.gid << " " << row.wanted);
    CHECK(may(entry(k_file, row.mode), somebody(row.uid, row.gid), row.wanted) == row.is_allowed);
  }
  CHECK(may(entry(k_directory, 0), somebody(0, 0), k_execute));
}

TEST_CASE("a walk needs to enter each directory, behind links too", "[sys][access]") {
  const Tree tree;
  const LocalSystem system(tree.directory.path());
  PathWalker walker(system);
  const auto me = somebody(geteuid(), getegid());
  const auto other = somebody(4242, 4242);
  const auto walk = [&](const Actor& who, const char* path) {
    auto reached = walker.walk(who, path);
    REQUIRE(reached);
    return *reached;
  };
  CHECK(walk(other, "/a/b").is_there());
  CHECK(walk(other, "/a//b/").path == "/a/b");
  CHECK(walk(other, "/link").path == "/a/b");
  CHECK(walk(other, "/a/up/b/../up").path == "/a");
  CHECK(walk(other, "/shut").is_there());
  CHECK(walk(me, "/hidden").path == "/shut/in");
  const auto denied = walk(other, "/hidden");
  CHECK(denied.state == Reached::State::denied);
  CHECK(denied.path == "/shut");
  CHECK(denied.why.find("/shut cannot be entered by uid 4242: it belongs to ") == 0);
  for (const auto* path : {"/none", "/a/none/b", "/circle", "/dead"})
    CHECK(walk(me, path).state == Reached::State::missing);
  CHECK(walk(me, "/none").why == "/none does not exist");
  CHECK(walk(me, ("/" + std::string(300, 'x')).c_str()).state == Reached::State::missing);
}

TEST_CASE("what is reached may be used or not", "[sys][access]") {
  const Tree tree;
  const LocalSystem system(tree.directory.path());
  PathWalker walker(system);
  const auto other = somebody(4242, 4242);
  auto reached = walker.reach(other, "/a", k_write);
  REQUIRE(reached);
  CHECK(reached->state == Reached::State::denied);
  CHECK(reached->why.find("/a cannot be written to by uid 4242") == 0);
  reached = walker.reach(other, "/a", k_read | k_execute);
  REQUIRE(reached);
  CHECK(reached->is_there());
}

TEST_CASE("an account that the server does not have is anybody", "[sys][access]") {
  const Sandbox sandbox;
  sandbox.write("/etc/passwd", "qmaild:x:7791:2107::/:/bin/sh\n");
  const LocalSystem system(sandbox.root());
  auto known = actor_of(system, "qmaild");
  REQUIRE(known);
  CHECK(known->uid == 7791);
  CHECK(known->gid == 2107);
  auto unknown = actor_of(system, "qmails");
  REQUIRE(unknown);
  CHECK_FALSE(may(entry(k_file, 0660, 0, 0), *unknown, k_read));
  CHECK(may(entry(k_file, 0664, 0, 0), *unknown, k_read));
}
