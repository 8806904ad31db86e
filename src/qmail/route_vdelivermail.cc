// vdelivermail, which qmail-local starts from .qmail-default and which knows accounts. It reads
// delivery lines by rules of its own, which are not qmail-local's: no blank line is skipped, no end
// is trimmed, and each line is carried out at once. The steps stand in the order of vdelivermail.c,
// for what comes first decides.

#include <algorithm>

#include <fmt/format.h>

#include "qmail/route_trace.h"
#include "sys/path.h"
#include "vstate/base/text.h"
#include "vstate/model/delivery.h"
#include "vstate/model/flags.h"

namespace vstate {

namespace {

struct Recipient {
  std::string user, host;                 ///< lower-case
  std::string short_user, extension;      ///< of a build with QMAIL_EXT
  std::string action;                     ///< for unknown users
  std::optional<AssignEntry> assignment;  ///< of the host; nothing: vpopmail does not know it
  std::string why_unknown;
};

enum class IndexUse { as_it_is, made_anew, none };

/// vdelivermail.c reads lines into a buffer of 500 bytes; what is longer is two lines to it.
constexpr std::size_t k_longest_line = 499;

/// vpopmail.c:is_username_valid.
bool is_user_byte(char c) {
  constexpr std::string_view signs = "!#$&'*+-./=?^_`{|}~";
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         signs.find(c) != std::string_view::npos;
}

/// vpopmail.c:is_domain_valid.
bool is_domain_byte(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
         c == '.';
}

bool consists_of(std::string_view text, bool (*is_part)(char)) {
  return std::all_of(text.begin(), text.end(), is_part);
}

/// Lines as fgets(3) hands them out.
std::vector<std::string> buffered_lines(std::string_view text) {
  std::vector<std::string> out;
  for (auto line : split_lines(text))
    while (true) {
      out.emplace_back(line.substr(0, k_longest_line));
      if (line.size() <= k_longest_line) break;
      line.remove_prefix(k_longest_line);
    }
  return out;
}

/// Where a domain's accounts are looked for; nothing for a name that no vpopmail can have made.
std::optional<DomainLocation> location_of(const AssignEntry& assignment) {
  const auto name = DomainName::parse(assignment.user);
  if (!name) return std::nullopt;
  return DomainLocation{*name,
                        assignment.home,
                        {static_cast<std::uint32_t>(to_number(assignment.uid).value_or(0)),
                         static_cast<std::uint32_t>(to_number(assignment.gid).value_or(0))}};
}

/// Which accounts vdelivermail sees in a cdb build: those of the index, those of the text, or none.
Result<IndexUse> index_use(Trail& trail, const DomainLocation& domain, const Agent& agent) {
  auto& walker = trail.tables.walker;
  const auto at = [&](const char* name) { return path_join(domain.directory, name); };
  VSTATE_TRY_ASSIGN(const auto index, walker.reach(agent.who, at("vpasswd.cdb"), k_read));
  // An index that is there is believed, however old it is.
  if (index.is_there()) return IndexUse::as_it_is;
  VSTATE_TRY_ASSIGN(auto lock, walker.reach(agent.who, at(".vpasswd.lock"), k_write));
  VSTATE_TRY_ASSIGN(const auto directory,
                    walker.reach(agent.who, domain.directory, k_write | k_execute));
  VSTATE_TRY_ASSIGN(const auto list, walker.reach(agent.who, at("vpasswd"), k_read));
  // A lock file that is not there is made, which takes the right to write in the directory.
  if (lock.state == Reached::State::missing) lock = directory;
  const bool makes_it = lock.is_there() && directory.is_there() && list.is_there();
  trail.journal.step(fmt::format("vdelivermail {} make vpasswd.cdb anew: {}",
                                 makes_it ? "can" : "cannot", index.why));
  return makes_it ? IndexUse::made_anew : IndexUse::none;
}

/// vcdb.c:vauth_getpw makes an index that it cannot open anew, under vpasswd's lock; where it may
/// not, it knows no account.
Result<const DomainAccounts*> look_up(Trail& trail, const DomainLocation& domain,
                                      const Agent& agent) {
  static const DomainAccounts nobody;
  const auto& server = trail.tables.server;
  const auto fails = [&](const std::string& why) -> const DomainAccounts* {
    trail.journal.end(Outcome::deferred,
                      "vdelivermail defers: the accounts cannot be read: " + why);
    return nullptr;
  };
  const auto* accounts = &trail.tables.accounts_of(domain);
  if (server.backend == "cdb") {
    VSTATE_TRY_ASSIGN(const auto use, index_use(trail, domain, agent));
    if (use == IndexUse::made_anew) accounts = &trail.tables.listed_accounts_of(domain);
    if (use == IndexUse::none) accounts = &nobody;
  } else if (server.connection_file.empty()) {
    const auto path =
        path_join(path_join(server.vpopmail_dir, "etc"), "vpopmail." + server.backend);
    VSTATE_TRY_ASSIGN(const auto connection, trail.tables.walker.reach(agent.who, path, k_read));
    if (connection.state == Reached::State::denied) return fails(connection.why);
  }
  return accounts->obstacle.empty() ? accounts : fails(accounts->obstacle);
}

/// qmail-inject.c:rwgeneric completes the host of an address.
std::string qualified(Trail& trail, const std::string& address) {
  const auto& files = trail.tables.inject_files;
  const auto at = address.rfind('@');
  auto host = at == std::string::npos ? std::string() : address.substr(at + 1);
  auto local = address.substr(0, at);
  // An empty line is a forward to nobody.
  if (local.empty() && host.empty()) return "";
  const auto comment = host.find('(');
  host = host.substr(0, comment);
  std::erase_if(host, [](char c) { return c == ' ' || c == '\t' || c == '\r'; });
  while (host.ends_with('.')) host.pop_back();
  // Each of these files falls back to control/me, as qmail-inject reads them.
  if (host.empty()) host = files.line_or_me("defaulthost");
  if (host.ends_with('+')) {
    host.pop_back();
    host += "." + files.line_or_me("plusdomain");
  }
  if (host.find('.') == std::string::npos && !host.starts_with('['))
    host += "." + files.line_or_me("defaultdomain");
  return local + "@" + host;
}

Result<Flow> carry_out_row(Trail& trail, std::string line, const Agent& agent,
                           const std::string& directory) {
  if (line.starts_with('#')) {
    trail.journal.step("  " + line);
    return Flow::next;
  }
  if (line.starts_with('|'))
    return to_program(trail, line.substr(std::min(line.find_first_not_of(" |"), line.size())),
                      agent, directory);
  if (line.starts_with('.') || line.starts_with('/')) {
    trail.journal.step("  " + line);
    if (line.ends_with('/'))
      return to_maildir(trail, absolute(line, directory), agent, "vdelivermail");
    trail.journal.end(Outcome::deferred,
                      fmt::format("vdelivermail defers: {} names an mbox file", line));
    return Flow::fail;
  }
  for (int i = 0; i < 2 && line.starts_with('&'); ++i) line.erase(0, 1);
  if (!trail.tables.inject_files.obstacle.empty()) {
    trail.journal.end(Outcome::deferred,
                      "qmail-inject fails: " + trail.tables.inject_files.obstacle);
    return Flow::fail;
  }
  VSTATE_TRY(forward(trail, qualified(trail, line)));
  return Flow::next;
}

Result<std::optional<Flow>> rows(Trail& trail, const Recipient& recipient,
                                 const DomainAccounts& accounts, const Agent& agent) {
  // The names are tried in vdelivermail.c:process_valias's order; of a build with QMAIL_EXT also
  // what stands before the first dash.
  auto names = names_that_answer(recipient.user);
  if (recipient.short_user != recipient.user) names.push_back(recipient.short_user);
  for (const auto& name : names) {
    const auto found = accounts.rows.find(name);
    if (found == accounts.rows.end()) continue;
    trail.journal.step(fmt::format("vdelivermail takes the rows of {} in valias", name));
    // All rows of the first name that has any are carried out, and the mailbox of that name is not
    // asked.
    for (const auto& line : found->second) {
      VSTATE_TRY_ASSIGN(const auto flow, carry_out_row(trail, line, agent, agent.home));
      if (flow != Flow::next) return std::optional(flow);
    }
    return std::optional(Flow::next);
  }
  return std::nullopt;
}

Result<std::optional<Flow>> own_lines(Trail& trail, const std::string& home,
                                      const Recipient& recipient, const Agent& agent) {
  std::vector<std::string> names;
  if (!recipient.extension.empty()) {
    names.push_back(".qmail-" + recipient.extension);
    for (auto length = recipient.extension.size() + 1; length-- > 0;)
      if (length == 0 || recipient.extension[length - 1] == '-')
        names.push_back(fmt::format(".qmail-{}default", recipient.extension.substr(0, length)));
  }
  names.emplace_back(".qmail");
  // Where it cannot enter the home, vdelivermail stays in the domain's directory and reads there.
  VSTATE_TRY_ASSIGN(const auto entered, trail.tables.walker.reach(agent.who, home, k_execute));
  const bool is_in = entered.is_there() && entered.info.is_directory();
  const auto& place = is_in ? home : agent.home;
  for (const auto& name : names) {
    VSTATE_TRY_ASSIGN(const auto opened, open_as(trail.tables.system, trail.tables.walker,
                                                 agent.who, path_join(place, name)));
    if (!opened.is_there()) continue;  // also one that it may not read
    // An empty file means the mailbox itself, as does none.
    if (opened.text.empty()) break;
    trail.journal.step(fmt::format("{} is read by vdelivermail", path_join(place, name)));
    for (const auto& line : buffered_lines(opened.text)) {
      VSTATE_TRY_ASSIGN(const auto flow, carry_out_row(trail, line, agent, place));
      if (flow != Flow::next) return std::optional(flow);
    }
    return std::optional(Flow::next);
  }
  return std::nullopt;
}

Result<Flow> to_unknown(Trail& trail, const Recipient& recipient, const std::string& why,
                        const Agent& agent) {
  const auto& action = recipient.action;
  trail.journal.is_unknown();
  trail.journal.step(fmt::format("{}; the action for unknown users is \"{}\"", why, action));
  if (action == "delete") {
    trail.journal.end(Outcome::discarded, "the action for unknown users is \"delete\"");
    return Flow::next;
  }
  if (action == "bounce-no-mailbox") {
    trail.journal.end(Outcome::bounced, why);
    return Flow::fail;
  }
  // Anything that is no path is one delivery line, mostly an address.
  if (!action.starts_with('/')) return carry_out_row(trail, action, agent, agent.home);
  const auto directory = action.ends_with('/') ? action : action + "/";
  VSTATE_TRY_ASSIGN(const auto own, own_lines(trail, directory, recipient, agent));
  if (own) return *own;
  trail.journal.step(fmt::format("vdelivermail delivers to {}", directory));
  return to_maildir(trail, directory + "Maildir/", agent, "vdelivermail");
}

/// Of a host that vpopmail does not know there are no accounts; rows of `valias` are looked for by
/// the host's own name.
Result<Flow> to_stranger(Trail& trail, const Recipient& recipient, const Agent& agent) {
  if (const auto name = DomainName::parse(recipient.host)) {
    VSTATE_TRY_ASSIGN(const auto* accounts,
                      look_up(trail, {*name, agent.home, {agent.who.uid, agent.who.gid}}, agent));
    if (accounts == nullptr) return Flow::fail;
    VSTATE_TRY_ASSIGN(const auto by_row, rows(trail, recipient, *accounts, agent));
    if (by_row) return *by_row;
  }
  return to_unknown(trail, recipient, recipient.why_unknown, agent);
}

Result<bool> makes_home(Trail& trail, const std::string& home, const Recipient& recipient,
                        const Agent& agent) {
  // vpopmail.c:vmake_maildir goes from the domain's directory to where the home shall be.
  const auto& directory = recipient.assignment->home;
  std::string above = home, missing;
  Reached reached;
  // The nearest directory that is there decides, since all below it must be made in it.
  while (above.size() > directory.size()) {
    missing = path_name(above);
    above = path_parent(above);
    VSTATE_TRY_ASSIGN(reached, trail.tables.walker.reach(agent.who, above, k_write | k_execute));
    if (reached.state != Reached::State::missing) break;
  }
  // A link that leads nowhere, or where it may not go, stands in the way of mkdir(2).
  if (reached.is_there()) {
    const auto obstacle = trail.tables.system.info(path_join(reached.path, missing));
    if (obstacle) {
      reached.state = Reached::State::denied;
      reached.why = fmt::format("{} leads nowhere", path_join(above, missing));
    }
  }
  // A home elsewhere, such as an old server's path, is made as stray directories within the domain
  // and the message is bounced for good.
  const bool below = home.starts_with(directory + "/");
  if (below && reached.is_there()) {
    trail.journal.step(fmt::format("vdelivermail makes the home {}", home));
    return true;
  }
  trail.journal.end(Outcome::bounced,
                    fmt::format("vdelivermail cannot make the home {}: {}", home,
                                below ? reached.why : "it is not below the domain's directory"));
  return false;
}

Result<std::optional<Flow>> default_delivery(Trail& trail, const std::string& home,
                                             const Agent& agent) {
  // Only builds of 5.6 with defaultdelivery look at the file.
  if (!trail.tables.server.tables.default_delivery) return std::nullopt;
  const auto path = trail.tables.control("defaultdelivery");
  VSTATE_TRY_ASSIGN(const auto opened,
                    open_as(trail.tables.system, trail.tables.walker, agent.who, path));
  bool is_used = false;
  for (const auto& line : buffered_lines(opened.text)) {
    if (line.starts_with('#')) continue;
    // It would come back here; the mailbox is used instead, after the lines above.
    if (line.find("vdelivermail") != std::string::npos) return std::nullopt;
    if (!is_used) trail.journal.step("control/defaultdelivery is read by vdelivermail");
    is_used = true;
    VSTATE_TRY_ASSIGN(const auto flow, carry_out_row(trail, line, agent, home));
    if (flow != Flow::next) return std::optional(flow);
  }
  return is_used ? std::optional(Flow::next) : std::optional<Flow>();
}

Result<Flow> to_home(Trail& trail, const std::string& home, const Agent& agent) {
  VSTATE_TRY_ASSIGN(const auto by_default, default_delivery(trail, home, agent));
  if (by_default) return *by_default;
  trail.journal.step(fmt::format("vdelivermail delivers to {}", home));
  return to_maildir(trail, path_join(home, "Maildir/"), agent, "vdelivermail");
}

Result<Flow> to_account(Trail& trail, const Account& account, const Recipient& recipient,
                        const Agent& agent) {
  trail.journal.destination(account.home);
  if ((account.flags & flag::bounce_mail) != 0) {
    trail.journal.end(Outcome::bounced, fmt::format("the account {} bounces its mail "
                                                    "(disable = [\"delivery\"])",
                                                    account.name));
    return Flow::fail;
  }
  VSTATE_TRY_ASSIGN(const auto home, trail.tables.walker.walk(agent.who, account.home));
  // A home that is not there is made at the first delivery, and with it a Maildir, which therefore
  // must not be looked for.
  if (account.home.empty() || !home.is_there()) {
    const auto place =
        account.home.empty() ? path_join(recipient.assignment->home, account.name) : account.home;
    VSTATE_TRY_ASSIGN(const bool made, makes_home(trail, place, recipient, agent));
    if (!made) return Flow::fail;
    trail.made_maildirs.insert(path_join(place, "Maildir/"));
    return to_home(trail, place, agent);
  }
  VSTATE_TRY_ASSIGN(const auto own, own_lines(trail, account.home, recipient, agent));
  return own ? *own : to_home(trail, account.home, agent);
}

Result<Flow> to_recipient(Trail& trail, const Recipient& recipient, const Agent& agent) {
  if (!recipient.assignment) return to_stranger(trail, recipient, agent);
  const auto location = location_of(*recipient.assignment);
  if (!location)
    return to_unknown(trail, recipient,
                      fmt::format("\"{}\" in users/cdb is no domain", recipient.assignment->user),
                      agent);
  VSTATE_TRY_ASSIGN(const auto* accounts, look_up(trail, *location, agent));
  if (accounts == nullptr) return Flow::fail;
  // Rows come before accounts, so a row hides the mailbox of its name.
  VSTATE_TRY_ASSIGN(const auto by_row, rows(trail, recipient, *accounts, agent));
  if (by_row) return *by_row;
  // vauth_getpw answers only root and the owner of the domain, so a line in users/cdb with another
  // uid makes all accounts unknown.
  if (location->owner.uid != agent.who.uid)
    return to_unknown(trail, recipient,
                      fmt::format("{} is of uid {}, and vdelivermail runs as uid {}",
                                  location->name.text(), location->owner.uid, agent.who.uid),
                      agent);
  for (const auto& name : {recipient.user, recipient.short_user}) {
    const auto account = accounts->index.find(name);
    if (account != accounts->index.end())
      return to_account(trail, account->second, recipient, agent);
  }
  return to_unknown(trail, recipient,
                    fmt::format("vdelivermail finds no account {} in {}", recipient.user,
                                trail.tables.store.accounts().index_name(*location)),
                    agent);
}

Result<Flow> run(Trail& trail, const std::vector<std::string>& arguments, const Agent& agent) {
  const auto ends = [&](Outcome outcome, std::string text) {
    trail.journal.end(outcome, std::move(text));
    return Flow::fail;
  };
  // Any other count makes every delivery wait (vdelivermail.c:get_arguments); a missing '' in
  // .qmail-default is how it happens.
  if (arguments.size() != 2)
    return ends(Outcome::deferred,
                fmt::format("vdelivermail defers: it is given {} argument{}, and wants two",
                            arguments.size(), arguments.size() == 1 ? "" : "s"));
  Recipient recipient;
  recipient.user = to_lower(agent.ext);
  recipient.host = to_lower(agent.host);
  recipient.action = arguments[1];
  if (!consists_of(recipient.user, is_user_byte))
    return ends(Outcome::bounced, fmt::format("vdelivermail takes no user \"{}\"", recipient.user));
  if (!consists_of(recipient.host, is_domain_byte))
    return ends(Outcome::bounced,
                fmt::format("vdelivermail takes no domain \"{}\"", recipient.host));
  recipient.short_user = recipient.user;
  if (const auto dash = recipient.user.find('-');
      trail.tables.server.has_qmail_ext && dash != std::string::npos) {
    recipient.short_user = recipient.user.substr(0, dash);
    recipient.extension = replace_all(recipient.user.substr(dash + 1), ".", ":");
  }
  // vdelivermail opens users/cdb again with the rights of the domain's owner, which are fewer than
  // those of qmail-lspawn.
  VSTATE_TRY_ASSIGN(const auto cdb,
                    trail.tables.walker.reach(agent.who, trail.tables.server.assign_cdb, k_read));
  if (!cdb.is_there())
    recipient.why_unknown = cdb.why;
  else
    recipient.assignment = find_domain_assignment(*trail.tables.assign_cdb, recipient.host);
  if (!recipient.assignment && recipient.why_unknown.empty())
    recipient.why_unknown =
        fmt::format("users/cdb has no \"{}-\", so vpopmail knows no such domain", recipient.host);
  return to_recipient(trail, recipient, agent);
}

}  // namespace

Result<Flow> vdelivermail(Trail& trail, const std::vector<std::string>& arguments,
                          const Agent& agent) {
  // What it does depends on nothing else, so that it would come here once more.
  const auto what = fmt::format("{}@{} {}", agent.ext, agent.host, fmt::join(arguments, " "));
  if (std::find(trail.running.begin(), trail.running.end(), what) != trail.running.end()) {
    trail.journal.end(Outcome::deferred,
                      "vdelivermail starts itself again and again, until it cannot any more");
    return Flow::fail;
  }
  trail.running.push_back(what);
  auto flow = run(trail, arguments, agent);
  trail.running.pop_back();
  return flow;
}

}  // namespace vstate
