// The kernel closes a pipe however a process ends, so its other end is what the second process
// waits for. It holds nothing else of the first one's: no lock, no connection, and not the pipe's
// writing end, which would keep its read from ever ending.

#include "sys/process/end_watcher.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "sys/local_files.h"
#include "sys/process/stop.h"

namespace vstate {

namespace {

void close_all_above(int last) {
  if (syscall(SYS_close_range, static_cast<unsigned>(last) + 1, ~0U, 0U) == 0) return;
  // Before Linux 5.9 there is no such call. What is open is listed rather than guessed: the limit
  // may have been lowered below a number that is in use.
  const int list = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool is_listed = list >= 0 && read_entries(list, [&](const char* name, FileInfo::Type) {
                           const int number = std::atoi(name);
                           if (number > last && number != list) close(number);
                         });
  if (list > last) close(list);
  if (is_listed) return;
  // Without /proc, all numbers are gone through; the kernel's own largest limit is not passed.
  constexpr rlim_t most = rlim_t{1} << 20;
  rlimit limit{};
  const auto end = getrlimit(RLIMIT_NOFILE, &limit) == 0 ? std::min(limit.rlim_max, most) : most;
  for (int number = last + 1; number < static_cast<int>(end); ++number) close(number);
}

/// The other process.
[[noreturn]] void watch(int given, int pipe, const EndWatcher::Undo& undo) {
  // Whatever is sent to the program, or to all of a session whose connection is gone, is not for
  // this one.
  setsid();
  end_waits_by(nullptr);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT})
    (void)std::signal(signal, SIG_IGN);
  // A reader of what the program says must see its end when the program ends. Both files may stand
  // in each other's place already, and are moved out of the way first.
  constexpr int place_of_given = 0, place_of_pipe = 1;
  const int nowhere = open("/dev/null", O_RDWR);
  const int one = fcntl(given < 0 ? nowhere : given, F_DUPFD, 3);
  const int other = fcntl(pipe, F_DUPFD, 3);
  dup2(nowhere, STDERR_FILENO);
  dup2(one, place_of_given);
  dup2(other, place_of_pipe);
  close_all_above(STDERR_FILENO);
  char byte = 0;
  ssize_t count = 0;
  while ((count = ::read(place_of_pipe, &byte, 1)) < 0 && errno == EINTR) {
  }
  _exit(count == 1 || undo(place_of_given) ? 0 : 1);
}

}  // namespace

Result<EndWatcher> EndWatcher::start(int given, const Undo& undo, std::string_view shown) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno(shown, "cannot make a pipe");
  // The reading end is closed in this process when the function ends, the writing end stays open
  // for as long as the object lives.
  const Handle theirs(ends[0]);
  EndWatcher watcher;
  watcher.held_ = Handle(ends[1]);
  const auto process = fork();
  if (process < 0) return fail_errno(shown, "cannot start the process that watches over it");
  if (process == 0) watch(given, theirs.get(), undo);
  watcher.process_ = process;
  return watcher;
}

EndWatcher& EndWatcher::operator=(EndWatcher&& other) noexcept {
  if (this != &other) {
    (void)end(false);
    held_ = std::move(other.held_);
    process_ = std::exchange(other.process_, -1);
  }
  return *this;
}

bool EndWatcher::end(bool is_undone) {
  if (process_ <= 0) return is_undone;
  const char nothing_left = 1;
  if (is_undone) (void)!::write(held_.get(), &nothing_left, 1);
  held_.close();
  int status = 0;
  while (waitpid(process_, &status, 0) < 0 && errno == EINTR) {
  }
  process_ = -1;
  return is_undone || (WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

}  // namespace vstate
