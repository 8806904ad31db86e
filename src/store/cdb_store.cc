// The cdb back-end: vpasswd, which listings read, and vpasswd.cdb, by which logins and deliveries
// look up a single account (vcdb.c). vpopmail replaces them by two renames under one lock, vpasswd
// first, and so does this. A kill or a full disk between the two leaves them different, so the
// accounts are what both together have.

#include "store/cdb_store.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "format/cdb.h"
#include "format/vpasswd.h"
#include "store/file_store.h"
#include "vstate/base/text.h"
#include "vstate/model/quota.h"

namespace vstate {

namespace {

constexpr std::string_view k_vpasswd = "vpasswd";
constexpr std::string_view k_index = "vpasswd.cdb";
constexpr std::string_view k_lock = ".vpasswd.lock";
constexpr std::string_view k_counter = ".dir-control";

Account to_account(const vpasswd::Record& record) {
  Account account;
  account.name = record.name;
  account.password = Secret(record.hash);
  // Without clear-text passwords the field is absent or empty, which says the same.
  if (record.clear && !record.clear->empty()) account.clear_password = Secret(*record.clear);
  // vcdb.c:vauth_adduser_line writes 2 for an account that was made for APOP, and 1 for all others.
  account.is_apop = record.uid_field == "2";
  account.flags = to_number(record.gid_field).value_or(0);
  account.gecos = record.gecos;
  account.home = record.home;
  account.quota = record.quota;
  return account;
}

vpasswd::Record to_record(const Account& account, bool stores_clear_passwords) {
  vpasswd::Record record;
  record.name = account.name;
  record.hash = account.password.reveal();
  record.uid_field = account.is_apop ? "2" : "1";
  record.gid_field = std::to_string(account.flags);
  record.gecos = account.gecos;
  record.home = account.home;
  record.quota = account.quota;
  // A vpopmail with CLEAR_PASS writes the eighth field also where it is empty.
  if (account.clear_password)
    record.clear = account.clear_password->reveal();
  else if (stores_clear_passwords)
    record.clear = "";
  return record;
}

/// vpasswd, and its index vpasswd.cdb.
class CdbAccounts final : public Accounts {
 public:
  CdbAccounts(System& system, const Server& server)
      : system_(system),
        stores_clear_passwords_(server.stores_clear_passwords),
        lock_seconds_(server.lock_seconds) {}

  Result<std::vector<Account>> read(const DomainLocation& domain) const override {
    VSTATE_TRY_ASSIGN(auto file, read_text(domain));
    VSTATE_TRY_ASSIGN(const auto unlisted, add_unlisted(domain, file));
    std::vector<Account> accounts;
    accounts.reserve(file.records().size());
    for (const auto& record : file.records()) {
      accounts.push_back(to_account(record));
      accounts.back().is_listed = !unlisted.contains(record.name);
    }
    return accounts;
  }

  Result<std::vector<BadRecord>> bad_records(const DomainLocation& domain) const override;
  Result<std::map<std::string, Account>> read_index(const DomainLocation&) const override;
  [[nodiscard]] std::string index_name(const DomainLocation&) const override {
    return std::string(k_index);
  }
  Result<std::vector<std::string>> index_problems(const DomainLocation& domain) const override;
  Status rebuild_index(const DomainLocation& domain) override {
    // The lock is held over the reading too: vpasswd must not change between it and the index that
    // is made of it.
    VSTATE_TRY_ASSIGN(const auto lock, take_lock(domain));
    VSTATE_TRY_ASSIGN(const auto file, read_vpasswd(domain));
    return write_index(domain, file);
  }

  Result<Placement> read_placement(const DomainLocation& domain) const override;

  Result<std::vector<AccountConflict>> commit(const DomainLocation&,
                                              const std::vector<AccountChange>&,
                                              const PlacementChange*) override;

  Result<bool> is_unfinished(const DomainLocation& domain) const override {
    return PendingCommit::is_there(system_, domain);
  }
  Status finish(const DomainLocation& domain) override;

 private:
  Result<FileLock> take_lock(const DomainLocation& domain) {
    return system_.lock(path_join(domain.directory, k_lock), owned(domain), lock_seconds_);
  }
  /// With what only vpasswd.cdb has: an account that a full disk or a kill cut out of vpasswd still
  /// logs in and gets mail by it.
  Result<vpasswd::File> read_vpasswd(const DomainLocation& domain) const {
    VSTATE_TRY_ASSIGN(auto file, read_text(domain));
    VSTATE_TRY(add_unlisted(domain, file));
    return file;
  }
  /// Adds what only vpasswd.cdb has, and returns the names.
  Result<std::set<std::string>> add_unlisted(const DomainLocation& domain,
                                             vpasswd::File& file) const {
    VSTATE_TRY_ASSIGN(const auto index, read_index_records(domain));
    std::set<std::string> names;
    std::vector<vpasswd::Record> missing;
    for (const auto& [name, data] : index.value_or(cdb::Records{})) {
      if (file.find(name) != nullptr) continue;
      auto record = vpasswd::from_cdb(name, data);
      if (!record || names.contains(name) || !vpasswd::check(*record)) continue;
      // Look-ups see the first of equal keys, so the others are no accounts.
      names.insert(record->name);
      missing.push_back(*std::move(record));
    }
    VSTATE_TRY(file.insert_all(std::move(missing)));
    return names;
  }
  Result<vpasswd::File> read_text(const DomainLocation& domain) const {
    VSTATE_TRY_ASSIGN(const auto bytes,
                      system_.read_if_there(path_join(domain.directory, k_vpasswd)));
    return vpasswd::File::parse(bytes.value_or(""));
  }
  /// nullopt for an index that is missing, or broken: then it says nothing.
  Result<std::optional<cdb::Records>> read_index_records(const DomainLocation& domain) const {
    VSTATE_TRY_ASSIGN(const auto bytes,
                      system_.read_if_there(path_join(domain.directory, k_index)));
    if (!bytes) return std::nullopt;
    auto records = cdb::read(*bytes);
    return records ? std::optional(*std::move(records)) : std::optional<cdb::Records>();
  }
  Status write_index(const DomainLocation& domain, const vpasswd::File& file) {
    return system_.replace_file(path_join(domain.directory, k_index),
                                cdb::write(file.cdb_records()), owned(domain), Durability::now);
  }
  Status write_placement(const DomainLocation&, const Placement&);
  /// False if a field that the change names was changed to something else meanwhile.
  [[nodiscard]] bool update(vpasswd::Record&, const AccountChange&) const;

  System& system_;
  bool stores_clear_passwords_;
  int lock_seconds_;
};

Result<Placement> CdbAccounts::read_placement(const DomainLocation& domain) const {
  Placement placement;
  placement.rereads_counter = true;
  const auto path = path_join(domain.directory, k_counter);
  VSTATE_TRY_ASSIGN(const auto bytes, system_.read_if_there(path));
  if (bytes) {
    auto counter = parse_dir_control(*bytes);
    if (!counter) return tl::unexpected<Error>(counter.error().in(path));
    placement.counter = *std::move(counter);
  }
  VSTATE_TRY_ASSIGN(placement.free_directories, read_free_directories(system_, domain));
  return placement;
}

// Called under the accounts' lock. vpopmail knows no lock of the counter itself.
Status CdbAccounts::write_placement(const DomainLocation& domain, const Placement& placement) {
  VSTATE_TRY(system_.replace_file(path_join(domain.directory, k_counter),
                                  to_text(placement.counter), owned(domain), Durability::now));
  return write_free_directories(system_, domain, placement.free_directories);
}

/// Brings the fields that differ between before and after into the record that is there now, and
/// leaves the others as somebody else may have changed them meanwhile.
bool CdbAccounts::update(vpasswd::Record& record, const AccountChange& change) const {
  const auto before = to_record(*change.before, stores_clear_passwords_);
  const auto after = to_record(*change.after, stores_clear_passwords_);
  bool is_undisturbed = true;
  // A field that has its new value already is a change that was made, by a stopped run or by
  // somebody else.
  const auto take = [&](auto& field, const auto& old_value, const auto& new_value) {
    if (old_value == new_value) return;
    if (field != old_value && field != new_value) is_undisturbed = false;
    field = new_value;
  };
  // One quota has many spellings; what counts is its meaning.
  if (parse_quota(record.quota) == parse_quota(before.quota)) record.quota = before.quota;
  take(record.hash, before.hash, after.hash);
  take(record.uid_field, before.uid_field, after.uid_field);
  take(record.gid_field, before.gid_field, after.gid_field);
  take(record.gecos, before.gecos, after.gecos);
  take(record.home, before.home, after.home);
  take(record.quota, before.quota, after.quota);
  // A clear-text password follows its hash, which was compared; a record without the field gets one
  // only for a change.
  if (change.before->clear_password != change.after->clear_password) record.clear = after.clear;
  return is_undisturbed;
}

Result<std::vector<BadRecord>> CdbAccounts::bad_records(const DomainLocation& domain) const {
  VSTATE_TRY_ASSIGN(const auto text, read_text(domain));
  VSTATE_TRY_ASSIGN(const auto index, read_index_records(domain));
  const auto path = path_join(domain.directory, k_vpasswd);
  std::vector<BadRecord> bad;
  for (const auto& blemish : text.blemishes())
    bad.push_back({blemish.name, fmt::format("{}: line {}: {}", path, blemish.line, blemish.what)});
  for (const auto& [name, data] : index.value_or(cdb::Records{}))
    if (const auto record = vpasswd::from_cdb(name, data); !record && text.find(name) == nullptr)
      bad.push_back({name, fmt::format("{}: {}: {}", path_join(domain.directory, k_index),
                                       visible(name), record.error().message)});
  return bad;
}

Result<std::map<std::string, Account>> CdbAccounts::read_index(const DomainLocation& domain) const {
  const auto path = path_join(domain.directory, k_index);
  VSTATE_TRY_ASSIGN(const auto bytes, system_.read_if_there(path));
  std::map<std::string, Account> accounts;
  if (!bytes) return accounts;
  const auto records = cdb::read(*bytes);
  if (!records) return tl::unexpected<Error>(records.error().in(path));
  for (const auto& [name, data] : *records) {
    const auto record = vpasswd::from_cdb(name, data);
    if (!record) continue;  // bad_records names it
    // The first of equal keys is the one that look-ups see.
    accounts.emplace(name, to_account(*record));
  }
  return accounts;
}

// Compares what the index has with what rebuilding it from vpasswd would give. vpopmail itself
// never notices a stale index.
Result<std::vector<std::string>> CdbAccounts::index_problems(const DomainLocation& domain) const {
  VSTATE_TRY_ASSIGN(const auto file, read_text(domain));
  const auto path = path_join(domain.directory, k_index);
  VSTATE_TRY_ASSIGN(const auto bytes, system_.read_if_there(path));
  std::vector<std::string> problems;
  if (!bytes) {
    if (!file.records().empty()) problems.emplace_back("vpasswd.cdb is missing");
    return problems;
  }
  const auto records = cdb::read(*bytes);
  if (!records) {
    problems.push_back(fmt::format("vpasswd.cdb is broken: {}", records.error().message));
    return problems;
  }
  const auto wanted_records = file.cdb_records();
  const std::map<std::string, std::string> wanted(wanted_records.begin(), wanted_records.end());
  std::map<std::string, std::string> found;
  // The first of equal keys is the one that look-ups see.
  for (const auto& record : *records) found.insert(record);
  for (const auto& [name, data] : wanted) {
    const auto at = found.find(name);
    if (at == found.end())
      problems.push_back(fmt::format("{} is not in vpasswd.cdb", name));
    else if (at->second != data)
      problems.push_back(fmt::format("{} differs between vpasswd and vpasswd.cdb", name));
  }
  for (const auto& [name, data] : found)
    if (!wanted.contains(name)) problems.push_back(fmt::format("{} is only in vpasswd.cdb", name));
  return problems;
}

Result<std::vector<AccountConflict>> CdbAccounts::commit(const DomainLocation& domain,
                                                         const std::vector<AccountChange>& changes,
                                                         const PlacementChange* placement) {
  VSTATE_TRY_ASSIGN(const auto lock, take_lock(domain));
  // Read under the lock, whatever the plan saw: vpasswd, qmailadmin, and logins with learned
  // passwords change it at any time.
  VSTATE_TRY_ASSIGN(auto file, read_vpasswd(domain));
  std::vector<AccountConflict> conflicts;
  std::vector<vpasswd::Record> added;
  std::set<std::string, std::less<>> removed;
  for (const auto& change : changes) {
    const auto* found = file.find(change.name);
    if (change.before && change.after) {
      if (found == nullptr) {
        conflicts.push_back({change.name, "was removed by somebody else meanwhile"});
        continue;
      }
      auto record = *found;
      if (update(record, change))
        VSTATE_TRY(file.replace(std::move(record)));
      else
        conflicts.push_back({change.name, "was changed by somebody else meanwhile"});
    } else if (change.before) {
      // An account that is gone already is a removal that was made.
      removed.insert(change.name);
    } else if (found == nullptr) {
      added.push_back(to_record(*change.after, stores_clear_passwords_));
      if (const auto status = vpasswd::check(added.back()); !status)
        return tl::unexpected<Error>(status.error().in("account " + change.name));
    } else if (to_account(*found) != *change.after) {
      conflicts.push_back({change.name, "was created by somebody else meanwhile"});
    }
  }
  file.remove_all(removed);
  VSTATE_TRY(file.insert_all(std::move(added)));

  // The order is what finish() relies on: the counter to come, vpasswd, the index, the counter, and
  // last of all the note is taken away.
  PendingCommit pending(system_, domain);
  std::optional<HeldPlacement> held;
  if (placement != nullptr) {
    const auto moved = [&](const Placement& now) {
      return std::optional(rebased(*placement, now, changes));
    };
    VSTATE_TRY_ASSIGN(held, HeldPlacement::take(system_, domain, *this, moved));
    VSTATE_TRY(pending.begin(changes, held->value()));
  }
  VSTATE_TRY(system_.replace_file(path_join(domain.directory, k_vpasswd), file.bytes(),
                                  owned(domain), Durability::now));
  VSTATE_TRY(write_index(domain, file));
  if (held) {
    VSTATE_TRY(write_placement(domain, held->value()));
    VSTATE_TRY(pending.end());
  }
  return conflicts;
}

Status CdbAccounts::finish(const DomainLocation& domain) {
  PendingCommit pending(system_, domain);
  VSTATE_TRY_ASSIGN(const auto lock, take_lock(domain));
  // vpasswd is written first: what it says of an account happened.
  VSTATE_TRY_ASSIGN(const auto listed, read_text(domain));
  auto file = listed;
  VSTATE_TRY(add_unlisted(domain, file));
  VSTATE_TRY_ASSIGN(const auto settled, pending.settle(*this, [&](const std::string& name) {
    return listed.find(name) != nullptr;
  }));
  if (settled) {
    VSTATE_TRY(write_index(domain, file));
    VSTATE_TRY(write_placement(domain, settled->value()));
  }
  return pending.end();
}

class CdbBackend final : public Backend {
 public:
  CdbBackend(System& system, Server server) : system_(system), server_(std::move(server)) {}
  Status mend() override { return {}; }
  Result<std::vector<Misfit>> find_misfits(const DomainLocation&, const State&,
                                           const Paths&) const override;
  Result<std::string> write_obstacle() const override { return std::string(); }
  Status alter(const DomainLocation&, const std::string& remedy) override {
    return fail(Errc::unsupported, fmt::format("{}: not for this back-end", remedy));
  }
  Result<std::vector<std::string>> remarks(const DomainLocation& domain,
                                           const std::set<DomainName>&) const override {
    return remarks_of_files(system_, server_.vpopmail_dir, domain);
  }
  [[nodiscard]] std::optional<OwnFile> own_file(std::string_view name) const override {
    if (name == k_vpasswd) return OwnFile{true, {}};
    if (name == k_index) return OwnFile{false, "index of vpasswd"};
    return own_file_of_any(name);
  }
  [[nodiscard]] std::optional<OwnFile> own_home_file(std::string_view name) const override {
    if (name == "lastauth") return OwnFile{false, "a last login that vpopmail does not read"};
    return std::nullopt;
  }

 private:
  System& system_;
  Server server_;
};

Result<std::vector<Misfit>> CdbBackend::find_misfits(const DomainLocation& domain,
                                                     const State& state, const Paths& paths) const {
  std::vector<Misfit> misfits;
  for (const auto& [key, mailbox] : state.mailboxes) {
    const auto& name = key.text();
    auto account =
        vstate::to_account(name, mailbox, home_of(domain, name, paths, server_.hashes_directories));
    // The field is not written here, so its length does not count.
    if (!server_.stores_clear_passwords) account.clear_password.reset();
    const auto record = to_record(account, server_.stores_clear_passwords);
    if (const auto status = vpasswd::check(record); !status)
      misfits.push_back({{"mailbox " + name}, status.error().message, ""});
    // vpopmail reads lines into a buffer of fixed size, and cuts the record of a longer one.
    const auto line = vpasswd::line_length(record);
    if (line > server_.longest_vpasswd_line())
      misfits.push_back(
          {{"mailbox " + name},
           fmt::format("its line in vpasswd would have {} bytes, this server reads {} "
                       "(the hash alone has {})",
                       line, server_.longest_vpasswd_line(), mailbox.password.reveal().size()),
           ""});
  }
  return misfits;
}

}  // namespace

Result<std::unique_ptr<AccountStore>> open_cdb_store(System& system, const Server& server) {
  return std::make_unique<AccountStore>(
      AccountStore::Parts{.held = nullptr,
                          .accounts = std::make_unique<CdbAccounts>(system, server),
                          .domains_counter = std::make_unique<FileCounter>(system, server),
                          .limits = std::make_unique<FileLimits>(system),
                          .logins = std::make_unique<FileLogins>(system),
                          .aliases = std::make_unique<NoAliasRows>(),
                          .backend = std::make_unique<CdbBackend>(system, server)},
      DomainDirectories(system, server.domains_dir));
}

}  // namespace vstate
