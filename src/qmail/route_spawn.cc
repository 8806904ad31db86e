// qmail-lspawn, which knows who a local part is, by users/cdb or by qmail-getpw. Whatever is found
// decides the user, the group and the home of all that follows, so each later step is judged with
// those rights.

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

/// qmail-getpw.c:userext gives an account its mail only if the home is there and belongs to it; as
/// qmailp it must be able to see that.
Result<bool> is_home_of(Trail& trail, const SystemAccount& account) {
  VSTATE_TRY_ASSIGN(const auto getpw, actor_of(trail.tables.system, "qmailp"));
  VSTATE_TRY_ASSIGN(const auto home, trail.tables.walker.walk(getpw, account.home));
  return home.is_there() && home.info.uid == account.uid;
}

/// The account of that name, unless it is one that qmail-getpw passes over.
Result<std::optional<SystemAccount>> account_with_mail(Trail& trail, const std::string& name) {
  if (name.size() > k_longest_user) return std::nullopt;
  VSTATE_TRY_ASSIGN(auto account, trail.tables.system.account(name));
  if (!account || account->uid == 0) return std::nullopt;
  VSTATE_TRY_ASSIGN(const bool is_home, is_home_of(trail, *account));
  if (!is_home) return std::nullopt;
  return account;
}

Result<std::optional<AssignEntry>> system_user_of(Trail& trail, const std::string& local) {
  const auto taken = [&](const std::string& name, const SystemAccount& account, std::string dash,
                         std::string ext) {
    trail.journal.step(
        fmt::format("qmail-getpw gives it to the system account {} in {}", name, account.home));
    return AssignEntry{false,
                       "",
                       name,
                       std::to_string(account.uid),
                       std::to_string(account.gid),
                       account.home,
                       std::move(dash),
                       std::move(ext)};
  };
  for (auto end = local.size();; end = local.rfind('-', end - 1)) {
    if (end == std::string::npos) break;
    const auto name = to_lower(local.substr(0, end));
    VSTATE_TRY_ASSIGN(const auto account, account_with_mail(trail, name));
    if (account && end == local.size()) return std::optional(taken(name, *account, "", ""));
    if (account) return std::optional(taken(name, *account, "-", local.substr(end + 1)));
    if (end == 0) break;
  }
  VSTATE_TRY_ASSIGN(const auto alias, trail.tables.system.account("alias"));
  if (alias) return std::optional(taken("alias", *alias, "-", local));
  trail.journal.end(Outcome::deferred, "qmail-getpw finds no account \"alias\" for it");
  return std::nullopt;
}

Result<std::optional<AssignEntry>> assignment_of(Trail& trail, const std::string& local) {
  if (!trail.tables.assign_cdb) {
    trail.journal.step(
        fmt::format("{} does not exist: qmail-getpw is asked", trail.tables.server.assign_cdb));
    return system_user_of(trail, local);
  }
  const auto found = find_assignment(*trail.tables.assign_cdb, local);
  if (!found) {
    trail.journal.end(Outcome::deferred,
                      fmt::format("qmail-lspawn defers: {}: {}", trail.tables.server.assign_cdb,
                                  found.error().message));
    return std::nullopt;
  }
  if (!*found) {
    trail.journal.step(fmt::format("{} has no entry for \"{}\": qmail-getpw is asked",
                                   trail.tables.server.assign_cdb, local));
    return system_user_of(trail, local);
  }
  trail.journal.step(fmt::format("users/cdb gives {}{} to uid {} in {}",
                                 (*found)->wildcard ? "" : "exactly ", (*found)->key, (*found)->uid,
                                 (*found)->home));
  return *found;
}

}  // namespace

Status spawn(Trail& trail, const std::string& local, const std::string& host) {
  if (local.empty()) {
    trail.journal.end(Outcome::discarded, "qmail-lspawn drops mail for an empty local part");
    return {};
  }
  const auto recipient = to_lower(local + "@" + host);
  // qmail-local sees its own Delivered-To line on a message that comes back, and bounces it.
  for (const auto& earlier : trail.on_the_way)
    if (earlier == recipient) {
      trail.journal.end(Outcome::loops,
                        fmt::format("{}@{} was on the way here before", local, host));
      return {};
    }
  // Two forwards to one address are followed once: the ends would be the same.
  if (!trail.followed.insert(recipient).second) {
    trail.journal.step(fmt::format("{}@{}: as above", local, host));
    return {};
  }
  VSTATE_TRY_ASSIGN(const auto assignment, assignment_of(trail, local));
  if (!assignment) return {};
  Agent agent;
  agent.who = actor_of(leading_number(assignment->uid), leading_number(assignment->gid));
  agent.home = assignment->home;
  agent.local = local;
  agent.host = host;
  agent.ext = assignment->ext;
  if (agent.who.uid == 0) {
    trail.journal.end(Outcome::deferred, "qmail-lspawn does not deliver as root");
    return {};
  }
  trail.on_the_way.push_back(recipient);
  auto status = deliver_locally(trail, *assignment, agent);
  trail.on_the_way.pop_back();
  return status;
}

}  // namespace vstate
