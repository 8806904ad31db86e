// What inspection compares is files; this asks whether they work. Every address is followed through
// qmail and vpopmail as they would go, and every path is tried as the user who needs it. A fault
// that many addresses share is told once, with the number of them, since a thousand lines of one
// cause hide the second.

#include "inspect/live_check.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "qmail/router.h"
#include "sys/crypt.h"
#include "sys/path.h"
#include "sys/permission.h"
#include "vstate/base/text.h"
#include "vstate/model/delivery.h"
#include "vstate/model/flags.h"

namespace vstate {

namespace {

// A name that no mailbox and no alias can be expected to have.
constexpr std::string_view k_nobody = "vstate-looks-for-nobody";

/// Problems by what is wrong, in the order in which they are found.
class Problems {
 public:
  void add(const std::string& subject, const std::string& what) {
    const auto [place, is_new] = places_.try_emplace(what, causes_.size());
    if (is_new) causes_.push_back({what, {}, {}});
    auto& cause = causes_[place->second];
    // A subject may meet one fault on several ways, and counts once.
    if (cause.known.insert(subject).second) cause.subjects.push_back(subject);
  }

  /// What is wrong with the domain itself is not told again of its addresses.
  [[nodiscard]] std::vector<std::string> lines(const std::string& domain) const {
    std::vector<std::string> out;
    for (const auto& cause : causes_) {
      auto subjects = cause.known.contains(domain) ? domain : cause.subjects.front();
      if (subjects != domain && cause.subjects.size() > 1)
        subjects += fmt::format(" and {} more", with_thousands(cause.subjects.size() - 1));
      out.push_back(fmt::format("{}: {}", subjects, cause.what));
    }
    return out;
  }

 private:
  struct Cause {
    std::string what;
    std::vector<std::string> subjects;
    std::set<std::string> known;
  };
  std::map<std::string, std::size_t> places_;
  std::vector<Cause> causes_;
};

/// The end that tells why an address does not work; nothing if it works.
const RouteEnd* fault_of(const Route& route) {
  const RouteEnd* worst = nullptr;
  for (const auto& end : route.ends) {
    // What bounces behind a forward is the other address's business; what is deferred there stays
    // in this server's queue.
    const bool counts = end.is_own || end.outcome == Outcome::deferred;
    if (counts && !is_good(end.outcome) && (worst == nullptr || worst->outcome < end.outcome))
      worst = &end;
  }
  return worst;
}

bool is_thrown_away(const Route& route) {
  return !route.ends.empty() &&
         std::all_of(route.ends.begin(), route.ends.end(),
                     [](const RouteEnd& end) { return end.outcome == Outcome::discarded; });
}

class Check {
 public:
  Check(const Files& files, const Server& server, const State& wanted, const Observation& found,
        Router& router)
      : files_(files),
        server_(server),
        wanted_(wanted),
        found_(found),
        router_(router),
        walker_(files),
        owner_(actor_of(found.condition.owner.uid, found.condition.owner.gid)) {
    hosts_.push_back(wanted.name.text());
    for (const auto& alias : wanted.aliases) hosts_.push_back(alias.text());
  }

  Result<LiveCheck> run() {
    VSTATE_TRY(check_owner());
    VSTATE_TRY(check_mailboxes());
    VSTATE_TRY(check_others());
    VSTATE_TRY(check_nobody());
    return LiveCheck{problems_.lines(wanted_.name.text()), addresses_};
  }

 private:
  Status check_owner();
  /// Names a path that the owner may not use so, as a problem of `subject`.
  Status check_use(const std::string& path, unsigned wanted, const std::string& subject);
  Status check_use(const std::string& path, unsigned wanted) {
    return check_use(path, wanted, wanted_.name.text());
  }
  Status check_mailboxes();
  void check_password(const std::string& address, const Secret&);
  Status check_home(const std::string& address, const std::string& home);
  Status check_mailbox_route(const std::string& name, const Mailbox&, const std::string& home);
  Result<bool> is_same_place(const std::string& one, const std::string& other);
  Status check_texts(const std::string& address, const std::string& home, const Mailbox&);
  Status check_list(const std::string& name, const List&);
  Status check_others();
  Status check_name(const std::string& name);
  Status check_nobody();
  void check_programs(const std::string& address, const Route& route) {
    for (const auto& why : route.broken_programs)
      problems_.add(address, "a program of its lines cannot run: " + why);
  }
  [[nodiscard]] bool is_alias(const std::string& name) const;

  [[nodiscard]] std::string address_of(const std::string& name) const {
    return name + "@" + wanted_.name.text();
  }
  Result<Route> trace(const std::string& address) {
    ++addresses_;
    return router_.trace(address);
  }

  const Files& files_;
  const Server& server_;
  const State& wanted_;
  const Observation& found_;
  Router& router_;
  PathWalker walker_;
  Actor owner_;
  std::vector<std::string> hosts_;
  Problems problems_;
  std::uint64_t addresses_ = 0;
};

Status Check::check_use(const std::string& path, unsigned wanted, const std::string& subject) {
  VSTATE_TRY_ASSIGN(const auto reached, walker_.reach(owner_, path, wanted));
  // What is not there is told by inspection; only what is there and closed is told here.
  if (reached.state == Reached::State::denied) problems_.add(subject, reached.why);
  return {};
}

/// What vpopmail's programs and webmail do as the owner: look accounts up, change a password.
Status Check::check_owner() {
  const auto& directory = found_.condition.directory;
  VSTATE_TRY(check_use(server_.assign_cdb, k_read));
  VSTATE_TRY(check_use(directory, k_read | k_write | k_execute));
  VSTATE_TRY(check_use(path_join(server_.vpopmail_dir, "etc/vlimits.default"), k_read));
  // Other back-ends keep their accounts in a database, and these files are not there.
  if (server_.backend != "cdb") return {};
  VSTATE_TRY(check_use(path_join(directory, "vpasswd"), k_read));
  VSTATE_TRY(check_use(path_join(directory, "vpasswd.cdb"), k_read));
  return check_use(path_join(directory, ".vpasswd.lock"), k_write);
}

/// An alias, a robot, or a list of that name is asked before the mailbox.
bool Check::is_alias(const std::string& name) const {
  for (const auto& answer : names_that_answer(name)) {
    const auto alias = AliasName::parse(answer);
    if (alias && (wanted_.alias.contains(*alias) || wanted_.autoresponders.contains(*alias) ||
                  wanted_.lists.contains(*alias)))
      return true;
    if (wanted_.files.contains(dot_qmail_name(answer))) return true;
  }
  return false;
}

Status Check::check_mailboxes() {
  const auto& homes = found_.condition.paths.homes;
  for (const auto& [name, mailbox] : wanted_.mailboxes) {
    const auto home = homes.find(name.text());
    const auto place = home == homes.end() ? std::string() : home->second;
    check_password(address_of(name.text()), mailbox.password);
    if (!place.empty()) {
      VSTATE_TRY(check_home(address_of(name.text()), place));
      VSTATE_TRY(check_texts(address_of(name.text()), place, mailbox));
    }
    VSTATE_TRY(check_mailbox_route(name.text(), mailbox, place));
  }
  for (const auto& account : found_.accounts) {
    // What vpopmail would not read as it was meant is told of accounts that the file knows.
    const auto name = MailboxName::parse(account.name);
    if (!name || !wanted_.mailboxes.contains(*name) || account.quota.empty()) continue;
    if (account.quota != "NOQUOTA" && parse_quota(account.quota).is_unlimited())
      problems_.add(address_of(account.name),
                    fmt::format("vpopmail reads its quota \"{}\" as none", account.quota));
  }
  return {};
}

/// An account without a password, or closed by a mark, is as the file wants it.
void Check::check_password(const std::string& address, const Secret& password) {
  const auto kind = kind_of(password);
  if (kind == PasswordKind::unusable)
    problems_.add(address, "nobody can log in with what stands in the place of its hash");
  if (kind == PasswordKind::hash && !crypt_accepts(password.reveal()))
    problems_.add(address, fmt::format("this server's crypt(3) does not accept its hash ({})",
                                       scheme_of(password)));
}

/// Its owner reads and files mail there, wherever new mail goes.
Status Check::check_home(const std::string& address, const std::string& home) {
  for (const auto* part : {"new", "cur", "tmp"}) {
    VSTATE_TRY_ASSIGN(const auto reached,
                      walker_.reach(owner_, path_join(path_join(home, "Maildir"), part),
                                    k_read | k_write | k_execute));
    if (reached.state != Reached::State::denied) continue;
    problems_.add(address, reached.why);
    return {};
  }
  return {};
}

/// What vdelivermail and the vacation program read for it, as the owner.
Status Check::check_texts(const std::string& address, const std::string& home,
                          const Mailbox& mailbox) {
  if (!mailbox.deliver.empty()) VSTATE_TRY(check_use(path_join(home, ".qmail"), k_read, address));
  return mailbox.vacation ? check_use(path_join(home, "vacation/message"), k_read, address)
                          : Status();
}

/// ezmlm's programs run as the owner: what is in the list's directory they read, its locks, the
/// subscribers and the archive they write. Of a list that is not there the plan tells.
Status Check::check_list(const std::string& name, const List& list) {
  const auto address = address_of(name);
  const auto root = found_.condition.paths.list_directory(name);
  constexpr unsigned all = k_read | k_write | k_execute;
  VSTATE_TRY(check_use(root, all, address));
  for (const auto* used : {"lock", "lockbounce", "num"})
    VSTATE_TRY(check_use(path_join(root, used), k_write, address));
  for (const auto* used : {"editor", "key"})
    VSTATE_TRY(check_use(path_join(root, used), k_read, address));
  for (const auto& [file, text] : list.files)
    VSTATE_TRY(check_use(path_join(root, file), k_read, address));
  for (const auto* used : {"archive", "bounce"})
    VSTATE_TRY(check_use(path_join(root, used), all, address));
  for (const auto& [sub, addresses] : list.addresses) {
    const auto base = sub.empty() ? root : path_join(root, sub);
    const auto subscribers = path_join(base, "subscribers");
    VSTATE_TRY(check_use(path_join(base, "lock"), k_write, address));
    VSTATE_TRY(check_use(subscribers, all, address));
    const auto entries = files_.list(subscribers);
    if (!entries) continue;
    for (const auto& entry : *entries)
      VSTATE_TRY(check_use(path_join(subscribers, entry.name), k_read, address));
  }
  return {};
}

Status Check::check_mailbox_route(const std::string& name, const Mailbox& mailbox,
                                  const std::string& home) {
  const bool is_behind = is_alias(name);
  // Each name of the domain is followed by itself, since it has lines of its own in qmail's files.
  for (const auto& host : hosts_) {
    const auto address = fmt::format("{}@{}", name, host);
    VSTATE_TRY_ASSIGN(const auto route, trace(address));
    const auto* fault = fault_of(route);
    if (fault == nullptr) check_programs(address, route);
    // An account that is closed by its mark bounces as it shall, but the route must have come to
    // it.
    const bool is_closed = (mailbox.flags & flag::bounce_mail) != 0 && !route.destination.empty();
    if (fault != nullptr && !is_closed)
      problems_.add(address, fmt::format("{}: {}", to_text(fault->outcome), fault->text));
    else if (route.is_remote)
      problems_.add(address, "it does not stay here: " + route.worst().text);
    else if (route.is_unknown && !is_behind)
      problems_.add(address, "its mail is treated as an unknown user's");
    else if (is_thrown_away(route) && !is_behind && mailbox.deliver.empty())
      problems_.add(address, "its mail is thrown away: " + route.worst().text);
    if (home.empty() || route.destination.empty()) continue;
    VSTATE_TRY_ASSIGN(const bool is_home, is_same_place(route.destination, home));
    if (!is_home)
      problems_.add(address,
                    fmt::format("goes to {}, the account's home is {}", route.destination, home));
  }
  return {};
}

/// By device and inode: links and spellings make many names of one place.
Result<bool> Check::is_same_place(const std::string& one, const std::string& other) {
  if (one == other) return true;
  VSTATE_TRY_ASSIGN(const auto first, walker_.walk(owner_, one));
  VSTATE_TRY_ASSIGN(const auto second, walker_.walk(owner_, other));
  return first.is_there() && second.is_there() && first.info.device == second.info.device &&
         first.info.inode == second.info.inode;
}

Status Check::check_name(const std::string& name) {
  // "a-default" answers for every "a-…".
  const auto at = name.rfind("default");
  const bool is_default = at != std::string::npos && at + 7 == name.size();
  const auto local = is_default ? name.substr(0, at) + std::string(k_nobody) : name;
  for (const auto& host : hosts_) {
    const auto address = fmt::format("{}@{}", local, host);
    VSTATE_TRY_ASSIGN(const auto route, trace(address));
    const auto* fault = fault_of(route);
    if (fault == nullptr) check_programs(address, route);
    if (fault != nullptr)
      problems_.add(address, fmt::format("{}: {}", to_text(fault->outcome), fault->text));
    else if (route.is_remote)
      problems_.add(address, "it does not stay here: " + route.worst().text);
    else if (route.is_unknown)
      problems_.add(address, "nothing of its own answers to it");
  }
  return {};
}

Status Check::check_others() {
  for (const auto& [name, alias] : wanted_.alias) VSTATE_TRY(check_name(name.text()));
  for (const auto& [name, robot] : wanted_.autoresponders) {
    VSTATE_TRY(check_name(name.text()));
    const auto place = path_join(found_.condition.directory, to_upper(name.text()));
    VSTATE_TRY(check_use(place, k_read | k_write | k_execute, address_of(name.text())));
    const auto message = path_join(place, "message");
    VSTATE_TRY_ASSIGN(const auto reached, walker_.reach(owner_, message, k_read));
    // autorespond fails without its message, and the mail waits; so here a missing file is told as
    // well.
    if (!reached.is_there()) problems_.add(address_of(name.text()), reached.why);
  }
  for (const auto& [name, list] : wanted_.lists) {
    VSTATE_TRY(check_list(name.text(), list));
    for (const auto& [suffix, target] : list.links) VSTATE_TRY(check_name(name.text() + suffix));
  }
  // A link that is no list's is carried as a file.
  for (const auto& [path, file] : wanted_.files) {
    const auto alias = alias_of_dot_qmail(path);
    if (file.kind == File::Kind::link && alias && path.find('/') == std::string::npos)
      VSTATE_TRY(check_name(*alias));
  }
  return {};
}

/// Mail for nobody may bounce, but it must not wait or run in a circle.
Status Check::check_nobody() {
  for (const auto& host : hosts_) {
    const auto address = std::string(k_nobody) + "@" + host;
    VSTATE_TRY_ASSIGN(const auto route, trace(address));
    const auto& worst = route.worst();
    if (worst.outcome == Outcome::deferred || worst.outcome == Outcome::loops)
      problems_.add("*@" + host, fmt::format("mail for unknown users: {}: {}",
                                             to_text(worst.outcome), worst.text));
  }
  return {};
}

}  // namespace

Result<LiveCheck> check_live(const Files& files, const Server& server, const AccountStore& store,
                             const State& wanted, const Observation& found) {
  if (!found.state) {
    const auto& directory = found.condition.directory;
    const auto what =
        directory.empty()
            ? "there is no such domain on this server"
            : fmt::format("users/assign does not name it, though {} is there", directory);
    return LiveCheck{{fmt::format("{}: {}; apply makes it", wanted.name.text(), what)}, 0};
  }
  VSTATE_TRY_ASSIGN(auto router, Router::load(files, server, store));
  return Check(files, server, wanted, found, router).run();
}

}  // namespace vstate
