/// \file
/// What vpopmail keeps in files, whatever the back-end: the base of all stores. A back-end with a
/// table for something overrides that part.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "store/account_store.h"

namespace vstate {

class FileStore : public AccountStore {
 public:
  FileStore(System& system, const Server& server)
      : system_(system),
        vpopmail_dir_(server.vpopmail_dir),
        domains_dir_(server.domains_dir),
        hashes_directories_(server.hashes_directories) {}

  Status mend() override { return {}; }
  Result<std::vector<BadRecord>> bad_records(const DomainLocation&) override;
  Result<bool> is_unfinished(const DomainLocation& domain) override;

  Result<DirControl> read_domains_counter(const Owner&) override;
  Status write_domains_counter(const Owner&, const DirControl&) override;
  Result<std::optional<FoundDirectory>> find_directory(const DomainName&) override;
  void add_directory(const std::string& path) override;

  Result<std::optional<Limits>> read_limits(const DomainLocation&) override;
  Status write_limits(const DomainLocation&, const std::optional<Limits>& before,
                      const std::optional<Limits>& after) override;

  Result<std::map<std::string, StoredLogin>> read_last_logins(const DomainLocation&,
                                                              const std::vector<Account>&) override;
  Result<std::vector<AccountConflict>> write_last_logins(const DomainLocation&,
                                                         const std::vector<LoginChange>&) override;

  Result<AliasRows> read_alias_rows(const DomainLocation&) override { return AliasRows{}; }
  Result<bool> takes_alias_rows(const DomainLocation&, const std::string&,
                                const std::vector<std::string>&) override {
    return false;
  }
  Status write_alias_rows(const DomainLocation&, const std::string& name,
                          const std::vector<std::string>& before,
                          const std::vector<std::string>& after) override;

  Result<std::optional<std::set<std::string>>> read_alias_domains(const DomainLocation&) override {
    return std::optional<std::set<std::string>>();
  }
  Status write_alias_domain(const DomainLocation&, const std::string&, bool) override { return {}; }

  Result<std::string> write_obstacle() override { return std::string(); }
  Status alter(const DomainLocation&, const std::string& remedy) override;

  Result<std::vector<std::string>> remarks(const DomainLocation&,
                                           const std::set<DomainName>& aliases) override;
  [[nodiscard]] std::optional<OwnFile> own_file(std::string_view name) const override;
  [[nodiscard]] std::optional<OwnFile> own_home_file(std::string_view name) const override;

 protected:
  [[nodiscard]] System& system() { return system_; }
  [[nodiscard]] const std::string& domains_dir() const { return domains_dir_; }
  [[nodiscard]] static Ownership owned(const DomainLocation& domain) {
    return {domain.owner.uid, domain.owner.gid, 0600};
  }
  /// The home that an account has, or the longest that a new one may get.
  [[nodiscard]] std::string home_of(const DomainLocation&, const std::string& name,
                                    const Paths&) const;
  /// Replaces a file of the domain unless it says so already; the caller syncs.
  Status write_file(const DomainLocation&, const std::string& path, std::string_view bytes,
                    std::optional<std::int64_t> mtime = {});

  /// Directories that deleted accounts left, in .dir_control_free whatever the back-end.
  Result<std::vector<std::string>> read_free_directories(const DomainLocation&);
  Status write_free_directories(const DomainLocation&, const std::vector<std::string>&);

  // The placement that belongs to a commit under way. It stands in a file from before the first
  // account changes until after the placement is written, so that a later run can tell which of
  // the changes happened.
  Status begin_commit(const DomainLocation&, const std::vector<AccountChange>&, const Placement&);
  Status end_commit(const DomainLocation&);
  /// The placement that the accounts which are there now call for; nothing if no change happened.
  /// `now` is the placement as stored, which a stopped commit has not moved on unless it was whole.
  Result<std::optional<Placement>> settle_commit(
      const DomainLocation&, const Placement& now,
      const std::function<bool(const std::string&)>& is_there);

 private:
  [[nodiscard]] Result<std::optional<LastLogin>> read_last_login(const std::string& path) const;
  Status index_domains();
  Result<std::vector<std::string>> index_directory(const std::string& path);

  System& system_;
  std::string vpopmail_dir_, domains_dir_;
  bool hashes_directories_;
  /// Where entries of that name stand: in the domains' directory, then in its hash directories.
  std::map<std::string, std::vector<std::string>, std::less<>> places_;
  bool is_indexed_ = false;
};

}  // namespace vstate
