#include "remote/ssh/child.h"

#include <csignal>
#include <filesystem>
#include <iterator>

#include "support/catch.h"
#include "sys/io.h"

using namespace vstate;
using remote::Child;
using std::chrono::seconds;

namespace {

std::ptrdiff_t open_files() {
  const std::filesystem::directory_iterator files("/proc/self/fd");
  return std::distance(begin(files), end(files));
}

int status_of(const std::string& script, seconds patience = seconds(0)) {
  auto child = Child::start({"sh", "-c", script});
  REQUIRE(child);
  return child->end(patience);
}

}  // namespace

TEST_CASE("a program gets what it is given, and what it writes comes back", "[engine]") {
  auto child = Child::start({"cat"});
  REQUIRE(child);
  child->give("some words", seconds(5));
  CHECK(*read_all(child->output.get(), "cat") == "some words");
  CHECK(child->end(seconds(5)) == 0);
}

TEST_CASE("a program that has ended is not ended again", "[engine]") {
  auto child = Child::start({"sh", "-c", "exit 3"});
  REQUIRE(child);
  CHECK(child->end(seconds(0)) == 3);
  // Nor is another child of this process waited for in its place.
  auto other = Child::start({"sh", "-c", "exit 4"});
  REQUIRE(other);
  CHECK(child->end(seconds(0)) == 3);
  CHECK(Child(Handle(), Handle()).end(seconds(0)) == 0);
  CHECK(other->end(seconds(0)) == 4);
}

TEST_CASE("a program's end tells how it came to it", "[engine]") {
  CHECK(status_of("exit 3") == 3);
  CHECK(status_of("kill -TERM $$") == 128 + SIGTERM);
  CHECK(status_of("exec sleep 60", seconds(1)) == 128 + SIGTERM);
  auto missing = Child::start({"no-such-program-anywhere"});
  REQUIRE(missing);
  CHECK(missing->end(seconds(5)) == 127);
}

TEST_CASE("a program does not inherit that SIGPIPE is ignored", "[engine]") {
  const auto before = std::signal(SIGPIPE, SIG_IGN);
  CHECK(status_of("kill -PIPE $$; exit 3") == 128 + SIGPIPE);
  (void)std::signal(SIGPIPE, before);
}

TEST_CASE("a program that is let go of leaves no file open", "[engine]") {
  const auto before = open_files();
  {
    auto child = Child::start({"cat"});
    REQUIRE(child);
    // Its two pipes, and what hears the third and is told to end.
    CHECK(open_files() == before + 4);
  }
  CHECK(open_files() == before);
}
