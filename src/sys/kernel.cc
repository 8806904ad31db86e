// A filter decides by the number of a call, mostly before the kernel has looked at an argument. So
// arguments that the kernel must refuse tell the two apart: EINVAL, EBADF and EFAULT are answers of
// the call itself, and all others are somebody's in its place.

#include "sys/kernel.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
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

constexpr unsigned k_no_such_flags = ~0U;

/// What the kernel says of senseless arguments.
int ask(KernelCall call) {
  switch (call) {
    case KernelCall::openat2:
      return answer_of(SYS_openat2, -1, "", nullptr, std::size_t{0});
    case KernelCall::renameat2:
      return answer_of(SYS_renameat2, -1, "", -1, "", k_no_such_flags);
    case KernelCall::copy_file_range:
      return answer_of(SYS_copy_file_range, -1, nullptr, -1, nullptr, std::size_t{0}, 0U);
    case KernelCall::syncfs:
      return answer_of(SYS_syncfs, -1);
    case KernelCall::close_range:
      return answer_of(SYS_close_range, 1U, 0U, 0U);
    case KernelCall::getrandom:
      return answer_of(SYS_getrandom, nullptr, std::size_t{0}, k_no_such_flags);
    case KernelCall::clone3:
      return answer_of(SYS_clone3, nullptr, std::size_t{0});
  }
  return ENOSYS;
}

constexpr std::size_t k_calls = static_cast<std::size_t>(KernelCall::clone3) + 1;

/// Each is asked when it is first wanted: a run that changes nothing makes no call that could. Two
/// threads that ask at the same time get the same answer.
int answer_to(KernelCall call) {
  constexpr int not_asked = -1;
  static std::array<std::atomic<int>, k_calls> answers{not_asked, not_asked, not_asked, not_asked,
                                                       not_asked, not_asked, not_asked};
  auto& known = answers[static_cast<std::size_t>(call)];
  if (known == not_asked) {
    const int number = errno;
    known = ask(call);
    errno = number;
  }
  return known;
}

struct Names {
  std::string_view name;
  std::string_view instead;
};

/// In the order of KernelCall.
constexpr std::array<Names, k_calls> k_names{{
    {"openat2", "a walk from one directory to the next"},
    {"renameat2", "link and unlink"},
    {"copy_file_range", "read and write"},
    {"syncfs", "fsync of each file, and sync"},
    {"close_range", "close, one by one"},
    {"getrandom", "/dev/urandom, or what the kernel gave at the start"},
    {"clone3", "no threads, one mailbox at a time"},
}};

}  // namespace

bool kernel_has(KernelCall call) {
  const int answer = answer_to(call);
  return answer == EINVAL || answer == EBADF || answer == EFAULT;
}

std::vector<KernelCallInUse> kernel_calls() {
  std::vector<KernelCallInUse> calls;
  for (std::size_t i = 0; i < k_calls; ++i) {
    const auto call = static_cast<KernelCall>(i);
    auto instead = kernel_has(call) ? std::string_view() : k_names.at(i).instead;
    // The C library starts threads with clone3, and with clone only where it learns that there is
    // no clone3; of a refusal it makes a failure.
    if (call == KernelCall::clone3 && answer_to(call) == ENOSYS) instead = "clone";
    calls.push_back({k_names.at(i).name, instead});
  }
  return calls;
}

}  // namespace vstate
