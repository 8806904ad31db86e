// qmail-lspawn, which knows who a local part is, by users/cdb or by qmail-getpw.

#include <fmt/format.h>

#include "qmail/route_trace.h"
#include "vstate/base/text.h"

namespace vstate {

namespace {

/// qmail-getpw.c:GETPW_USERLEN, with the byte that ends the name.
constexpr std::size_t k_longest_user = 31;

/// As scan_ulong reads it: the digits in front, 0 without any.
std::uint32_t leading_number(const std::string& text) {
  const auto end = text.find_first_not_of("0123456789");
  return static_cast<std::uint32_t>(to_number(text.substr(0, end)).value_or(0));
}

}  // namespace

Status Trace::spawn(const std::string& local, const std::string& host) {
  if (local.empty()) {
    journal_.end(Outcome::discarded, "qmail-lspawn drops mail for an empty local part");
    return {};
  }
  const auto recipient = to_lower(local + "@" + host);
  for (const auto& earlier : on_the_way_)
    if (earlier == recipient) {
      journal_.end(Outcome::loops, fmt::format("{}@{} was on the way here before", local, host));
      return {};
    }
  if (!followed_.insert(recipient).second) {
    journal_.step(fmt::format("{}@{}: as above", local, host));
    return {};
  }
  VSTATE_TRY_ASSIGN(const auto assignment, assignment_of(local));
  if (!assignment) return {};
  Agent agent;
  agent.who = actor_of(leading_number(assignment->uid), leading_number(assignment->gid));
  agent.home = assignment->home;
  agent.local = local;
  agent.host = host;
  agent.ext = assignment->ext;
  if (agent.who.uid == 0) {
    journal_.end(Outcome::deferred, "qmail-lspawn does not deliver as root");
    return {};
  }
  on_the_way_.push_back(recipient);
  const auto status = deliver_locally(*assignment, agent);
  on_the_way_.pop_back();
  return status;
}

Result<std::optional<Assignment>> Trace::assignment_of(const std::string& local) {
  if (!tables_.assign_cdb) {
    journal_.step(
        fmt::format("{} does not exist: qmail-getpw is asked", tables_.server.assign_cdb));
    return system_user_of(local);
  }
  const auto found = find_assignment(*tables_.assign_cdb, local);
  if (!found) {
    journal_.end(Outcome::deferred, fmt::format("qmail-lspawn defers: {}: {}",
                                                tables_.server.assign_cdb, found.error().message));
    return std::nullopt;
  }
  if (!*found) {
    journal_.step(fmt::format("{} has no entry for \"{}\": qmail-getpw is asked",
                              tables_.server.assign_cdb, local));
    return system_user_of(local);
  }
  journal_.step(fmt::format("users/cdb gives {}{} to uid {} in {}",
                            (*found)->is_wildcard ? "" : "exactly ", (*found)->key, (*found)->uid,
                            (*found)->home));
  return *found;
}

Result<bool> Trace::is_home_of(const SystemAccount& account) {
  VSTATE_TRY_ASSIGN(const auto getpw, actor_of(tables_.system, "qmailp"));
  VSTATE_TRY_ASSIGN(const auto home, tables_.walker.walk(getpw, account.home));
  return home.is_there() && home.info.uid == account.uid;
}

Result<std::optional<Assignment>> Trace::system_user_of(const std::string& local) {
  const auto taken = [&](const std::string& name, const SystemAccount& account, std::string dash,
                         std::string ext) {
    journal_.step(
        fmt::format("qmail-getpw gives it to the system account {} in {}", name, account.home));
    return Assignment{"",
                      false,
                      name,
                      std::to_string(account.uid),
                      std::to_string(account.gid),
                      account.home,
                      std::move(dash),
                      std::move(ext)};
  };
  for (auto end = local.size();; end = local.rfind('-', end - 1)) {
    if (end == std::string::npos) break;
    if (end <= k_longest_user) {
      const auto name = to_lower(local.substr(0, end));
      VSTATE_TRY_ASSIGN(const auto account, tables_.system.account(name));
      if (account && account->uid != 0) {
        VSTATE_TRY_ASSIGN(const bool is_home, is_home_of(*account));
        if (is_home && end == local.size()) return std::optional(taken(name, *account, "", ""));
        if (is_home) return std::optional(taken(name, *account, "-", local.substr(end + 1)));
      }
    }
    if (end == 0) break;
  }
  VSTATE_TRY_ASSIGN(const auto alias, tables_.system.account("alias"));
  if (alias) return std::optional(taken("alias", *alias, "-", local));
  journal_.end(Outcome::deferred, "qmail-getpw finds no account \"alias\" for it");
  return std::nullopt;
}

}  // namespace vstate
