#include "harness/tracing.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "harness/machine.h"

void die(int status, const std::string& why) {
  (void)std::fprintf(stderr, "%s: %s\n", program_invocation_short_name, why.c_str());
  std::exit(status);
}

std::string real_path(const char* path) {
  std::array<char, PATH_MAX> resolved{};
  if (realpath(path, resolved.data()) == nullptr)
    die(k_cannot, std::string(path) + ": no such place");
  return resolved.data();
}

bool is_below(const std::string& path, const std::vector<std::string>& directories) {
  return std::any_of(directories.begin(), directories.end(), [&](const std::string& directory) {
    return path.compare(0, directory.size(), directory) == 0 &&
           (path.size() == directory.size() || path[directory.size()] == '/');
  });
}

// --- the traced side ----------------------------------------------------------------------------

namespace {

void install_filter(const Calls& calls) {
  std::vector<sock_filter> program{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k_arch, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
  };
  for (auto call = calls.begin(); call != calls.end(); call = calls.upper_bound(call->first)) {
    program.push_back(
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call->first), 0, 1));
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE));
  }
  program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0) return;
  // Who is not root may filter only what gains no rights.
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
    _exit(k_cannot);
}

[[noreturn]] void run_traced(char** program, const Calls& calls) {
  if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(k_cannot);
  (void)raise(SIGSTOP);
  install_filter(calls);
  execvp(program[0], program);
  std::perror(program[0]);
  _exit(127);
}

}  // namespace

// --- what a stopped thread has ------------------------------------------------------------------

std::string memory_of(pid_t thread, std::uint64_t address, std::size_t size) {
  std::string bytes(size, '\0');
  iovec here{bytes.data(), size};
  iovec there{reinterpret_cast<void*>(address), size};
  const auto count = process_vm_readv(thread, &here, 1, &there, 1, 0);
  bytes.resize(count < 0 ? 0 : static_cast<std::size_t>(count));
  return bytes;
}

/// A path ends within a page or goes on in the next one, which may not be there.
std::string text_of(pid_t thread, std::uint64_t address) {
  constexpr std::size_t page = 4096;
  std::string text;
  while (address != 0 && text.size() < PATH_MAX) {
    const auto part = memory_of(thread, address, page - address % page);
    const auto end = part.find('\0');
    text.append(part, 0, end);
    if (part.empty() || end != std::string::npos) break;
    address += part.size();
  }
  return text;
}

namespace {

std::string link_of(const std::string& link) {
  std::array<char, PATH_MAX> target{};
  const auto size = readlink(link.c_str(), target.data(), target.size());
  return size < 0 ? std::string() : std::string(target.data(), static_cast<std::size_t>(size));
}

/// Takes /proc/self/fd/N at the beginning for what it names.
std::string through_proc(pid_t thread, const std::string& path) {
  for (const auto& own :
       {std::string("/proc/self/fd/"), "/proc/" + std::to_string(thread) + "/fd/"}) {
    if (path.compare(0, own.size(), own) != 0) continue;
    const auto end = std::min(path.find('/', own.size()), path.size());
    return descriptor_of(thread, std::atoi(path.c_str() + own.size())) + path.substr(end);
  }
  return path;
}

}  // namespace

std::string descriptor_of(pid_t thread, int descriptor) {
  const auto process = "/proc/" + std::to_string(thread);
  if (descriptor == AT_FDCWD) return link_of(process + "/cwd");
  return link_of(process + "/fd/" + std::to_string(descriptor));
}

std::string place_of(const Stop& stop, const Call& call) {
  const auto at = static_cast<std::size_t>(call.at);
  const auto first = static_cast<int>(stop.arguments.at(at));
  if (call.names == Names::nothing) return "";
  if (call.names == Names::descriptor) return descriptor_of(stop.thread, first);
  const bool has_directory = call.names == Names::path_at;
  const auto path = text_of(stop.thread, stop.arguments.at(has_directory ? at + 1 : at));
  bool is_in_root = false;
  if (stop.number == SYS_openat2) {
    open_how how{};
    const auto bytes = memory_of(stop.thread, stop.arguments[2], sizeof how);
    std::memcpy(&how, bytes.data(), bytes.size());
    is_in_root = (how.resolve & RESOLVE_IN_ROOT) != 0;
  }
  if (!path.empty() && path[0] == '/' && !is_in_root) return through_proc(stop.thread, path);
  auto base = descriptor_of(stop.thread, has_directory ? first : AT_FDCWD);
  if (path.empty()) return base;
  return base + (path[0] == '/' ? "" : "/") + path;
}

std::uint64_t open_flags(const Stop& stop) {
  if (stop.number == SYS_openat) return stop.arguments[2];
  if (stop.number == SYS_openat2) {
    std::uint64_t flags = 0;
    const auto bytes = memory_of(stop.thread, stop.arguments[2], sizeof flags);
    std::memcpy(&flags, bytes.data(), bytes.size());
    return flags;
  }
  return stop.arguments[1];
}

// --- what is done to it -------------------------------------------------------------------------

void make_fail(pid_t thread, int failure) {
#if defined(__x86_64__)
  user_regs_struct registers{};
  ptrace(PTRACE_GETREGS, thread, nullptr, &registers);
  registers.orig_rax = static_cast<unsigned long long>(-1);
  registers.rax = static_cast<unsigned long long>(-static_cast<long long>(failure));
  ptrace(PTRACE_SETREGS, thread, nullptr, &registers);
#else
  user_regs_struct registers{};
  iovec all{&registers, sizeof registers};
  ptrace(PTRACE_GETREGSET, thread, NT_PRSTATUS, &all);
  registers.regs[0] = static_cast<std::uint64_t>(-static_cast<std::int64_t>(failure));
  ptrace(PTRACE_SETREGSET, thread, NT_PRSTATUS, &all);
  int none = -1;
  iovec number{&none, sizeof none};
  ptrace(PTRACE_SETREGSET, thread, NT_ARM_SYSTEM_CALL, &number);
#endif
}

void set_argument(pid_t thread, int argument, std::uint64_t value) {
  user_regs_struct registers{};
#if defined(__x86_64__)
  ptrace(PTRACE_GETREGS, thread, nullptr, &registers);
  switch (argument) {
    case 2:
      registers.rdx = value;
      break;
    case 3:
      registers.r10 = value;
      break;
    case 4:
      registers.r8 = value;
      break;
    default:
      die(k_cannot, "no such argument");
  }
  ptrace(PTRACE_SETREGS, thread, nullptr, &registers);
#else
  iovec all{&registers, sizeof registers};
  ptrace(PTRACE_GETREGSET, thread, NT_PRSTATUS, &all);
  registers.regs[argument] = value;
  ptrace(PTRACE_SETREGSET, thread, NT_PRSTATUS, &all);
#endif
}

// --- the tracing side ---------------------------------------------------------------------------

namespace {

Stop read_stop(pid_t thread) {
  Stop stop;
  stop.thread = thread;
  __ptrace_syscall_info info{};
  if (ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info) <= 0) return stop;
  stop.number = static_cast<long>(info.seccomp.nr);
  for (std::size_t i = 0; i < stop.arguments.size(); ++i)
    stop.arguments.at(i) = info.seccomp.args[i];
  return stop;
}

volatile std::sig_atomic_t g_is_late = 0;
void on_alarm(int) { g_is_late = 1; }

}  // namespace

void Tracing::on_stop(pid_t thread, int status) {
  const auto event = status >> 16;
  auto signal = WSTOPSIG(status);
  auto onward = PTRACE_CONT;
  if (event == PTRACE_EVENT_SECCOMP) {
    const auto stop = read_stop(thread);
    if (on_call(stop)) {
      under_way_[thread] = stop;
      onward = PTRACE_SYSCALL;
    }
  } else if (signal == (SIGTRAP | 0x80)) {
    signal = 0;
    if (const auto found = under_way_.find(thread); found != under_way_.end()) {
      __ptrace_syscall_info info{};
      ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info);
      on_return(found->second, static_cast<long>(info.exit.rval));
      under_way_.erase(found);
    }
  } else if (under_way_.count(thread) != 0) {
    onward = PTRACE_SYSCALL;  // a signal came before the call's end
  }
  // The first stop of a new thread or process is the tracing's own, and may come before the
  // event of its parent.
  if (event != 0 || (known_.insert(thread).second && signal == SIGSTOP)) signal = 0;
  ptrace(onward, thread, nullptr, signal);
}

int Tracing::follow(pid_t program) {
  int status = 0;
  int ended = 0;
  while (true) {
    const auto thread = waitpid(-1, &status, __WALL);
    if (g_is_late != 0) return k_timed_out;  // what is left dies with this tracer
    if (thread < 0 && errno == EINTR) continue;
    if (thread < 0) return ended;  // all are gone
    if (WIFSTOPPED(status)) {
      on_stop(thread, status);
    } else {
      known_.erase(thread);
      under_way_.erase(thread);
      if (thread == program)
        ended = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    }
  }
}

int Tracing::run(char** program, const Calls& calls, long seconds) {
  const auto child = fork();
  if (child == 0) run_traced(program, calls);
  if (child < 0) die(k_cannot, "cannot fork");
  int status = 0;
  if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status))
    die(k_cannot, "tracing is not allowed here");
  const auto wanted = PTRACE_O_EXITKILL | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACESYSGOOD |
                      PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
                      PTRACE_O_TRACEEXEC;
  if (ptrace(PTRACE_SETOPTIONS, child, nullptr, wanted) != 0) die(k_cannot, "ptrace fails");
  known_.insert(child);
  ptrace(PTRACE_CONT, child, nullptr, 0);
  struct sigaction action {};
  action.sa_handler = on_alarm;
  sigaction(SIGALRM, &action, nullptr);
  alarm(static_cast<unsigned>(seconds));
  return follow(child);
}
