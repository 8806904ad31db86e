#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <thread>

#include <fmt/format.h>

#include "apply.h"
#include "commands.h"
#include "dump.h"
#include "pull_local.h"
#include "vstate/base/text.h"
#include "vstate/mail/stream.h"

namespace vstate::cli {

namespace {

/// A program whose standard input and output are pipes of ours. Its errors go where ours go.
class Child {
 public:
  static Result<Child> start(const std::vector<std::string>& words);
  ~Child() {
    input.close();
    output.close();
    if (pid_ > 0) waitpid(pid_, nullptr, 0);
  }
  Child(Child&& other) noexcept
      : input(std::move(other.input)),
        output(std::move(other.output)),
        pid_(std::exchange(other.pid_, -1)) {}
  Child& operator=(Child&&) = delete;

  /// Its exit status; 128 and more: a signal ended it.
  int wait() {
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    constexpr int by_signal = 128;
    return WIFEXITED(status) ? WEXITSTATUS(status) : by_signal + WTERMSIG(status);
  }

  Handle input, output;

 private:
  Child() = default;
  pid_t pid_ = -1;
};

Result<Child> Child::start(const std::vector<std::string>& words) {
  std::array<int, 2> in{}, out{};
  if (pipe2(in.data(), O_CLOEXEC) != 0 || pipe2(out.data(), O_CLOEXEC) != 0)
    return fail_errno(words.front(), "cannot make a pipe");
  std::vector<char*> arguments;
  auto copies = words;
  for (auto& word : copies) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  Child child;
  child.pid_ = fork();
  if (child.pid_ < 0) return fail_errno(words.front(), "cannot start");
  if (child.pid_ == 0) {
    dup2(in[0], STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    execvp(arguments.front(), arguments.data());
    constexpr int not_there = 127;
    _exit(not_there);
  }
  close(in[0]);
  close(out[1]);
  child.input = Handle(in[1]);
  child.output = Handle(out[0]);
  return child;
}

/// One word for a shell on the other side.
std::string quoted(const std::string& word) {
  return fmt::format("'{}'", replace_all(word, "'", "'\\''"));
}

class Pulling {
 public:
  Pulling(const CommonOptions& common, const PullOptions& options)
      : common_(common), options_(options) {}
  Exit run();

 private:
  Exit pull_from_directory(Session& target, const DomainName&);
  Exit pull_from_host(Session& target, const DomainName&);
  Result<Have> what_is_here(Session& target, const DomainName&);

  CommonOptions common_;
  PullOptions options_;
};

/// What the ledger remembers of mailboxes that are still there.
Result<Have> Pulling::what_is_here(Session& target, const DomainName& name) {
  Have have;
  if (!target.memory) return have;
  VSTATE_TRY_ASSIGN(const auto observation,
                    inspect_domain(*target.system, target.server, *target.store, name));
  VSTATE_TRY_ASSIGN(const auto boxes, target.memory->mail_boxes(name));
  for (const auto& [kind, box] : boxes) {
    const auto archive_kind = kind_of(kind);
    if (!archive_kind) continue;  // what is remembered of something else, such as conversions
    const auto place = archive_target(*archive_kind, box, observation.condition.paths);
    if (!place || place->empty() || !target.system->exists(*place)) continue;
    VSTATE_TRY_ASSIGN(auto memory, target.memory->mail_of(name, kind, box));
    have.insert_or_assign({kind, box}, std::move(memory));
  }
  return have;
}

Exit Pulling::pull_from_directory(Session& target, const DomainName& name) {
  auto common = common_;
  common.root = options_.from;
  auto source = open_session(common, Access::read);
  if (!source) return Console::fail(source.error());
  auto freeze = freeze_deliveries(*source, name, options_.freeze);
  if (!freeze) return Console::fail(freeze.error());
  auto observation = inspect_domain(*source->system, source->server, *source->store, name);
  if (!observation) return Console::fail(observation.error());
  if (!observation->state) {
    Console::error(fmt::format("{}: there is no such domain in {}", name.text(), options_.from));
    return Exit::error;
  }
  const auto text = document::write(without_clear_passwords(*observation->state));
  Diagnostics diagnostics;
  const auto file = parse_domain_file(options_.from, text, diagnostics);
  Console::report(diagnostics);
  if (!file) return Exit::error;
  LocalFeed feed(*source, *observation, options_.from);
  const auto exit = apply_with_feed(common_, options_.apply, target, *file, {&feed, "pull"});
  for (const auto& refused : feed.refused()) Console::error("cannot be carried: " + refused);
  bool has_changed = feed.has_changed();
  const auto again = inspect_domain(*source->system, source->server, *source->store, name);
  if (!again || !again->state || document::write(without_clear_passwords(*again->state)) != text)
    has_changed = true;
  return unfrozen(*freeze, source_exit(exit, has_changed));
}

Exit Pulling::pull_from_host(Session& target, const DomainName& name) {
  const auto have = what_is_here(target, name);
  if (!have) return Console::fail(have.error());
  std::vector<std::string> words;
  for (const auto word : split(options_.rsh, ' '))
    if (!word.empty()) words.emplace_back(word);
  words.push_back(options_.from);
  words.push_back(fmt::format("{} -q dump --mail - --have - {}{}", options_.remote_vstate,
                              options_.freeze ? "--freeze " : "", quoted(name.text())));
  auto child = Child::start(words);
  if (!child) return Console::fail(child.error());
  const auto bytes = to_bytes(*have);
  // The other side reads all of it before it writes; a pipe that breaks is told below.
  (void)write_all(child->input.get(), bytes, words.front());
  child->input.close();
  const auto begun = read_begin(child->output.get());
  if (!StreamReader::is_stream(begun)) {
    const int status = child->wait();
    Console::error(fmt::format("{}: sent no stream ({} ended with {}); nothing was changed",
                               options_.from, words.front(), status));
    return Exit::error;
  }
  auto stream = StreamReader::open(child->output.get(), begun);
  if (!stream) return Console::fail(stream.error());
  const auto exit =
      apply_from_stream(common_, options_.apply, target, **stream, options_.from, "pull");
  child->output.close();
  (void)child->wait();  // what it says at the end of the stream is what counts
  return exit;
}

Exit Pulling::run() {
  std::vector<DomainName> names;
  for (const auto& text : options_.domains) {
    auto name = DomainName::parse(text);
    if (!name) return Console::fail(name.error());
    names.push_back(*std::move(name));
  }
  std::signal(SIGPIPE, SIG_IGN);
  auto target = open_session(common_, Access::write);
  if (!target) return Console::fail(target.error());
  InterruptibleSystem::watch_signals();
  const auto lock = take_run_lock(*target);
  if (!lock) return Console::fail(lock.error());
  const bool is_directory =
      options_.from.find('/') != std::string::npos && std::filesystem::is_directory(options_.from);
  Exit result = Exit::done;
  for (const auto& name : names) {
    // Each domain sees what the one before it left in the ledger.
    if (const auto looked = look_at_ledger(*target); !looked) return Console::fail(looked.error());
    const auto exit =
        is_directory ? pull_from_directory(*target, name) : pull_from_host(*target, name);
    if (exit == Exit::interrupted || exit == Exit::busy) return exit;
    if (exit == Exit::done || result == Exit::partly) continue;
    const bool is_worse = result == Exit::done || exit == Exit::partly || exit == Exit::error;
    if (is_worse) result = exit;
  }
  return result;
}

}  // namespace

Exit run_pull(const CommonOptions& common, const PullOptions& options) {
  return Pulling(common, options).run();
}

}  // namespace vstate::cli
