/// \file
/// What vpopmail keeps in files, whatever the back-end. A back-end with a table for something has a
/// part of its own for it instead.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/account_store.h"

namespace vstate {

/// The owner and mode of what is kept in a domain's directory.
[[nodiscard]] Ownership owned(const DomainLocation&);

/// The home that an account has, or the longest that a new one may get.
[[nodiscard]] std::string home_of(const DomainLocation&, const std::string& name, const Paths&,
                                  bool hashes_directories);

/// Directories that deleted accounts left, in .dir_control_free whatever the back-end.
[[nodiscard]] Result<std::vector<std::string>> read_free_directories(const Files&,
                                                                     const DomainLocation&);
/// The caller has them held.
Status write_free_directories(System&, const DomainLocation&, const std::vector<std::string>&);

/// A placement that is about to be written, with what others did to it since the homes were chosen;
/// nobody else changes the free directories as long as it lives.
class HeldPlacement {
 public:
  /// What the placement becomes, of what it is now.
  using Moved = std::function<std::optional<Placement>(const Placement& now)>;
  /// nullopt where it stays.
  static Result<std::optional<HeldPlacement>> take(System&, const DomainLocation&, const Accounts&,
                                                   const Moved&);
  [[nodiscard]] const Placement& value() const { return value_; }

 private:
  Placement value_;
  std::optional<FileLock> lock_;
};

/// The placement that belongs to a commit under way. It stands in a file from before the first
/// account changes until after the placement is written, so that a later run can tell which of the
/// changes happened.
class PendingCommit {
 public:
  PendingCommit(System& system, const DomainLocation& domain) : system_(system), domain_(domain) {}
  [[nodiscard]] static Result<bool> is_there(const Files&, const DomainLocation&);
  Status begin(const std::vector<AccountChange>&, const Placement&);
  Status end();
  /// The placement that the accounts which are there now call for; nullopt if no change happened.
  Result<std::optional<HeldPlacement>> settle(
      const Accounts&, const std::function<bool(const std::string&)>& is_account) const;

 private:
  [[nodiscard]] std::string path() const;

  System& system_;
  const DomainLocation& domain_;
};

/// .dir-control of the domains' directory.
class FileCounter final : public DomainsCounter {
 public:
  FileCounter(System& system, const Server& server)
      : system_(system), domains_dir_(server.domains_dir) {}
  [[nodiscard]] Result<DirControl> read(const Owner&) const override;
  Status write(const Owner&, const DirControl&) override;

 private:
  System& system_;
  std::string domains_dir_;
};

/// .qmailadmin-limits of each domain.
class FileLimits final : public LimitsStore {
 public:
  explicit FileLimits(System& system) : system_(system) {}
  [[nodiscard]] Result<std::optional<Limits>> read(const DomainLocation&) const override;
  Status write(const DomainLocation&, const std::optional<Limits>& before,
               const std::optional<Limits>& after) override;

 private:
  System& system_;
};

/// `lastauth` of each home: the address is its text, the time its mtime.
class FileLogins final : public LoginStore {
 public:
  explicit FileLogins(System& system) : system_(system) {}
  [[nodiscard]] Result<std::map<std::string, StoredLogin>> read(
      const DomainLocation&, const std::vector<Account>&) const override;
  Result<std::vector<AccountConflict>> write(const DomainLocation&,
                                             const std::vector<LoginChange>&) override;

 private:
  System& system_;
};

/// No rows, and no list of alias domains.
class NoAliasRows final : public AliasStore {
 public:
  Result<AliasRows> read_rows(const DomainLocation&) const override { return AliasRows{}; }
  Result<bool> takes_rows(const DomainLocation&, const std::string&,
                          const std::vector<std::string>&) const override {
    return false;
  }
  Status write_rows(const DomainLocation&, const std::string& name,
                    const std::vector<std::string>& before,
                    const std::vector<std::string>& after) override;
  Result<std::optional<std::set<std::string>>> read_domains(const DomainLocation&) const override {
    return std::nullopt;
  }
  Status write_domain(const DomainLocation&, const std::string&, bool) override { return {}; }
};

/// What files say of a domain besides, whatever the back-end.
[[nodiscard]] Result<std::vector<std::string>> remarks_of_files(const Files&,
                                                                const std::string& vpopmail_dir,
                                                                const DomainLocation&);
/// The files that vpopmail keeps in a domain's directory whatever the back-end.
[[nodiscard]] std::optional<OwnFile> own_file_of_any(std::string_view name);

}  // namespace vstate
