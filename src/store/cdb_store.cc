#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "vstate/base/text.h"
#include "vstate/format/cdb.h"
#include "vstate/format/vpasswd.h"
#include "vstate/model/quota.h"
#include "vstate/store/account_store.h"

namespace vstate {

namespace {

constexpr std::string_view k_vpasswd = "vpasswd";
constexpr std::string_view k_index = "vpasswd.cdb";
constexpr std::string_view k_lock = ".vpasswd.lock";
constexpr std::string_view k_counter = ".dir-control";
constexpr std::string_view k_free_directories = ".dir_control_free";
constexpr std::string_view k_free_lock = ".dir_control_free.lock";
/// The placement that belongs to a commit under way: the lines of the counter, "=DIR" for each free
/// directory, and "+NAME" or "-NAME" for each account that the commit adds or removes, so that a
/// later run can tell whether it happened.
constexpr std::string_view k_pending_counter = ".vstate-dir-control";

Account to_account(const vpasswd::Record& record) {
  Account account;
  account.name = record.name;
  account.password = Secret(record.hash);
  // Without clear-text passwords the field is absent or empty, which says the same.
  if (record.clear && !record.clear->empty()) account.clear_password = Secret(*record.clear);
  account.is_apop = record.uid_field == "2";
  account.flags = to_number(record.gid_field).value_or(0);
  account.gecos = record.gecos;
  account.home = record.home;
  account.quota = record.quota;
  return account;
}

class CdbStore final : public AccountStore {
 public:
  CdbStore(System& system, bool stores_clear_passwords)
      : system_(system), stores_clear_passwords_(stores_clear_passwords) {}

  Result<std::vector<Account>> read_accounts(const DomainLocation& domain) override {
    VSTATE_TRY_ASSIGN(const auto file, read_vpasswd(domain));
    std::vector<Account> accounts;
    accounts.reserve(file.records().size());
    for (const auto& record : file.records()) accounts.push_back(to_account(record));
    return accounts;
  }

  Result<std::vector<std::string>> index_problems(const DomainLocation& domain) override;
  Status rebuild_index(const DomainLocation& domain) override {
    VSTATE_TRY_ASSIGN(const auto lock, take_lock(domain));
    VSTATE_TRY_ASSIGN(const auto file, read_vpasswd(domain));
    return write_index(domain, file);
  }

  Result<Placement> read_placement(const DomainLocation& domain) override;

  Result<std::vector<AccountConflict>> commit(const DomainLocation&,
                                              const std::vector<AccountChange>&,
                                              const Placement*) override;

  Result<bool> is_unfinished(const DomainLocation& domain) override {
    return system_.exists(path_join(domain.directory, k_pending_counter));
  }
  Status finish(const DomainLocation& domain) override;

 private:
  [[nodiscard]] static Ownership owned(const DomainLocation& domain) {
    return {domain.owner.uid, domain.owner.gid, 0600};
  }
  Result<FileLock> take_lock(const DomainLocation& domain) {
    return system_.lock(path_join(domain.directory, k_lock), owned(domain));
  }
  Result<vpasswd::File> read_vpasswd(const DomainLocation& domain) {
    const auto path = path_join(domain.directory, k_vpasswd);
    VSTATE_TRY_ASSIGN(const auto bytes, system_.read_if_there(path));
    auto file = vpasswd::File::parse(bytes.value_or(""));
    if (!file) return tl::unexpected<Error>(file.error().in(path));
    return file;
  }
  Status write_index(const DomainLocation& domain, const vpasswd::File& file) {
    return system_.replace_file(path_join(domain.directory, k_index),
                                cdb::write(file.cdb_records()), owned(domain), Durability::now);
  }
  Status write_placement(const DomainLocation&, const Placement&);
  [[nodiscard]] vpasswd::Record to_record(const Account& account) const;
  /// False if a field that the change names was changed to something else meanwhile.
  [[nodiscard]] bool update(vpasswd::Record&, const AccountChange&) const;

  System& system_;
  bool stores_clear_passwords_;
};

vpasswd::Record CdbStore::to_record(const Account& account) const {
  vpasswd::Record record;
  record.name = account.name;
  record.hash = account.password.reveal();
  record.uid_field = account.is_apop ? "2" : "1";
  record.gid_field = std::to_string(account.flags);
  record.gecos = account.gecos;
  record.home = account.home;
  record.quota = account.quota;
  if (account.clear_password)
    record.clear = account.clear_password->reveal();
  else if (stores_clear_passwords_)
    record.clear = "";
  return record;
}

Result<Placement> CdbStore::read_placement(const DomainLocation& domain) {
  Placement placement;
  placement.rereads_counter = true;
  const auto path = path_join(domain.directory, k_counter);
  VSTATE_TRY_ASSIGN(const auto bytes, system_.read_if_there(path));
  if (bytes) {
    auto counter = parse_dir_control(*bytes);
    if (!counter) return tl::unexpected<Error>(counter.error().in(path));
    placement.counter = *std::move(counter);
  }
  VSTATE_TRY_ASSIGN(const auto free,
                    system_.read_if_there(path_join(domain.directory, k_free_directories)));
  const auto free_lines = free.value_or("");
  for (const auto line : split_lines(free_lines))
    if (!trim_end(line).empty() && line.front() != '#')
      placement.free_directories.emplace_back(trim_end(line));
  return placement;
}

Status CdbStore::write_placement(const DomainLocation& domain, const Placement& placement) {
  VSTATE_TRY_ASSIGN(const auto now, read_placement(domain));
  VSTATE_TRY(system_.replace_file(path_join(domain.directory, k_counter),
                                  to_text(placement.counter), owned(domain), Durability::now));
  if (now.free_directories == placement.free_directories) return {};
  VSTATE_TRY_ASSIGN(const auto lock,
                    system_.lock(path_join(domain.directory, k_free_lock), owned(domain)));
  return system_.replace_file(path_join(domain.directory, k_free_directories),
                              join_lines(placement.free_directories), owned(domain),
                              Durability::now);
}

/// Brings the fields that differ between before and after into the record that is there now, and
/// leaves the others as somebody else may have changed them meanwhile.
bool CdbStore::update(vpasswd::Record& record, const AccountChange& change) const {
  const auto before = to_record(*change.before);
  const auto after = to_record(*change.after);
  bool is_undisturbed = true;
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
  if (change.before->clear_password != change.after->clear_password) record.clear = after.clear;
  return is_undisturbed;
}

Result<std::vector<std::string>> CdbStore::index_problems(const DomainLocation& domain) {
  VSTATE_TRY_ASSIGN(const auto file, read_vpasswd(domain));
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

Result<std::vector<AccountConflict>> CdbStore::commit(const DomainLocation& domain,
                                                      const std::vector<AccountChange>& changes,
                                                      const Placement* placement) {
  VSTATE_TRY_ASSIGN(const auto lock, take_lock(domain));
  VSTATE_TRY_ASSIGN(auto file, read_vpasswd(domain));
  std::vector<AccountConflict> conflicts;
  std::vector<vpasswd::Record> added;
  std::set<std::string, std::less<>> removed;
  std::string journal;
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
      removed.insert(change.name);
      journal += fmt::format("-{}\n", change.name);
    } else if (found == nullptr) {
      added.push_back(to_record(*change.after));
      journal += fmt::format("+{}\n", change.name);
    } else if (to_account(*found) != *change.after) {
      conflicts.push_back({change.name, "was created by somebody else meanwhile"});
    }
  }
  file.remove_all(removed);
  VSTATE_TRY(file.insert_all(std::move(added)));

  const auto pending = path_join(domain.directory, k_pending_counter);
  if (placement != nullptr) {
    std::string text = to_text(placement->counter);
    for (const auto& directory : placement->free_directories) text += "=" + directory + "\n";
    VSTATE_TRY(system_.replace_file(pending, text + journal, owned(domain), Durability::now));
  }
  VSTATE_TRY(system_.replace_file(path_join(domain.directory, k_vpasswd), file.bytes(),
                                  owned(domain), Durability::now));
  VSTATE_TRY(write_index(domain, file));
  if (placement != nullptr) {
    VSTATE_TRY(write_placement(domain, *placement));
    VSTATE_TRY(system_.remove_file(pending));
  }
  return conflicts;
}

Status CdbStore::finish(const DomainLocation& domain) {
  VSTATE_TRY_ASSIGN(const auto lock, take_lock(domain));
  const auto pending = path_join(domain.directory, k_pending_counter);
  VSTATE_TRY_ASSIGN(const auto text, system_.read_if_there(pending));
  if (!text) return {};
  VSTATE_TRY_ASSIGN(const auto file, read_vpasswd(domain));
  constexpr std::size_t counter_lines = 8;
  std::string counter;
  Placement placement;
  bool is_committed = true;
  std::size_t number = 0;
  for (const auto line : split_lines(*text)) {
    if (++number <= counter_lines) {
      counter.append(line).push_back('\n');
    } else if (line.front() == '=') {
      placement.free_directories.emplace_back(line.substr(1));
    } else {
      const bool is_there = file.find(line.substr(1)) != nullptr;
      is_committed = is_committed && is_there == (line.front() == '+');
    }
  }
  if (is_committed) {
    VSTATE_TRY_ASSIGN(placement.counter, parse_dir_control(counter));
    VSTATE_TRY(write_index(domain, file));
    VSTATE_TRY(write_placement(domain, placement));
  }
  return system_.remove_file(pending);
}

}  // namespace

std::unique_ptr<AccountStore> make_cdb_store(System& system, const Server& server) {
  return std::make_unique<CdbStore>(system, server.stores_clear_passwords);
}

}  // namespace vstate
