// qmail-local, which chooses a dot-qmail file and carries out its lines. The checks stand in its
// own order, since the first that fails decides what happens to the message: a deferral is tried
// again for days, a bounce goes back at once.

#include <fmt/format.h>

#include "qmail/route_trace.h"
#include "sys/path.h"
#include "vstate/base/text.h"

namespace vstate {

namespace {

/// A dot-qmail file that was chosen, or none.
struct DotQmail {
  std::string name;
  Opened file;
  std::size_t default_from = std::string::npos;  ///< where $DEFAULT begins in the extension
  bool is_ended = false;                         ///< told already: it makes qmail-local defer
};

constexpr unsigned k_writable_by_all = 0002;  ///< conf-patrn, as qmail is shipped
constexpr unsigned k_sticky = 01000, k_forwards_only = 0100;

/// The files that qmail-local.c:qmesearch tries, each with where $DEFAULT begins in the extension.
std::vector<std::pair<std::string, std::size_t>> candidates(const std::string& dash,
                                                            const std::string& extension) {
  constexpr std::string_view word = "default";
  // File names are in lower case and have ":" for each dot, whatever the address looks like.
  const auto safe = replace_all(to_lower(extension), ".", ":");
  std::vector<std::pair<std::string, std::size_t>> names;
  names.emplace_back(".qmail" + dash + safe,
                     safe.ends_with(word) ? safe.size() - word.size() : std::string::npos);
  // After the exact name come the defaults, from the longest prefix that ends with a dash to none
  // at all.
  for (auto length = safe.size() + 1; length-- > 0;)
    if (length == 0 || safe[length - 1] == '-')
      names.emplace_back(fmt::format(".qmail{}{}{}", dash, safe.substr(0, length), word), length);
  return names;
}

void set_environment(const AssignEntry& assignment, Agent& agent) {
  auto& known = agent.environment;
  known["HOST"] = agent.host;
  known["HOME"] = agent.home;
  known["USER"] = assignment.user;
  known["LOCAL"] = agent.local;
  known["RECIPIENT"] = agent.local + "@" + agent.host;
  auto rest = agent.ext;
  for (const auto* name : {"EXT", "EXT2", "EXT3", "EXT4"}) {
    known[name] = rest;
    const auto dash = rest.find('-');
    rest = dash == std::string::npos ? std::string() : rest.substr(dash + 1);
  }
}

Result<bool> home_is_usable(Trail& trail, const Agent& agent) {
  const auto defers = [&](const std::string& why) {
    trail.journal.end(Outcome::deferred, "qmail-local defers: " + why);
    return false;
  };
  if (!agent.home.starts_with('/')) {
    trail.journal.end(Outcome::bounced,
                      fmt::format("qmail-local takes no home \"{}\"", agent.home));
    return false;
  }
  VSTATE_TRY_ASSIGN(const auto home, trail.tables.walker.reach(agent.who, agent.home, k_execute));
  if (!home.is_there()) return defers(home.why);
  if (!home.info.is_directory()) return defers(agent.home + " is not a directory");
  // qmail-local.c:checkhome; the sticky bit is how an administrator, or a freeze, holds off
  // deliveries.
  if ((home.info.mode & (k_sticky | k_writable_by_all)) != 0)
    return defers(agent.home + " is sticky or writable for everybody");
  return true;
}

Result<DotQmail> find_dot_qmail(Trail& trail, const std::string& dash, const Agent& agent) {
  for (auto& [name, default_from] : candidates(dash, agent.ext)) {
    const auto path = path_join(agent.home, name);
    VSTATE_TRY_ASSIGN(auto opened,
                      open_as(trail.tables.system, trail.tables.walker, agent.who, path));
    DotQmail chosen{name, std::move(opened), default_from, false};
    // A file that may not be read defers at once: the next candidate is not tried, since this one
    // was meant.
    if (chosen.file.state == Reached::State::denied)
      trail.journal.end(Outcome::deferred, "qmail-local defers: " + chosen.file.why);
    else if (!chosen.file.is_there() || !chosen.file.info.is_regular())
      continue;
    else if ((chosen.file.info.mode & k_writable_by_all) != 0)
      trail.journal.end(Outcome::deferred,
                        fmt::format("qmail-local defers: {} is writable for everybody", path));
    else
      return chosen;
    chosen.is_ended = true;
    return chosen;
  }
  return DotQmail{};
}

Result<Flow> carry_out_line(Trail& trail, const std::string& line, bool forwards_only,
                            const Agent& agent) {
  if (forwards_only) {
    trail.journal.end(
        Outcome::deferred,
        fmt::format("qmail-local defers: \"{}\" stands where only forwards may", line));
    return Flow::fail;
  }
  if (line.front() == '|') return to_program(trail, line.substr(1), agent, agent.home);
  const auto path = absolute(line, agent.home);
  return line.ends_with('/') ? to_maildir(trail, path, agent, "qmail-local")
                             : to_mbox(trail, path, agent);
}

/// A program, a Maildir or an mbox; the other lines are forwards.
bool is_delivery(const std::string& line) {
  return line.front() == '|' || line.front() == '.' || line.front() == '/';
}

/// The address of a forward, in front of which the "&" may be missing.
std::string forwarded_to(const std::string& line) {
  return line.front() == '&' ? line.substr(1) : line;
}

Status carry_out(Trail& trail, const std::string& text, bool forwards_only, Agent& agent) {
  std::vector<std::string> forwards;
  bool is_first = true;
  for (const auto whole : split_lines(text)) {
    const std::string line(trim_end(whole));
    if (line.empty() && is_first) {
      trail.journal.end(Outcome::deferred, "qmail-local defers: its first line is blank");
      return {};
    }
    is_first = false;
    if (line.empty() || line.front() == '#') continue;
    if (line.front() == '+') {
      forwards_only |= line == "+list";
    } else if (is_delivery(line)) {
      VSTATE_TRY_ASSIGN(const auto flow, carry_out_line(trail, line, forwards_only, agent));
      if (flow == Flow::fail) return {};
      // The exit code 99 skips the lines behind, while forwards gathered so far still go out.
      if (flow == Flow::stop) break;
    } else {
      forwards.push_back(forwarded_to(line));
    }
  }
  // All forwards leave together at the end, and only if nothing has failed before.
  for (const auto& address : forwards) VSTATE_TRY(forward(trail, address));
  return {};
}

}  // namespace

Status deliver_locally(Trail& trail, const AssignEntry& assignment, Agent& agent) {
  VSTATE_TRY_ASSIGN(const bool usable, home_is_usable(trail, agent));
  if (!usable) return {};
  set_environment(assignment, agent);
  VSTATE_TRY_ASSIGN(const auto chosen, find_dot_qmail(trail, assignment.dash, agent));
  if (chosen.is_ended) return {};
  // Without a dash in the assignment qmail-local would use the default delivery; with one, an
  // address without any file does not exist.
  if (chosen.name.empty() && !assignment.dash.empty()) {
    trail.journal.end(Outcome::bounced,
                      fmt::format("no .qmail file in {} answers, not even .qmail{}default",
                                  agent.home, assignment.dash));
    return {};
  }
  // npos is greater than any length, so an exact file sets no DEFAULT.
  if (chosen.default_from <= agent.ext.size())
    agent.environment["DEFAULT"] = agent.ext.substr(chosen.default_from);
  if (!chosen.name.empty())
    trail.journal.step(fmt::format("{} is read by qmail-local", chosen.name));
  // A file of no bytes is no black hole to qmail-local: it means the default delivery.
  if (!chosen.file.text.empty())
    return carry_out(trail, chosen.file.text, (chosen.file.info.mode & k_forwards_only) != 0,
                     agent);
  // What qmail-start was given, which the usual start-up scripts take from this file.
  VSTATE_TRY_ASSIGN(const auto given,
                    trail.tables.system.read_if_there(trail.tables.control("defaultdelivery")));
  trail.journal.step(
      fmt::format("the delivery that qmail-start was given is used{}",
                  given ? ", as control/defaultdelivery has it" : "; ./Mailbox, perhaps"));
  return carry_out(trail, given.value_or("./Mailbox\n"), false, agent);
}

}  // namespace vstate
