/// \file
/// Stops a program, or lets a system call of it fail, at the Nth call that matters.
///
///     kill_points [OPTION…] -- PROGRAM ARGUMENT…
///       --changes        what changes something counts: writes, renames, new files, modes, syncs
///       --reads          what looks at something counts: opens, reads, listings, stats, links
///       --locks          fcntl locks, and giving them up
///       --opens          of those only what needs a descriptor of its own
///       --below DIR      counts what is done below DIR (repeatable); needed for all but --pipes
///       --not-below DIR  … but not what is done below this one
///       --pipes          writes into standard output or another pipe count too
///       --kill N         SIGKILL for the process that is about to make the Nth call
///       --fail N ERRNO   the Nth call does not happen and answers with this number
///       --report FILE    "points N", then "at N CALL PATH" for what was hit; --list: for each
///       --seconds N      everything is killed after so long (60)
///
/// It follows threads and children, and ends with the program's status; 128 + the signal's number
/// where a signal ended it, 124 after the time, 125 if it cannot work here. Calls are caught by a
/// seccomp filter, so that all others run at full speed.

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
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "harness/machine.h"

namespace {

constexpr int k_timed_out = 124;
/// How a call names what it works on.
enum class Names {
  descriptor,  ///< argument `at`
  path,        ///< argument `at`, relative to the working directory
  path_at,     ///< directory handle in `at`, path behind it
  nothing,     ///< counts wherever it is made
};

enum class Kind { change, read, open, lock };

struct Call {
  const char* name;
  Kind kind;
  Names names;
  int at;
};

/// A descriptor that is read from and one that is written to make two entries of one call.
using Calls = std::multimap<long, Call>;

// NOLINTNEXTLINE(readability-function-size): a table
Calls make_calls() {
  const auto change = Kind::change, read = Kind::read, open = Kind::open;
  const auto fd = Names::descriptor, path = Names::path, path_at = Names::path_at;
  Calls calls{
      {SYS_write, {"write", change, fd, 0}},
      {SYS_pwrite64, {"pwrite", change, fd, 0}},
      {SYS_writev, {"writev", change, fd, 0}},
      {SYS_pwritev, {"pwritev", change, fd, 0}},
      {SYS_copy_file_range, {"copy_file_range", change, fd, 2}},
      {SYS_sendfile, {"sendfile", change, fd, 0}},
      {SYS_splice, {"splice", change, fd, 2}},
      {SYS_renameat2, {"renameat2", change, path_at, 2}},
      {SYS_unlinkat, {"unlinkat", change, path_at, 0}},
      {SYS_mkdirat, {"mkdirat", change, path_at, 0}},
      {SYS_mknodat, {"mknodat", change, path_at, 0}},
      {SYS_linkat, {"linkat", change, path_at, 2}},
      {SYS_symlinkat, {"symlinkat", change, path_at, 1}},
      {SYS_fchmod, {"fchmod", change, fd, 0}},
      {SYS_fchmodat, {"fchmodat", change, path_at, 0}},
      {SYS_fchown, {"fchown", change, fd, 0}},
      {SYS_fchownat, {"fchownat", change, path_at, 0}},
      {SYS_utimensat, {"utimensat", change, path_at, 0}},
      {SYS_truncate, {"truncate", change, path, 0}},
      {SYS_ftruncate, {"ftruncate", change, fd, 0}},
      {SYS_fallocate, {"fallocate", change, fd, 0}},
      {SYS_fsync, {"fsync", change, fd, 0}},
      {SYS_fdatasync, {"fdatasync", change, fd, 0}},
      {SYS_syncfs, {"syncfs", change, fd, 0}},
      {SYS_kill, {"kill", change, Names::nothing, 0}},
      {SYS_fcntl, {"lock", Kind::lock, fd, 0}},
      {SYS_openat, {"openat", open, path_at, 0}},
      {SYS_openat2, {"openat2", open, path_at, 0}},
      {SYS_read, {"read", read, fd, 0}},
      {SYS_pread64, {"pread", read, fd, 0}},
      {SYS_readv, {"readv", read, fd, 0}},
      {SYS_preadv, {"preadv", read, fd, 0}},
      {SYS_copy_file_range, {"copy_file_range", read, fd, 0}},
      {SYS_sendfile, {"sendfile", read, fd, 1}},
      {SYS_getdents64, {"getdents", read, fd, 0}},
      {SYS_fstat, {"fstat", read, fd, 0}},
      {SYS_newfstatat, {"fstatat", read, path_at, 0}},
      {SYS_statx, {"statx", read, path_at, 0}},
      {SYS_readlinkat, {"readlinkat", read, path_at, 0}},
      {SYS_faccessat, {"faccessat", read, path_at, 0}},
      {SYS_statfs, {"statfs", read, path, 0}},
      {SYS_fstatfs, {"fstatfs", read, fd, 0}},
  };
#ifdef SYS_faccessat2
  calls.insert({SYS_faccessat2, {"faccessat2", read, path_at, 0}});
#endif
#ifdef SYS_fchmodat2
  calls.insert({SYS_fchmodat2, {"fchmodat2", change, path_at, 0}});
#endif
#ifdef SYS_renameat
  calls.insert({SYS_renameat, {"renameat", change, path_at, 2}});
#endif
#ifdef SYS_open  // the older calls, which arm64 does not have
  calls.insert({{SYS_open, {"open", open, path, 0}},
                {SYS_creat, {"creat", change, path, 0}},
                {SYS_rename, {"rename", change, path, 1}},
                {SYS_unlink, {"unlink", change, path, 0}},
                {SYS_rmdir, {"rmdir", change, path, 0}},
                {SYS_mkdir, {"mkdir", change, path, 0}},
                {SYS_mknod, {"mknod", change, path, 0}},
                {SYS_link, {"link", change, path, 1}},
                {SYS_symlink, {"symlink", change, path, 1}},
                {SYS_chmod, {"chmod", change, path, 0}},
                {SYS_chown, {"chown", change, path, 0}},
                {SYS_lchown, {"lchown", change, path, 0}},
                {SYS_utime, {"utime", change, path, 0}},
                {SYS_utimes, {"utimes", change, path, 0}},
                {SYS_stat, {"stat", read, path, 0}},
                {SYS_lstat, {"lstat", read, path, 0}},
                {SYS_readlink, {"readlink", read, path, 0}},
                {SYS_access, {"access", read, path, 0}}});
#endif
  return calls;
}

struct Options {
  bool changes = false, reads = false, opens = false, locks = false, pipes = false, list = false;
  std::vector<std::string> below, not_below;
  long kill_at = 0, fail_at = 0, seconds = 60;
  int failure = 0;
  std::string report;
  std::vector<char*> program;
};

[[noreturn]] void die(int status, const std::string& why) {
  (void)std::fprintf(stderr, "kill_points: %s\n", why.c_str());
  std::exit(status);
}

std::string real_path(const char* path) {
  std::array<char, PATH_MAX> resolved{};
  if (realpath(path, resolved.data()) == nullptr)
    die(k_cannot, std::string(path) + ": no such place");
  return resolved.data();
}

Options parse(int count, char** words) {
  Options options;
  int at = 1;
  const auto next = [&]() -> char* {
    if (++at >= count) die(k_cannot, std::string(words[at - 1]) + " needs a value");
    return words[at];
  };
  for (; at < count && std::string_view(words[at]) != "--"; ++at) {
    const std::string_view word = words[at];
    if (word == "--changes")
      options.changes = true;
    else if (word == "--reads")
      options.reads = options.opens = true;
    else if (word == "--opens")
      options.opens = true;
    else if (word == "--locks")
      options.locks = true;
    else if (word == "--pipes")
      options.pipes = true;
    else if (word == "--list")
      options.list = true;
    else if (word == "--below")
      options.below.push_back(real_path(next()));
    else if (word == "--not-below")
      options.not_below.push_back(real_path(next()));
    else if (word == "--kill")
      options.kill_at = std::atol(next());
    else if (word == "--report")
      options.report = next();
    else if (word == "--seconds")
      options.seconds = std::atol(next());
    else if (word == "--fail") {
      options.fail_at = std::atol(next());
      options.failure = std::atoi(next());
    } else
      die(k_cannot, "unknown option " + std::string(word));
  }
  for (++at; at < count; ++at) options.program.push_back(words[at]);
  if (options.program.empty()) die(k_cannot, "no program");
  options.program.push_back(nullptr);
  return options;
}

// --- the traced side ----------------------------------------------------------------------------

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

[[noreturn]] void run_traced(const Options& options, const Calls& calls) {
  if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(k_cannot);
  (void)raise(SIGSTOP);
  install_filter(calls);
  execvp(options.program[0], options.program.data());
  std::perror(options.program[0]);
  _exit(127);
}

// --- the tracing side ---------------------------------------------------------------------------

struct Stop {
  pid_t thread = 0;
  long number = 0;
  std::array<std::uint64_t, 6> arguments{};
};

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

/// Leaves the call out; the program sees it fail with this number.
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

std::string link_of(const std::string& link) {
  std::array<char, PATH_MAX> target{};
  const auto size = readlink(link.c_str(), target.data(), target.size());
  return size < 0 ? std::string() : std::string(target.data(), static_cast<std::size_t>(size));
}

std::string descriptor_of(pid_t thread, int descriptor) {
  const auto process = "/proc/" + std::to_string(thread);
  if (descriptor == AT_FDCWD) return link_of(process + "/cwd");
  return link_of(process + "/fd/" + std::to_string(descriptor));
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

bool is_below(const std::string& path, const std::vector<std::string>& directories) {
  return std::any_of(directories.begin(), directories.end(), [&](const std::string& directory) {
    return path.compare(0, directory.size(), directory) == 0 &&
           (path.size() == directory.size() || path[directory.size()] == '/');
  });
}

class Tracer {
 public:
  Tracer(const Options& options, const Calls& calls) : options_(options), calls_(calls) {}
  int run(pid_t program);

 private:
  void on_stop(pid_t thread, int status);
  void on_call(pid_t thread);
  [[nodiscard]] std::string place_of(const Stop&, const Call&) const;
  [[nodiscard]] bool counts(const Stop&, const Call&, const std::string& place) const;
  void hit(const Stop&, const Call&, const std::string& place);
  void write_report() const;

  const Options& options_;
  const Calls& calls_;
  std::set<pid_t> known_;
  long points_ = 0;
  std::string lines_;
};

std::string Tracer::place_of(const Stop& stop, const Call& call) const {
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

bool Tracer::counts(const Stop& stop, const Call& call, const std::string& place) const {
  auto kind = call.kind;
  if (kind == Kind::open && (open_flags(stop) & (O_CREAT | O_TRUNC)) != 0 && options_.changes)
    kind = Kind::change;
  if (kind == Kind::change && !options_.changes) return false;
  if (kind == Kind::read && !options_.reads) return false;
  if (kind == Kind::open && !options_.opens) return false;
  if (kind == Kind::lock) {
    const auto command = static_cast<int>(stop.arguments[1]);
    if (!options_.locks || (command != F_SETLK && command != F_SETLKW)) return false;
  }
  if (call.names == Names::nothing) return true;
  if (place.compare(0, 5, "pipe:") == 0)
    return options_.pipes && kind == Kind::change && static_cast<int>(stop.arguments[0]) != 2;
  return is_below(place, options_.below) && !is_below(place, options_.not_below);
}

void Tracer::hit(const Stop& stop, const Call& call, const std::string& place) {
  ++points_;
  const bool is_it = points_ == options_.kill_at || points_ == options_.fail_at;
  if (is_it || options_.list)
    lines_ += "at " + std::to_string(points_) + " " + call.name + " " + place + "\n";
  if (points_ == options_.fail_at) make_fail(stop.thread, options_.failure);
  if (points_ != options_.kill_at) return;
  write_report();
  std::ifstream status("/proc/" + std::to_string(stop.thread) + "/status");
  for (std::string word; status >> word;) {
    if (word != "Tgid:") continue;
    pid_t process = 0;
    if (status >> process) kill(process, SIGKILL);
    return;
  }
}

void Tracer::on_call(pid_t thread) {
  const auto stop = read_stop(thread);
  const auto [begin, end] = calls_.equal_range(stop.number);
  for (auto found = begin; found != end; ++found) {
    const auto place = place_of(stop, found->second);
    if (!counts(stop, found->second, place)) continue;
    hit(stop, found->second, place);
    return;
  }
}

void Tracer::on_stop(pid_t thread, int status) {
  const auto event = status >> 16;
  auto signal = WSTOPSIG(status);
  if (event == PTRACE_EVENT_SECCOMP) on_call(thread);
  // The first stop of a new thread or process is the tracing's own, and may come before the
  // event of its parent.
  if (event != 0 || (known_.insert(thread).second && signal == SIGSTOP)) signal = 0;
  ptrace(PTRACE_CONT, thread, nullptr, signal);
}

void Tracer::write_report() const {
  if (options_.report.empty()) return;
  std::ofstream(options_.report) << "points " << points_ << "\n" << lines_;
}

volatile std::sig_atomic_t g_is_late = 0;
void on_alarm(int) { g_is_late = 1; }

int Tracer::run(pid_t program) {
  int status = 0;
  if (waitpid(program, &status, 0) != program || !WIFSTOPPED(status))
    die(k_cannot, "tracing is not allowed here");
  const auto wanted = PTRACE_O_EXITKILL | PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK |
                      PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
  if (ptrace(PTRACE_SETOPTIONS, program, nullptr, wanted) != 0) die(k_cannot, "ptrace fails");
  known_.insert(program);
  ptrace(PTRACE_CONT, program, nullptr, 0);
  struct sigaction action {};
  action.sa_handler = on_alarm;
  sigaction(SIGALRM, &action, nullptr);
  alarm(static_cast<unsigned>(options_.seconds));
  int ended = 0;
  while (true) {
    const auto thread = waitpid(-1, &status, __WALL);
    if (g_is_late != 0) break;
    if (thread < 0 && errno == EINTR) continue;
    if (thread < 0) break;  // all are gone
    if (WIFSTOPPED(status)) {
      on_stop(thread, status);
    } else {
      known_.erase(thread);
      if (thread == program)
        ended = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    }
  }
  write_report();
  return g_is_late != 0 ? k_timed_out : ended;  // what is left dies with this tracer
}

}  // namespace

int main(int count, char** words) {
  const auto options = parse(count, words);
  const auto calls = make_calls();
  const auto program = fork();
  if (program == 0) run_traced(options, calls);
  if (program < 0) die(k_cannot, "cannot fork");
  Tracer tracer(options, calls);
  return tracer.run(program);
}
