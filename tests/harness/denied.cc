/// \file
/// Runs a program on a kernel that seems to lack some system calls.
///
///     denied ERRNO CALL[,CALL…] PROGRAM ARGUMENT…
///
/// ERRNO is ENOSYS, as an old kernel answers, or EPERM, as filters of old containers do for calls
/// that they do not know. CALL is a name from the table below, or "younger": all that Linux 3.2
/// does not have, by their numbers. "ofd_lock" stands for the locks of an open file, commands of
/// fcntl that 3.2 answers with EINVAL, as the filter does. A filter (seccomp) answers, and nothing
/// of the call happens. Ends with the program's status; 125 if it cannot work here.

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "harness/machine.h"

namespace {

// Calls get ever higher numbers, and process_vm_writev was the last one of 3.2; arm64 came later,
// with the numbers in the same order.
constexpr std::uint32_t k_first_younger = SYS_process_vm_writev + 1;

const std::map<std::string, std::uint32_t> k_calls{
    {"openat2", 437},
    {"close_range", 436},
    {"faccessat2", 439},
    {"clone3", 435},
    {"statx", SYS_statx},
    {"copy_file_range", SYS_copy_file_range},
    {"syncfs", SYS_syncfs},
    {"renameat2", SYS_renameat2},
    {"getrandom", SYS_getrandom},
    {"memfd_create", SYS_memfd_create},
};

[[noreturn]] void die(const std::string& what) {
  (void)std::fprintf(stderr, "denied: %s\n", what.c_str());
  std::exit(k_cannot);
}

sock_filter load(std::size_t offset) {
  return BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
}

void add_ofd_lock(std::vector<sock_filter>& filter) {
  constexpr std::uint32_t first = F_OFD_GETLK, last = F_OFD_SETLKW;
  // The low half of the second argument is the command.
  const std::vector<sock_filter> part{BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fcntl, 0, 5),
                                      load(offsetof(seccomp_data, args[1])),
                                      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, first, 0, 2),
                                      BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, last, 1, 0),
                                      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
                                      load(offsetof(seccomp_data, nr))};
  filter.insert(filter.end(), part.begin(), part.end());
}

std::vector<sock_filter> filter_of(std::uint32_t error, const std::string& names) {
  const sock_filter refuse = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error);
  const sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  std::vector<sock_filter> filter{load(offsetof(seccomp_data, arch)),
                                  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k_arch, 1, 0), allow,
                                  load(offsetof(seccomp_data, nr))};
  std::istringstream words(names);
  for (std::string name; std::getline(words, name, ',');) {
    const auto call = k_calls.find(name);
    if (name == "ofd_lock") {
      add_ofd_lock(filter);
      continue;
    }
    if (name == "younger")
      filter.push_back(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, k_first_younger, 0, 1));
    else if (call != k_calls.end())
      filter.push_back(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call->second, 0, 1));
    else
      die("no call " + name);
    filter.push_back(refuse);
  }
  filter.push_back(allow);
  return filter;
}

void install(std::vector<sock_filter> filter) {
  sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  const auto set = [&] { return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0; };
  // Root may set a filter and let programs that change who they are work on.
  if (set()) return;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && set()) return;
  // CTest's summary takes this for the reason.
  (void)std::fprintf(stderr, "skipped: denied: no filter can be set: %s\n", std::strerror(errno));
  std::exit(k_cannot);
}

}  // namespace

int main(int count, char** words) {
  constexpr int first_of_program = 3;
  if (count <= first_of_program) die("ERRNO CALL[,CALL…] PROGRAM ARGUMENT…");
  const std::string error = words[1];
  if (error != "ENOSYS" && error != "EPERM") die("no such error: " + error);
  install(filter_of(error == "EPERM" ? EPERM : ENOSYS, words[2]));
  execv(words[first_of_program], words + first_of_program);
  die(std::string(words[first_of_program]) + ": " + std::strerror(errno));
}
