// What vpopmail keeps in files, whether accounts are in a cdb or in a database. It rewrites limits
// and last logins in place and without a lock; here each file is replaced by a rename, since
// vpopmail's programs read them at any moment. The file of a commit under way is vstate's own, and
// lets the next run tell which changes of a stopped commit came to pass.

#include "store/file_store.h"

#include <cctype>

#include <fmt/format.h>

#include "format/limits_file.h"
#include "vstate/base/text.h"

namespace vstate {

namespace {

constexpr std::string_view k_domains_counter = ".dir-control";
constexpr std::string_view k_free_directories = ".dir_control_free";
// Taken by backfill.c around each change of the list.
constexpr std::string_view k_free_lock = ".dir_control_free.lock";
constexpr std::string_view k_limits = ".qmailadmin-limits";
constexpr std::string_view k_last_login = "lastauth";
/// The lines of the counter, "=DIR" for each free directory, "+NAME" for each account that the
/// commit adds, in the order of their homes, and "-NAME DIR" for each that it removes.
constexpr std::string_view k_pending = ".vstate-dir-control";
constexpr std::size_t k_counter_lines = 8;

struct Pending {
  Placement after;
  std::vector<std::string> added;
  std::vector<std::pair<std::string, std::string>> removed;  ///< name, directory
};

Result<Pending> parse_pending(std::string_view text) {
  Pending pending;
  std::string counter;
  std::size_t number = 0;
  for (const auto line : split_lines(text)) {
    if (++number <= k_counter_lines) {
      counter.append(line).push_back('\n');
      continue;
    }
    if (line.empty()) return fail(Errc::invalid, fmt::format("line {}: is empty", number));
    const auto rest = line.substr(1);
    const auto blank = rest.find(' ');
    if (line.front() == '=')
      pending.after.free_directories.emplace_back(rest);
    else if (line.front() == '+')
      pending.added.emplace_back(rest);
    else
      pending.removed.emplace_back(rest.substr(0, blank), blank == std::string_view::npos
                                                              ? std::string_view()
                                                              : rest.substr(blank + 1));
  }
  VSTATE_TRY_ASSIGN(pending.after.counter, parse_whole_dir_control(counter));
  return pending;
}

/// `now` is the placement as stored, which a stopped commit has not moved on unless it was whole.
std::optional<Placement> settled(const Pending& pending, const Placement& now,
                                 const std::function<bool(const std::string&)>& is_account) {
  // Of a cdb all changes come to pass or none, but a database without transactions may have made
  // some: then only those are counted.
  Placement part = now;
  std::size_t happened = 0;
  for (const auto& name : pending.added) {
    if (!is_account(name)) continue;
    ++happened;
    // The homes were chosen in this order, so the first of the additions have the first
    // directories.
    (void)next_directory(part);
  }
  for (const auto& [name, directory] : pending.removed) {
    if (is_account(name)) continue;
    ++happened;
    give_back(part, directory);
  }
  if (happened == 0) return std::nullopt;
  // The counter that was written down holds also for a stop after it was stored, when `now` has
  // moved on already.
  const bool is_whole = happened == pending.added.size() + pending.removed.size();
  return is_whole ? pending.after : part;
}

}  // namespace

Ownership owned(const DomainLocation& domain) { return {domain.owner.uid, domain.owner.gid, 0600}; }

std::string home_of(const DomainLocation& domain, const std::string& name, const Paths& paths,
                    bool hashes_directories) {
  const auto home = paths.homes.find(name);
  if (home != paths.homes.end()) return home->second;
  return domain.directory + (hashes_directories ? "/z/z/" : "/") + name;
}

Result<std::vector<std::string>> read_free_directories(const Files& files,
                                                       const DomainLocation& domain) {
  VSTATE_TRY_ASSIGN(const auto free,
                    files.read_if_there(path_join(domain.directory, k_free_directories)));
  std::vector<std::string> directories;
  const auto lines = free.value_or("");
  // backfill.c skips blank lines, and takes # for the start of a comment.
  for (const auto line : split_lines(lines))
    if (!trim_end(line).empty() && line.front() != '#') directories.emplace_back(trim_end(line));
  return directories;
}

Status write_free_directories(System& system, const DomainLocation& domain,
                              const std::vector<std::string>& directories) {
  VSTATE_TRY_ASSIGN(const auto now, read_free_directories(system, domain));
  if (now == directories) return {};
  return system.replace_file(path_join(domain.directory, k_free_directories),
                             join_lines(directories), owned(domain), Durability::now);
}

Result<std::optional<HeldPlacement>> HeldPlacement::take(System& system,
                                                         const DomainLocation& domain,
                                                         const Accounts& accounts,
                                                         const Moved& moved) {
  VSTATE_TRY_ASSIGN(const auto seen, accounts.read_placement(domain));
  auto value = moved(seen);
  if (!value) return std::nullopt;
  HeldPlacement held;
  // A run that frees and takes no directory leaves the file as it is, and makes no lock beside it.
  if (value->free_directories != seen.free_directories) {
    VSTATE_TRY_ASSIGN(held.lock_,
                      system.lock(path_join(domain.directory, k_free_lock), owned(domain)));
    // backfill.c writes the list in place, so what was seen without the lock may be a part of it.
    VSTATE_TRY_ASSIGN(const auto now, accounts.read_placement(domain));
    value = moved(now);
    if (!value) return std::nullopt;
  }
  held.value_ = *std::move(value);
  return std::optional(std::move(held));
}

std::string PendingCommit::path() const { return path_join(domain_.directory, k_pending); }

Result<bool> PendingCommit::is_there(const Files& files, const DomainLocation& domain) {
  return files.exists(path_join(domain.directory, k_pending));
}

// Comes before the first account changes, and is on the disk by then: from the counter alone nobody
// could tell later whether it counts the accounts of a stopped commit.
Status PendingCommit::begin(const std::vector<AccountChange>& changes, const Placement& placement) {
  std::string text = to_text(placement.counter);
  for (const auto& directory : placement.free_directories) text += "=" + directory + "\n";
  for (const auto& change : changes) {
    if (!change.before) text += fmt::format("+{}\n", change.name);
    if (!change.after)
      text += fmt::format("-{} {}\n", change.name,
                          hash_directory_of(change.before->home, domain_.directory));
  }
  return system_.replace_file(path(), text, owned(domain_), Durability::now);
}

Status PendingCommit::end() { return system_.remove_file(path()); }

Result<std::optional<HeldPlacement>> PendingCommit::settle(
    const Accounts& accounts, const std::function<bool(const std::string&)>& is_account) const {
  VSTATE_TRY_ASSIGN(const auto text, system_.read_if_there(path()));
  if (!text) return std::nullopt;
  const auto pending = parse_pending(*text);
  if (!pending) return tl::unexpected<Error>(pending.error().in(path()));
  return HeldPlacement::take(system_, domain_, accounts, [&](const Placement& now) {
    return settled(*pending, now, is_account);
  });
}

Result<DirControl> FileCounter::read(const Owner&) const {
  const auto path = path_join(domains_dir_, k_domains_counter);
  VSTATE_TRY_ASSIGN(const auto bytes, system_.read_if_there(path));
  // vpopmail starts with these values when there is no file.
  if (!bytes) return DirControl{};
  auto counter = parse_dir_control(*bytes);
  if (!counter) return tl::unexpected<Error>(counter.error().in(path));
  return counter;
}

Status FileCounter::write(const Owner& owner, const DirControl& counter) {
  return system_.replace_file(path_join(domains_dir_, k_domains_counter), to_text(counter),
                              {owner.uid, owner.gid, 0600}, Durability::now);
}

Result<std::optional<Limits>> FileLimits::read(const DomainLocation& domain) const {
  const auto path = path_join(domain.directory, k_limits);
  VSTATE_TRY_ASSIGN(const auto bytes, system_.read_if_there(path));
  if (!bytes) return std::nullopt;
  return std::optional(parse_limits(*bytes).limits);
}

Status FileLimits::write(const DomainLocation& domain, const std::optional<Limits>& before,
                         const std::optional<Limits>& after) {
  const auto path = path_join(domain.directory, k_limits);
  // vmoddomlimits takes no lock: what it wrote since the plan was made is looked at just before.
  VSTATE_TRY_ASSIGN(const auto now, read(domain));
  if (now != before && now != after)
    return fail(Errc::conflict, fmt::format("{}: was changed by somebody else meanwhile", path));
  return after ? replace_unless_same(system_, path, to_text(*after), owned(domain), Durability::now)
               : system_.remove_file(path);
}

namespace {

Result<std::optional<LastLogin>> read_last_login(const Files& files, const std::string& path) {
  VSTATE_TRY_ASSIGN(const auto info, files.look(path));
  constexpr std::size_t longest = 4096;  // a longer one is no address; it stays a plain file
  if (!info || !info->is_regular() || info->size > longest) return std::nullopt;
  VSTATE_TRY_ASSIGN(auto text, files.read_if_there(path));
  if (!text) return std::nullopt;
  return std::optional(LastLogin{info->mtime, *std::move(text)});
}

}  // namespace

Result<std::map<std::string, StoredLogin>> FileLogins::read(
    const DomainLocation&, const std::vector<Account>& accounts) const {
  std::map<std::string, StoredLogin> logins;
  for (const auto& account : accounts) {
    if (account.home.empty()) continue;
    const auto path = path_join(account.home, k_last_login);
    auto login = read_last_login(system_, path);
    const bool is_denied = !login && login.error().code == Errc::denied;
    // Such a home is looked at with its owner's rights; what is denied to them is as if it were not
    // there.
    if (is_denied && system_.is_reached_as_another(path)) continue;
    if (!login) return propagate(login);
    if (*login) logins.emplace(account.name, StoredLogin{**login, std::string(k_last_login)});
  }
  return logins;
}

Result<std::vector<AccountConflict>> FileLogins::write(const DomainLocation& domain,
                                                       const std::vector<LoginChange>& changes) {
  std::vector<AccountConflict> failed;
  std::vector<NewFile> files;
  std::vector<std::string> names;
  for (const auto& change : changes) {
    // A login that stands there without its time would be one of this moment.
    NewFile file{path_join(change.home, k_last_login), change.login.from, owned(domain),
                 change.login.at};
    // What cannot be looked at fails alone, when it is replaced.
    if (is_same(system_, file).value_or(false)) continue;
    files.push_back(std::move(file));
    names.push_back(change.name);
  }
  VSTATE_TRY_ASSIGN(const auto statuses, system_.replace_files(files));
  for (std::size_t i = 0; i < names.size(); ++i)
    if (!statuses[i]) failed.push_back({names[i], statuses[i].error().message});
  return failed;
}

Status NoAliasRows::write_rows(const DomainLocation&, const std::string& name,
                               const std::vector<std::string>&, const std::vector<std::string>&) {
  return fail(Errc::unsupported, fmt::format("alias {}: this back-end keeps no rows", name));
}

Result<std::vector<std::string>> remarks_of_files(const Files& files,
                                                  const std::string& vpopmail_dir,
                                                  const DomainLocation& domain) {
  std::vector<std::string> remarks;
  const auto limits_path = path_join(domain.directory, k_limits);
  VSTATE_TRY_ASSIGN(const auto limits, files.read_if_there(limits_path));
  for (const auto& blemish : parse_limits(limits.value_or("")).blemishes)
    remarks.push_back(fmt::format("{}: {}", limits_path, blemish));
  const auto path = path_join(vpopmail_dir, "etc/ip_alias_map");
  VSTATE_TRY_ASSIGN(const auto bytes, files.read_if_there(path));
  const auto text = bytes.value_or("");
  // The lines are an address, blanks or tabs, and a domain (vcdb.c).
  for (const auto line : split_lines(text)) {
    const auto blank = line.find_first_of(" \t");
    if (blank == std::string_view::npos || line.find_last_not_of(" \t") < blank) continue;
    const auto name = trim_end(line.substr(line.find_first_not_of(" \t", blank)));
    if (to_lower(name) == domain.name.text())
      remarks.push_back(fmt::format("{} gives it the address {}, which is not carried", path,
                                    visible(line.substr(0, blank))));
  }
  return remarks;
}

std::optional<OwnFile> own_file_of_any(std::string_view name) {
  if (name == k_limits) return OwnFile{true, {}};
  if (name == k_domains_counter || name == k_free_directories)
    return OwnFile{false, "directory counter, the target has its own"};
  // A server that was moved from cdb to a database often has them still.
  if (name == "vpasswd" || name == "vpasswd.cdb")
    return OwnFile{false, "accounts of another back-end, which this server does not read"};
  if (name == ".vpasswd.lock" || name == k_free_lock) return OwnFile{false, "lock"};
  // vpopmail leaves its temporaries when it is killed; the last of these names is vstate's own.
  if (name.rfind("vpasswd.bak.", 0) == 0 || name == "cdb.tmp" ||
      name.rfind(".dir-control.", 0) == 0 || name == k_pending)
    return OwnFile{false, "temporary of a stopped program"};
  return std::nullopt;
}

}  // namespace vstate
