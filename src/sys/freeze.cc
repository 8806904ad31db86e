// The sticky bit is on the old server, where people work: a run that dies must not leave their mail
// waiting for good. So a second process is forked that does nothing but wait for the end of a pipe,
// which the kernel closes however the first one ends, and then takes the bit away.

#include "sys/freeze.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include <fmt/format.h>

#include "sys/handle.h"
#include "sys/local_files.h"

namespace vstate {

// The watcher would hold locks, sockets and pipes of the program open after its end, and its own
// copy of the writing end would keep its read from ever ending.
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

namespace {

/// Takes the bit away; true also if it is away already. Only calls that are safe after a fork.
bool lift(int directory) {
  // The mode is read again, since somebody may have changed the other bits while the domain was
  // frozen.
  struct stat st {};
  if (fstat(directory, &st) != 0) return false;
  return (st.st_mode & k_sticky) == 0 ||
         (fchmod(directory, st.st_mode & 07777U & ~k_sticky) == 0 && fsync(directory) == 0);
}

/// The other process: only calls that are safe after a fork.
[[noreturn]] void watch(int directory, int pipe) {
  // Whatever is sent to the program, or to all of a session whose connection is gone, is not for
  // this one.
  setsid();
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT}) std::signal(signal, SIG_IGN);
  // A reader of the program's output must see its end when the program ends.
  constexpr int place_of_directory = 0, place_of_pipe = 1;
  // The two descriptors may stand in each other's place already, so the pipe is moved out of the
  // way before the directory takes its number.
  const int other = fcntl(pipe, F_DUPFD, 3);
  dup2(directory, place_of_directory);
  dup2(other, place_of_pipe);
  close_all_above(place_of_pipe);
  // Nobody ever writes into the pipe: a read comes back when the last writing end is closed, which
  // is the end of the program.
  char byte = 0;
  while (::read(place_of_pipe, &byte, 1) < 0 && errno == EINTR) {
  }
  _exit(lift(place_of_directory) ? 0 : 1);
}

}  // namespace

LocalFreeze::~LocalFreeze() { (void)LocalFreeze::end(); }

Result<std::unique_ptr<DeliveryFreeze>> LocalFreeze::begin(System& system,
                                                           const std::string& directory) {
  std::unique_ptr<LocalFreeze> freeze(new LocalFreeze());
  freeze->directory_ = directory;
  VSTATE_TRY_ASSIGN(auto opened, open_handle(system, directory));
  const auto& handle = opened.handle;
  struct stat st {};
  if (fstat(handle.get(), &st) != 0) return fail_errno_of_open(directory, "cannot stat");
  if ((st.st_mode & k_sticky) != 0) return freeze;
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno(directory, "cannot make a pipe");
  // The reading end is closed in this process when the function ends, the writing end stays open in
  // `held_` for as long as the freeze lasts.
  const Handle theirs(ends[0]);
  freeze->held_ = Handle(ends[1]);
  const auto pid = fork();
  if (pid < 0) return fail_errno(directory, "cannot start the process that unfreezes it");
  if (pid == 0) watch(handle.get(), theirs.get());
  freeze->watcher_ = pid;
  // The watcher is there before the bit is.
  VSTATE_TRY(system.set_mode(directory, (st.st_mode & 07777U) | k_sticky));
  // The handle outlives a rename of the directory, which a path would not.
  freeze->frozen_ = std::move(opened.handle);
  return freeze;
}

Status LocalFreeze::end() {
  if (watcher_ <= 0) return {};
  // This ends the watcher's read; it lifts the bit and tells by its exit status whether that
  // worked.
  held_.close();
  int status = 0;
  while (waitpid(watcher_, &status, 0) < 0 && errno == EINTR) {
  }
  watcher_ = -1;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  // The watcher may have been killed itself.
  if (frozen_.is_open() && lift(frozen_.get())) return {};
  return fail(Errc::io, fmt::format("{}: the sticky bit could not be taken away, so that mail for "
                                    "the domain waits; chmod -t it",
                                    directory_));
}

}  // namespace vstate
