// Both ways to a handle are asked the same: CTest runs these tests a second time with the younger
// calls denied.

#include "sys/resolve.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "support/catch.h"
#include "support/sandbox.h"
#include "sys/handle.h"
#include "sys/kernel.h"

using namespace vstate;
using namespace vstate::test;

namespace {

/// In a directory of its own: a/b, a file, and links to them and out.
class Tree {
 public:
  Tree() : root_(open(directory_.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {
    REQUIRE(mkdirat(root(), "a", 0700) == 0);
    REQUIRE(mkdirat(root(), "a/b", 0700) == 0);
    REQUIRE(mknodat(root(), "file", S_IFREG | 0600, 0) == 0);
    REQUIRE(symlinkat("a", root(), "link") == 0);
    REQUIRE(symlinkat("../../..", root(), "a/out") == 0);
    REQUIRE(symlinkat("/a/b", root(), "absolute") == 0);
  }
  [[nodiscard]] int root() const { return root_.get(); }
  [[nodiscard]] bool is_a_b(int directory) const {
    struct stat here {
    }, wanted{};
    return stat_handle(directory, here) && fstatat(root(), "a/b", &wanted, 0) == 0 &&
           here.st_ino == wanted.st_ino && here.st_dev == wanted.st_dev;
  }

 private:
  TemporaryDirectory directory_;
  Handle root_;
};

/// The errno with which a path is refused; 0 if it is opened.
int refusal(const Tree& tree, const char* path) {
  return open_directory_beneath(tree.root(), path).is_open() ? 0 : errno;
}

}  // namespace

TEST_CASE("a directory beneath is reached over no link and no way out", "[sys]") {
  const Tree tree;
  CHECK(tree.is_a_b(open_directory_beneath(tree.root(), "a/b").get()));
  CHECK(tree.is_a_b(open_directory_beneath(tree.root(), "./a//b/").get()));
  CHECK(refusal(tree, ".") == 0);
  CHECK(refusal(tree, "a/none") == ENOENT);
  CHECK(refusal(tree, "..") == EXDEV);
  CHECK(refusal(tree, "../etc") == EXDEV);
  CHECK(refusal(tree, "/a") == EXDEV);
  for (const char* path : {"link", "link/b", "a/out", "absolute", "file", "file/b"}) {
    INFO(path);
    const int number = refusal(tree, path);
    CHECK((number == ELOOP || number == ENOTDIR));
  }
}

TEST_CASE("a path below a root ends within it, over links too", "[sys]") {
  const Tree tree;
  for (const char* path : {"/a/b", "link/b", "/absolute", "a/out/a/b", "../../a/./b", "a/b/../b"}) {
    INFO(path);
    for (const int flags : {O_PATH, O_RDONLY, O_RDONLY | O_DIRECTORY, O_PATH | O_DIRECTORY}) {
      const auto opened = open_below(tree.root(), path, flags);
      REQUIRE(opened);
      CHECK(tree.is_a_b(opened->handle.get()));
    }
  }
  const auto link = open_below(tree.root(), "absolute", O_PATH | O_NOFOLLOW);
  REQUIRE(link);
  CHECK(*target_of_link(link->handle.get(), "absolute") == "/a/b");
  CHECK(open_below(tree.root(), "file/b", O_PATH).error().code == Errc::not_found);
  CHECK(open_below(tree.root(), "file", O_PATH | O_DIRECTORY).error().code == Errc::not_found);
  CHECK(open_below(tree.root(), "a/none", O_RDONLY).error().code == Errc::not_found);
}

TEST_CASE("asking for calls leaves errno as it is", "[sys]") {
  errno = ENOTTY;
  const bool has_openat2 = kernel_has(KernelCall::openat2);
  CHECK(errno == ENOTTY);
  const auto calls = kernel_calls();
  REQUIRE(calls.size() == static_cast<std::size_t>(KernelCall::clone3) + 1);
  CHECK(calls.front().name == "openat2");
  CHECK(calls.front().instead.empty() == has_openat2);
}
