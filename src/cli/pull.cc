#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

#include <fmt/format.h>

#include "archive/stream.h"
#include "cli/apply.h"
#include "cli/commands.h"
#include "cli/dump.h"
#include "cli/patterns.h"
#include "cli/pull_local.h"
#include "cli/reporter.h"
#include "cli/tally.h"
#include "engine/archives.h"
#include "vstate/base/text.h"

namespace vstate::cli {

namespace {

/// How long a program that was told to end may take.
constexpr std::chrono::seconds k_grace(3);

/// A program whose standard input and output are pipes of ours. Its errors go where ours go.
class Child {
 public:
  static Result<Child> start(const std::vector<std::string>& words);
  ~Child() {
    input.close();
    output.close();
    if (pid_ > 0) end(k_grace);
  }
  Child(Child&& other) noexcept
      : input(std::move(other.input)),
        output(std::move(other.output)),
        pid_(std::exchange(other.pid_, -1)) {}
  Child& operator=(Child&&) = delete;

  /// Its exit status, 128 and more: a signal ended it. It is given so long to end by itself, is
  /// told to, and then made to.
  int end(std::chrono::seconds patience) {
    const auto told = std::chrono::steady_clock::now() + patience;
    bool is_told = false;
    int status = 0;
    for (useconds_t pause = 1000;; pause = std::min<useconds_t>(pause * 2, 100'000)) {
      if (waitpid(pid_, &status, WNOHANG) != 0) break;
      const auto now = std::chrono::steady_clock::now();
      const bool is_late = patience.count() != 0 && now >= told;
      if (is_late && now >= told + k_grace) kill(pid_, SIGKILL);
      if (is_late && !std::exchange(is_told, true)) kill(pid_, SIGTERM);
      usleep(pause);
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
    std::signal(SIGPIPE, SIG_DFL);
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

/// Gives all of it to a program that need not read it: not if it takes nothing for so long.
void give(int file, std::string_view bytes, std::chrono::seconds patience) {
  (void)fcntl(file, F_SETFL, O_NONBLOCK);
  while (!bytes.empty() && can_be_written(file, patience)) {
    const auto count = ::write(file, bytes.data(), bytes.size());
    if (count < 0 && errno != EINTR && errno != EAGAIN) return;
    bytes.remove_prefix(count < 0 ? 0 : static_cast<std::size_t>(count));
  }
}

/// What else is there to read within a moment, up to some lines.
std::string read_some(int file) {
  constexpr int milliseconds = 1000;
  constexpr std::size_t enough = 4096;
  std::string text;
  std::array<char, enough> buffer{};
  pollfd ready{file, POLLIN, 0};
  while (text.size() < enough && poll(&ready, 1, milliseconds) > 0) {
    const auto count = ::read(file, buffer.data(), buffer.size());
    if (count <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return text;
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
  [[nodiscard]] Result<Session> open_source() const;
  [[nodiscard]] bool patterns_match(Session& target, const std::vector<DomainName>&);
  Exit pull_from_directory(Session& target, const DomainName&);
  Exit pull_from_host(Session& target, const DomainName&);
  Result<Have> what_is_here(Session& target, const DomainName&);
  [[nodiscard]] std::string options_there() const;

  CommonOptions common_;
  PullOptions options_;
  Console console_{common_};
};

/// What the ledger remembers of mailboxes that are still there.
Result<Have> Pulling::what_is_here(Session& target, const DomainName& name) {
  Have have;
  if (!target.memory) return have;
  VSTATE_TRY_ASSIGN(const auto observation,
                    inspect_domain(*target.system, target.server, *target.store, *target.qmail,
                                   name, common_.selection));
  VSTATE_TRY_ASSIGN(const auto boxes, target.memory->mail_boxes(name));
  for (const auto& [kind, box] : boxes) {
    const auto archive_kind = kind_of(kind);
    if (!archive_kind) continue;  // what is remembered of something else, such as conversions
    const auto place = archive_target(*archive_kind, box, observation.condition.paths);
    if (!place || place->empty()) continue;
    VSTATE_TRY_ASSIGN(const bool is_there, target.system->exists(*place));
    if (!is_there) continue;
    VSTATE_TRY_ASSIGN(auto memory, target.memory->mail_of(name, kind, box));
    have.insert_or_assign({kind, box}, std::move(memory));
  }
  return have;
}

Result<Session> Pulling::open_source() const {
  auto common = common_;
  common.root = options_.from;
  common.server = options_.source;
  return open_session(common, Access::read);
}

Exit Pulling::pull_from_directory(Session& target, const DomainName& name) {
  auto source = open_source();
  if (!source) return Console::fail(source.error());
  const auto fail = [&](const Error& error) { return Console::fail(error.in(name.text())); };
  auto freeze = freeze_deliveries(*source, name, options_.freeze);
  if (!freeze) return fail(freeze.error());
  auto observation = [&] {
    Reporter reporter(console_, options_.apply.json);
    reporter.set_stage("looking at " + options_.from);
    const Reporter::Watch watch(reporter);
    return inspect_source(*source, name, common_.selection);
  }();
  if (!observation) return fail(observation.error().in(options_.from));
  const auto text_of = [&](const State& state) {
    return document::write(options_.clear_passwords ? state : without_clear_passwords(state));
  };
  const auto text = text_of(*observation->state);
  Diagnostics diagnostics;
  const auto file = parse_domain_file(options_.from, text, diagnostics, common_.selection);
  console_.report(diagnostics);
  if (!file) return Exit::error;
  auto report = report_of(*observation, options_.clear_passwords);
  LocalFeed feed(*source, *observation, options_.from);
  auto options = options_.apply;
  // What was listed and could not be read any more may be there again the next time.
  options.prune = options.prune && !observation->has_changed;
  auto exit = apply_with_feed(common_, options, target, *file, {&feed, "pull"});
  const auto left_out = feed.left_out();
  report.left_out.insert(report.left_out.end(), left_out.begin(), left_out.end());
  report.counts.add(observation->accounting);
  const auto again = inspect_source(*source, name, common_.selection);
  const bool has_changed =
      feed.has_changed() || report.has_changed || !again || text_of(*again->state) != text;
  report.has_changed = false;  // source_exit says it
  tell_source(console_, name, report, *freeze && (*freeze)->is_ours());
  if (exit == Exit::done && !report.left_out.empty()) exit = Exit::differences;
  return unfrozen(*freeze, source_exit(exit, has_changed));
}

/// What the other side shall know of itself, and what it need not look at.
std::string Pulling::options_there() const {
  std::string out;
  const auto add = [&](std::string_view option, const std::string& value) {
    if (!value.empty()) out += fmt::format("--{} {} ", option, quoted(value));
  };
  const auto& source = options_.source;
  add("vpopmail-dir", source.vpopmail_dir);
  add("qmail-dir", source.qmail_dir);
  add("ezmlm-dir", source.ezmlm_dir);
  add("autorespond", source.autorespond);
  add("backend", source.backend);
  add("connection", source.connection_file);
  add("vpopmail-version", source.version);
  for (const auto& homes : source.homes) add("homes", homes);
  for (const auto& pattern : common_.selection.exclude)
    out += fmt::format("--exclude {} ", quoted(pattern));
  return out;
}

Exit Pulling::pull_from_host(Session& target, const DomainName& name) {
  auto have = what_is_here(target, name);
  if (forgets_damaged_ledger(target)) have = what_is_here(target, name);
  if (!have) return Console::fail(have.error());
  std::vector<std::string> words;
  for (const auto word : split(options_.rsh, ' '))
    if (!word.empty()) words.emplace_back(word);
  // A connection that hangs ends by itself, with a message of ssh's own.
  if (options_.rsh == "ssh")
    for (const char* limit :
         {"ConnectTimeout=30", "ServerAliveInterval=15", "ServerAliveCountMax=8"})
      words.insert(words.end(), {"-o", limit});
  words.push_back(options_.from);
  words.push_back(fmt::format("{}{} dump --mail - --have - {}{}{}{}", options_.remote_vstate,
                              common_.quiet ? " -q" : "", options_.freeze ? "--freeze " : "",
                              options_.clear_passwords ? "--clear-passwords " : "", options_there(),
                              quoted(name.text())));
  auto child = Child::start(words);
  if (!child) return Console::fail(child.error());
  const std::chrono::seconds patience(options_.timeout);
  // The other side reads all of it before it writes; a pipe that breaks is told below.
  give(child->input.get(), to_bytes(*have), patience);
  child->input.close();
  const auto begun = read_begin(child->output.get(), patience);
  if (!StreamReader::is_stream(begun)) {
    const bool is_silent =
        begun.empty() && !can_be_read(child->output.get(), std::chrono::seconds(1));
    const auto printed = begun + read_some(child->output.get());
    child->output.close();
    const int status = child->end(k_grace);
    if (is_silent)
      Console::error(fmt::format("{}: said nothing for {} seconds (--timeout); nothing was changed",
                                 options_.from, options_.timeout));
    else if (printed.empty())
      Console::error(fmt::format("{}: sent no stream ({} ended with {}); nothing was changed",
                                 options_.from, words.front(), status));
    else
      Console::error(fmt::format(
          "{}: the remote shell printed \"{}\" before the data; nothing was changed; a shell that "
          "is not asked by a person must print nothing",
          options_.from, visible(printed.substr(0, printed.find('\n')))));
    return Exit::error;
  }
  auto stream = StreamReader::open(child->output.get(), begun, patience);
  if (!stream) return Console::fail(stream.error());
  const auto exit =
      apply_from_stream(common_, options_.apply, target, **stream, options_.from, "pull", &name);
  child->output.close();
  (void)child->end(patience);  // what it says at the end of the stream is what counts
  return exit;
}

/// Whether each pattern matches something, there or here. The other side of a shell judges for
/// itself.
bool Pulling::patterns_match(Session& target, const std::vector<DomainName>& names) {
  const auto& selection = common_.selection;
  if (selection.only.empty() && selection.exclude.empty()) return true;
  auto source = open_source();
  if (!source) {
    (void)Console::fail(source.error());
    return false;
  }
  return are_spelt_well(misspelt_patterns(selection, options_.from + " or on this server", {},
                                          {{*source, names}, {target, names}}));
}

Exit Pulling::run() {
  std::vector<DomainName> names;
  for (const auto& text : options_.domains) {
    auto name = DomainName::parse(text);
    if (!name) return Console::fail(name.error());
    names.push_back(*std::move(name));
  }
  auto target = open_session(common_, Access::write);
  if (!target) return Console::fail(target.error());
  InterruptibleSystem::watch_signals();
  const auto lock = take_run_lock(*target);
  if (!lock) return Console::fail(lock.error());
  // A host has no slash in its name.
  const bool is_directory = options_.from.find('/') != std::string::npos;
  if (is_directory && !std::filesystem::is_directory(options_.from)) {
    Console::error(fmt::format("{}: is not a directory", options_.from));
    return Exit::error;
  }
  if (!is_directory && std::filesystem::is_directory(options_.from))
    console_.say(
        fmt::format("{0}: is taken for a host; for the directory say ./{0}", options_.from));
  if (is_directory && !patterns_match(*target, names)) return Exit::error;
  Tally tally;
  bool has_changed = false;
  for (const auto& name : names) {
    // Each domain sees what the one before it left in the ledger, and in qmail's files.
    if (const auto looked = look_at_ledger(*target); !looked) return Console::fail(looked.error());
    const auto exit =
        is_directory ? pull_from_directory(*target, name) : pull_from_host(*target, name);
    tally.add(name.text(), exit);
    has_changed = has_changed || exit != Exit::error;
    if (tally.ends_run()) break;
  }
  const auto summary = tally.summary();
  if (options_.apply.json && !summary.empty()) Console::print(tally.event().dump() + "\n");
  if (!options_.apply.json && !summary.empty()) console_.say(summary);
  return tally.exit(has_changed);
}

}  // namespace

Exit run_pull(const CommonOptions& common, const PullOptions& options) {
  return Pulling(common, options).run();
}

}  // namespace vstate::cli
