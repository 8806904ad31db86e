#include "sys/local_system.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>

#include "qmail/signal.h"
#include "support/catch.h"
#include "support/sandbox.h"
#include "sys/crypt.h"
#include "sys/handle.h"

using namespace vstate;
using namespace vstate::test;
namespace fs = std::filesystem;

namespace {

Ownership mine(unsigned mode) { return {geteuid(), getegid(), mode}; }

/// Runs `work` in a child that tells when it is ready and then waits to be ended.
template <class Work>
class Child {
 public:
  explicit Child(Work work) {
    std::array<int, 2> pipe_ends{};
    REQUIRE(pipe(pipe_ends.data()) == 0);
    pid_ = fork();
    if (pid_ == 0) {
      work();
      (void)!write(pipe_ends[1], "x", 1);
      while (true) pause();
    }
    char ready = 0;
    REQUIRE(read(pipe_ends[0], &ready, 1) == 1);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
  }
  ~Child() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  /// The exit status, once the child ends by itself.
  [[nodiscard]] int wait() const {
    int status = 0;
    REQUIRE(waitpid(pid_, &status, 0) == pid_);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

 private:
  pid_t pid_ = -1;
};

}  // namespace

TEST_CASE("a replaced file has its mode whatever the umask is, and no temporary is left", "[sys]") {
  const TemporaryDirectory directory;
  LocalSystem system(directory.path());
  umask(077);
  REQUIRE(system.replace_file("/file", "one\n", mine(0644), Durability::now));
  umask(0);
  REQUIRE(system.replace_file("/file", "two\n", mine(0644), Durability::now));
  CHECK(*system.read("/file") == "two\n");
  CHECK(system.info("/file")->mode == 0644);
  CHECK(system.list("/")->size() == 1);
}

TEST_CASE("links do not lead out of the root", "[sys]") {
  const TemporaryDirectory outside, directory;
  REQUIRE(
      LocalSystem(outside.path()).replace_file("/secret", "secret", mine(0600), Durability::batch));
  fs::create_symlink(outside.path() + "/secret", directory.path() + "/link");
  fs::create_symlink(outside.path(), directory.path() + "/dir");
  LocalSystem system(directory.path());
  CHECK_FALSE(system.read("/link"));
  CHECK_FALSE(system.replace_file("/dir/planted", "x", mine(0600), Durability::batch));
  CHECK_FALSE(fs::exists(outside.path() + "/planted"));
  // A link that is removed or a tree around it leaves what it points to.
  REQUIRE(system.make_directory("/tree", mine(0700)));
  fs::create_directory_symlink(outside.path(), directory.path() + "/tree/link");
  REQUIRE(system.remove_tree("/tree"));
  CHECK(fs::exists(outside.path() + "/secret"));
}

TEST_CASE("what is below a file is not there, in any spelling", "[sys]") {
  const TemporaryDirectory directory;
  const LocalSystem system(directory.path());
  REQUIRE(LocalSystem(directory.path()).replace_file("/file", "x", mine(0600), Durability::batch));
  fs::create_symlink("file", directory.path() + "/link");
  for (const auto* path :
       {"/file/below", "/link/below", "/file/below/it", "/none/below", "/none"}) {
    CAPTURE(path);
    const auto text = system.read(path);
    REQUIRE_FALSE(text);
    CHECK(text.error().code == Errc::not_found);
  }
}

TEST_CASE("only what is seen to be no directory is believed to be none", "[sys]") {
  const TemporaryDirectory directory;
  REQUIRE(LocalSystem(directory.path()).replace_file("/file", "x", mine(0600), Durability::batch));
  fs::create_directory(directory.path() + "/here");
  fs::create_directory_symlink("here", directory.path() + "/link");
  const Handle top(open(directory.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const auto is_none = [&](const char* name, int number) {
    errno = number;
    const bool is = is_no_directory(top.get(), name);
    CHECK(errno == number);
    return is;
  };
  CHECK(is_none("nothing", ENOENT));
  CHECK(is_none("file", ENOTDIR));
  CHECK(is_none("link", ELOOP));
  CHECK(is_none("link", ENOTDIR));
  // A disk that fails may call it so.
  CHECK_FALSE(is_none("here", ENOTDIR));
  for (const int number : {EIO, EACCES, ESTALE, EMFILE, ENOMEM})
    CHECK_FALSE(is_none("file", number));
}

TEST_CASE("a tree is given away without what its links and hard links lead to", "[sys]") {
  if (geteuid() != 0) SKIP("only root can give files away");
  const TemporaryDirectory directory;
  LocalSystem system(directory.path());
  const auto owner_of = [&](const char* path) { return system.info(path)->uid; };
  for (const auto* path : {"/outside", "/tree"}) REQUIRE(system.make_directory(path, mine(0755)));
  for (const auto* path : {"/outside/file", "/tree/file"})
    REQUIRE(system.replace_file(path, "x", mine(0600), Durability::batch));
  fs::create_directory_symlink(directory.path() + "/outside", directory.path() + "/tree/link");
  REQUIRE(system.own_tree("/tree", 89, 89));
  CHECK(owner_of("/tree") == 89);
  CHECK(owner_of("/tree/file") == 89);
  CHECK(owner_of("/tree/link") == 89);
  CHECK(owner_of("/outside/file") == 0);
  fs::create_hard_link(directory.path() + "/outside/file", directory.path() + "/tree/planted");
  CHECK_FALSE(system.own_tree("/tree", 89, 89));
  CHECK(owner_of("/outside/file") == 0);
}

TEST_CASE("a read-only system changes nothing", "[sys][law]") {
  const TemporaryDirectory directory;
  ReadOnlySystem system(directory.path());
  CHECK_FALSE(system.replace_file("/a", "", mine(0600), Durability::batch));
  CHECK_FALSE(system.make_directory("/b", mine(0700)));
  CHECK_FALSE(system.replace_link("/c", "x", mine(0777)));
  CHECK_FALSE(system.lock("/d", mine(0600), 0));
  CHECK(fs::is_empty(directory.path()));
}

TEST_CASE("a lock that another program holds is busy, in either kind", "[sys][lock]") {
  const TemporaryDirectory directory;
  LocalSystem system(directory.path());
  REQUIRE(system.replace_file("/lock", "", mine(0600), Durability::batch));
  const auto path = directory.path() + "/lock";
  {
    const Child holder([&] {
      struct flock request {};
      request.l_type = F_WRLCK;
      fcntl(open(path.c_str(), O_RDWR), F_SETLK, &request);
    });
    const auto lock = system.lock("/lock", mine(0600), 0);
    REQUIRE_FALSE(lock);
    CHECK(lock.error().code == Errc::busy);
    CHECK(system.lock_like_ezmlm("/lock", 0));
  }
  {
    const Child holder([&] { flock(open(path.c_str(), O_RDWR), LOCK_EX); });
    const auto lock = system.lock_like_ezmlm("/lock", 0);
    REQUIRE_FALSE(lock);
    CHECK(lock.error().code == Errc::busy);
    CHECK(system.lock("/lock", mine(0600), 0));
  }
}

TEST_CASE("HUP reaches the qmail-send of this root and no other process", "[sys]") {
  const TemporaryDirectory directory;
  LocalSystem system(directory.path());
  fs::create_directories(directory.path() + "/var/qmail/queue");
  fs::create_directories(directory.path() + "/other/queue");
  const auto program = [&](const char* name, const char* where) {
    return [&, name, where] {
      (void)!chdir((directory.path() + where).c_str());
      prctl(PR_SET_NAME, name);
      (void)signal(SIGHUP, [](int) { _exit(7); });
    };
  };
  const Child wanted(program("qmail-send", "/var/qmail/queue"));
  const Child other_instance(program("qmail-send", "/other/queue"));
  const Child editor(program("vi", "/var/qmail/queue"));
  const auto told = hup_qmail_send(system, "/var/qmail");
  REQUIRE(told);
  CHECK(*told == 1);
  CHECK(wanted.wait() == 7);
}

TEST_CASE("crypt(3) is asked whether it knows a hash", "[sys]") {
  CHECK(crypt_accepts("$6$abcdefgh$x"));
  CHECK(crypt_accepts("{SHA512-CRYPT}$6$abcdefgh$x"));
  for (const auto* unknown : {"", "*", "!", "x", "$9$abc$def"}) CHECK_FALSE(crypt_accepts(unknown));
}
