// A program on the other end of two pipes, ssh as a rule. Nothing about it may hold up this one for
// ever: not a program that does not read, not one that is silent, and not one that does not end.
// Each wait has a limit, and at the end of an error the program is gone as well.

#include "remote/ssh/child.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <optional>
#include <thread>

#include "sys/handle.h"
#include "sys/io.h"
#include "sys/process/stop.h"

namespace vstate::remote {

namespace {

struct Pipe {
  Handle reading, writing;
};

/// Returns nullopt if there is none; errno says why.
std::optional<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  // The ends must not be inherited by any other program, or the pipe would never be seen to end.
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return std::nullopt;
  return Pipe{Handle(ends[0]), Handle(ends[1])};
}

/// Becomes the program; called in the forked process.
[[noreturn]] void run(const Pipe& in, const Pipe& out, const Pipe& errors,
                      const std::vector<char*>& arguments) {
  // A signal that is ignored stays so in the program, which would not end with its reader.
  (void)std::signal(SIGPIPE, SIG_DFL);
  // A thread that no signal interrupts must not start a program that none ends.
  sigset_t none{};
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  // One that reads nothing would not see the end of this program, and go on for ever.
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  // The copies lose the close-on-exec flag, and all other ends close by themselves.
  dup2(in.reading.get(), STDIN_FILENO);
  dup2(out.writing.get(), STDOUT_FILENO);
  dup2(errors.writing.get(), STDERR_FILENO);
  execvp(arguments.front(), arguments.data());
  constexpr int not_there = 127;
  _exit(not_there);
}

}  // namespace

Result<Child> Child::start(const std::vector<std::string>& words, Errors errors) {
  auto in = make_pipe();
  auto out = in ? make_pipe() : std::nullopt;
  auto said = out ? make_pipe() : std::nullopt;
  if (!said) return fail_errno(words.front(), "cannot make a pipe");
  auto copies = words;
  // The arguments are made before the fork: in the child, only calls that are safe after a fork may
  // follow.
  std::vector<char*> arguments;
  arguments.reserve(copies.size() + 1);
  for (auto& word : copies) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  Child child;
  if (errors == Errors::shown) {
    child.relay_ = std::make_unique<ErrorRelay>(std::move(said->reading));
    if (!child.relay_->is_running()) {
      errno = EAGAIN;
      return fail_errno(words.front(), "cannot start a thread for what it says");
    }
  }
  child.pid_ = fork();
  if (child.pid_ < 0) return fail_errno(words.front(), "cannot start");
  if (child.pid_ == 0) run(*in, *out, *said, arguments);
  child.input = std::move(in->writing);
  child.output = std::move(out->reading);
  if (errors == Errors::piped) child.errors = std::move(said->reading);
  return child;
}

Child::~Child() {
  // Most programs end when their input does, or when nobody reads them.
  input.close();
  output.close();
  errors.close();
  if (pid_ > 0 && (ends_by_signal || is_told_to_stop())) kill(pid_, SIGTERM);
  if (pid_ > 0) end(k_grace);
}

void Child::give(std::string_view bytes, std::chrono::seconds patience) {
  // A program that reads nothing would block a write for good, as soon as the pipe is full.
  (void)fcntl(input.get(), F_SETFL, O_NONBLOCK);
  while (!bytes.empty() && can_be_written(input.get(), patience)) {
    const auto count = ::write(input.get(), bytes.data(), bytes.size());
    if (count < 0 && errno != EINTR && errno != EAGAIN) break;
    bytes.remove_prefix(count < 0 ? 0 : static_cast<std::size_t>(count));
  }
  input.close();
}

int Child::end(std::chrono::seconds patience) {
  // It has ended, or there is none: -1 would be any child of this process, and to kill(2) all
  // processes there are.
  if (pid_ <= 0) return status_;
  using std::chrono::milliseconds;
  using Clock = std::chrono::steady_clock;
  constexpr milliseconds shortest(1), longest(100);
  const auto told = Clock::now() + patience;
  bool is_told = false;
  int status = 0;
  // There is no wait for a child with a time limit, so it is asked again and again, ever more
  // seldom.
  for (auto pause = shortest; waitpid(pid_, &status, WNOHANG) == 0;
       pause = std::min(pause * 2, longest)) {
    const auto now = Clock::now();
    const bool is_late = patience.count() != 0 && now >= told;
    if (is_late && now >= told + k_grace) kill(pid_, SIGKILL);
    if (is_late && !std::exchange(is_told, true)) kill(pid_, SIGTERM);
    std::this_thread::sleep_for(pause);
  }
  pid_ = -1;
  // Before anything is said on how it ended.
  relay_.reset();
  constexpr int by_signal = 128;
  status_ = WIFEXITED(status) ? WEXITSTATUS(status) : by_signal + WTERMSIG(status);
  return status_;
}

bool await_sockets(const Child& child, const std::vector<std::string>& paths,
                   std::chrono::seconds patience) {
  constexpr std::chrono::milliseconds pause(10);
  const auto is_socket = [](const std::string& path) {
    struct stat st {};
    return lstat(path.c_str(), &st) == 0 && S_ISSOCK(st.st_mode);
  };
  Wait wait(patience);
  while (!std::all_of(paths.begin(), paths.end(), is_socket)) {
    // Its output ends when it does.
    if (has_ended(child.output.get()) || wait.is_over()) return false;
    std::this_thread::sleep_for(pause);
  }
  return true;
}

bool has_ended(int file) {
  pollfd ready{file, POLLIN, 0};
  return poll(&ready, 1, 0) > 0 && (ready.revents & (POLLHUP | POLLERR)) != 0;
}

std::string read_some(int file, std::chrono::seconds patience) {
  constexpr std::size_t enough = 4096;
  std::string text;
  std::array<char, enough> buffer{};
  while (text.size() < enough && can_be_read(file, patience)) {
    const auto count = ::read(file, buffer.data(), buffer.size());
    if (count <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return text;
}

bool says_no_program(int status, std::string_view printed) {
  constexpr int cannot_run = 126, not_there = 127;
  if (printed.starts_with("This service allows sftp connections only")) return true;
  return printed.empty() && (status == cannot_run || status == not_there);
}

}  // namespace vstate::remote
