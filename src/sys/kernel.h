/// \file
/// Which system calls the kernel that vstate runs on has.
///
/// The oldest is Linux 3.2. What came later may be missing, and a filter (seccomp, as an old Docker
/// sets it) may refuse what it does not know, with ENOSYS or with EPERM. EPERM is also what the
/// kernel says of a file that must not change, so a call is never judged by what it said of a file:
/// each is asked once in a process, at its first use, with arguments that mean nothing.
#pragma once

#include <string_view>
#include <vector>

namespace vstate {

enum class KernelCall {
  openat2,
  renameat2,
  copy_file_range,
  syncfs,
  close_range,
  getrandom,
  clone3
};

/// Whether the kernel itself answers. Threads may ask at the same time; it keeps errno.
[[nodiscard]] bool kernel_has(KernelCall);

/// For people: a call, and what is used instead of it where it is not there.
struct KernelCallInUse {
  std::string_view name;
  std::string_view instead;  ///< empty: the call itself is used
};

/// All of them, in the order of the enumeration.
[[nodiscard]] std::vector<KernelCallInUse> kernel_calls();

}  // namespace vstate
