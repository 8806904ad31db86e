// A filter decides by the number of a call, mostly before the kernel has looked at an argument. So
// arguments that the kernel must refuse tell the two apart: EINVAL, EBADF and EFAULT are answers of
// the call itself, and all others are somebody's in its place.

#include "sys/kernel.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>

// Headers may be older than the kernel. The numbers are the same on all machines.
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_openat2
#define SYS_openat2 437
#endif

namespace vstate {

namespace {

/// What the kernel says of a call that is asked for nothing; 0 if it takes that for success.
template <class... Arguments>
int answer_of(long number, Arguments... arguments) {
  return syscall(number, arguments...) == -1 ? errno : 0;
}

struct Probe {
  std::string_view name;
  std::string_view instead;
  int answer;
};

constexpr unsigned k_no_such_flags = ~0U;

/// In the order of KernelCall.
std::array<Probe, 7> ask_all() {
  const int number = errno;
  std::array<Probe, 7> probes{{
      {"openat2", "a walk from one directory to the next",
       answer_of(SYS_openat2, -1, "", nullptr, std::size_t{0})},
      {"renameat2", "link and unlink", answer_of(SYS_renameat2, -1, "", -1, "", k_no_such_flags)},
      {"copy_file_range", "read and write",
       answer_of(SYS_copy_file_range, -1, nullptr, -1, nullptr, std::size_t{0}, 0U)},
      {"syncfs", "fsync of each file, and sync", answer_of(SYS_syncfs, -1)},
      {"close_range", "close, one by one", answer_of(SYS_close_range, 1U, 0U, 0U)},
      {"getrandom", "/dev/urandom, or what the kernel gave at the start",
       answer_of(SYS_getrandom, nullptr, std::size_t{0}, k_no_such_flags)},
      {"clone3", "", answer_of(SYS_clone3, nullptr, std::size_t{0})},
  }};
  // The C library starts threads with clone3, and with clone only where it learns that there is no
  // clone3; of a refusal it makes a failure.
  auto& clone3 = probes.back();
  clone3.instead = clone3.answer == ENOSYS ? "clone" : "no threads, one mailbox at a time";
  errno = number;
  return probes;
}

const std::array<Probe, 7>& probes() {
  static const auto all = ask_all();
  return all;
}

bool is_there(const Probe& probe) {
  return probe.answer == EINVAL || probe.answer == EBADF || probe.answer == EFAULT;
}

}  // namespace

bool kernel_has(KernelCall call) { return is_there(probes()[static_cast<std::size_t>(call)]); }

std::vector<KernelCallInUse> kernel_calls() {
  std::vector<KernelCallInUse> calls;
  for (const auto& probe : probes())
    calls.push_back({probe.name, is_there(probe) ? std::string_view() : probe.instead});
  return calls;
}

}  // namespace vstate
