// What a delivery line does, whoever reads it: a Maildir, an mbox file, a program. Nothing is run:
// a program is looked for with the rights of whoever would start it, and the few whose effect is
// known (vdelivermail, forward, words of the shell itself) are followed.

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "qmail/route_trace.h"
#include "sys/path.h"
#include "vstate/base/text.h"

namespace vstate {

namespace {

/// Where a shell looks for a program without a path; qmail-start's own PATH is not known.
constexpr std::array k_path{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
                            "/usr/bin",        "/sbin",          "/bin"};

constexpr std::array<std::string_view, 16> k_builtins{
    "[",    "test",  ":",     "cd",   "echo", "read",  "printf", "set",
    "kill", "umask", "unset", "trap", "wait", "shift", "eval",   "."};

bool is_builtin(std::string_view word) {
  return std::find(k_builtins.begin(), k_builtins.end(), word) != k_builtins.end();
}

/// Why a program cannot be started; empty if it can, or if that cannot be told.
Result<std::string> obstacle_of(Trail& trail, const std::string& program, const Agent& agent,
                                const std::string& directory) {
  if (program.find('/') != std::string::npos) {
    const auto path = absolute(program, directory);
    VSTATE_TRY_ASSIGN(const auto reached, trail.tables.walker.reach(agent.who, path, k_execute));
    if (reached.is_there())
      return reached.info.is_directory() ? path + " is a directory" : std::string();
    // What stops the walk may be a directory above or behind a link, and then both are said.
    return reached.path == path ? reached.why : fmt::format("{}: {}", path, reached.why);
  }
  // A copy of some directories of a server says nothing of those that it leaves out.
  VSTATE_TRY_ASSIGN(const auto shell, trail.tables.walker.reach(agent.who, "/bin/sh", k_execute));
  if (!shell.is_there() || is_builtin(program)) return std::string();
  std::vector<std::string> places(k_path.begin(), k_path.end());
  places.push_back(path_join(trail.tables.server.qmail_dir, "bin"));
  for (const auto& place : places) {
    VSTATE_TRY_ASSIGN(const auto reached,
                      trail.tables.walker.reach(agent.who, path_join(place, program), k_execute));
    if (reached.is_there()) return std::string();
  }
  return fmt::format("{} is not in {}", program, join(places, ", "));
}

/// The flow after words that the shell carries out itself, so that nothing has to be looked for.
std::optional<Flow> shells_own(Trail& trail, const ShellCommand& command) {
  const auto name = path_name(command.words.front());
  const auto number = name == "exit" && command.words.size() > 1
                          ? to_number(command.words[1]).value_or(1)
                          : std::uint64_t{name == "false" ? 1U : 0U};
  if (name != "exit" && name != "true" && name != "false" && name != ":") return std::nullopt;
  // These are the exit codes that qmail-local and vdelivermail take for a permanent failure; 99
  // means success and an end, all others are tried again.
  constexpr std::array<std::uint64_t, 8> permanent{64, 65, 70, 76, 77, 78, 100, 112};
  if (number == 0 || number == 99) {
    trail.journal.end(Outcome::discarded, fmt::format("\"{}\" takes it", join(command.words, " ")));
    return number == 0 ? Flow::next : Flow::stop;
  }
  const bool bounces = std::find(permanent.begin(), permanent.end(), number) != permanent.end();
  trail.journal.end(bounces ? Outcome::bounced : Outcome::deferred,
                    fmt::format("\"{}\" fails", join(command.words, " ")));
  return Flow::fail;
}

Result<Flow> to_command(Trail& trail, const ShellLine& line, const std::string& command,
                        const Agent& agent) {
  const ShellCommand* hands_on = nullptr;
  for (const auto& part : line.commands)
    // A site may pipe the message through a filter first, so vdelivermail is looked for in any part
    // of the line.
    if (path_name(part.words.front()) == "vdelivermail") hands_on = &part;
  if (hands_on != nullptr) {
    if (line.commands.size() > 1 || !line.is_simple)
      trail.journal.step("vdelivermail is reached unless the commands beside it decide otherwise");
    return vdelivermail(trail, {hands_on->words.begin() + 1, hands_on->words.end()}, agent);
  }
  if (line.commands.empty()) {
    trail.journal.end(Outcome::discarded, "an empty command takes it");
    return Flow::next;
  }
  if (line.commands.size() == 1 && line.is_simple) {
    const auto& words = line.commands.front().words;
    if (const auto flow = shells_own(trail, line.commands.front())) return *flow;
    if (path_name(words.front()) == "forward") {
      for (std::size_t i = 1; i < words.size(); ++i) VSTATE_TRY(forward(trail, words[i]));
      return Flow::next;
    }
  }
  // What another program does with the message cannot be told from outside.
  trail.journal.end(Outcome::runs_program, command);
  return Flow::next;
}

}  // namespace

std::string absolute(std::string path, const std::string& directory) {
  if (path.starts_with('/')) return path;
  while (path.starts_with("./"))
    path.erase(0, std::min(path.find_first_not_of('/', 1), path.size()));
  return path_join(directory, path);
}

Result<Flow> to_maildir(Trail& trail, const std::string& path, const Agent& agent,
                        std::string_view program) {
  // A Maildir delivery writes into tmp and moves to new; cur is not touched.
  for (const auto* part : {"tmp", "new"}) {
    if (trail.made_maildirs.contains(path)) break;
    VSTATE_TRY_ASSIGN(
        const auto reached,
        trail.tables.walker.reach(agent.who, path_join(path, part), k_write | k_execute));
    auto why = reached.why;
    if (reached.is_there() && !reached.info.is_directory())
      why = fmt::format("{} is not a directory", reached.path);
    if (why.empty()) continue;
    trail.journal.end(Outcome::deferred, fmt::format("{} defers: {}", program, why));
    return Flow::fail;
  }
  trail.journal.end(Outcome::delivered, "to " + path);
  return Flow::next;
}

Result<Flow> to_mbox(Trail& trail, const std::string& path, const Agent& agent) {
  VSTATE_TRY_ASSIGN(auto reached, trail.tables.walker.reach(agent.who, path, k_write));
  // qmail-local makes a file that is not there, for which it must be able to write in the
  // directory.
  if (reached.state == Reached::State::missing) {
    const std::string directory(path_parent(path));
    VSTATE_TRY_ASSIGN(reached,
                      trail.tables.walker.reach(agent.who, directory, k_write | k_execute));
  } else if (reached.is_there() && reached.info.is_directory()) {
    reached.why = fmt::format("{} is a directory", path);
  }
  if (!reached.why.empty()) {
    trail.journal.end(Outcome::deferred, "qmail-local defers: " + reached.why);
    return Flow::fail;
  }
  trail.journal.end(Outcome::delivered, "to " + path);
  return Flow::next;
}

Result<Flow> to_program(Trail& trail, const std::string& command, const Agent& agent,
                        const std::string& directory) {
  trail.journal.step("  |" + command);
  const auto line = parse_shell(command, agent.environment);
  // Whether a command behind "&&", "||", or "then" is run is not known, nor what its failure does.
  bool is_certain = line.is_simple, is_pipe = true;
  for (const auto& part : line.commands) {
    is_certain &= part.joined_by != "&&" && part.joined_by != "||";
    is_pipe &= part.joined_by.empty() || part.joined_by == "|";
  }
  // In a pipe the last part decides by its exit code, but any part that cannot run breaks the flow
  // of the message; in a list of commands only the last counts.
  std::string fatal;
  for (const auto& part : line.commands) {
    VSTATE_TRY_ASSIGN(const auto why, obstacle_of(trail, part.words.front(), agent, directory));
    if (why.empty()) continue;
    trail.journal.broken_program(why);
    if (is_certain && (is_pipe || &part == &line.commands.back())) fatal = why;
  }
  if (fatal.empty()) return to_command(trail, line, command, agent);
  trail.journal.end(Outcome::deferred, "the program cannot run: " + fatal);
  // The steps go on as if the program ran, so that a person sees where the mail would end once it
  // is mended.
  const Journal::Hypothesis if_it_worked(trail.journal);
  VSTATE_TRY(to_command(trail, line, command, agent));
  return Flow::fail;
}

}  // namespace vstate
