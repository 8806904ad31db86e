/// \file
/// Where a server keeps its accounts. One implementation a back-end; adding one is one file.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "format/dir_control.h"
#include "sys/files.h"
#include "sys/system.h"
#include "vstate/base/result.h"
#include "vstate/model/server.h"
#include "vstate/model/state.h"

namespace vstate {

/// One account as the back-end holds it; all texts are literal.
struct Account {
  std::string name;
  Secret password;
  std::optional<Secret> clear_password;
  bool is_apop = false;
  std::uint64_t flags = 0;
  std::string gecos;
  std::string home;
  std::string quota;      ///< as stored, in any of vpopmail's spellings
  bool is_listed = true;  ///< false: only the look-up of single accounts knows it
  friend bool operator==(const Account&, const Account&) = default;
};

/// Create (no before), change, or remove (no after) one account.
struct AccountChange {
  std::string name;
  std::optional<Account> before, after;
};

/// A change that was not made, since the account is not what `before` says any more.
struct AccountConflict {
  std::string name, what;
};

/// Where the next homes of a domain go: vpopmail's counter, and the hash directories that deleted
/// accounts left, which are used up first (backfill.c).
struct Placement {
  DirControl counter;
  std::vector<std::string> free_directories;
  /// vpopmail's cdb programs read the counter's file anew for each addition, and lose a number of
  /// it on the way (format/dir_control.h); the SQL back-ends do not.
  bool rereads_counter = false;
  friend bool operator==(const Placement&, const Placement&) = default;
};

/// What a batch of changes does to the placement: from what it saw when it chose the homes.
struct PlacementChange {
  Placement before, after;
};

/// The domain whose accounts are meant, and where it lives.
struct DomainLocation {
  DomainName name;
  std::string directory;
  Owner owner;
};

/// A last login, and the file below the account's home that says so, if it is a file.
struct StoredLogin {
  LastLogin login;
  std::string file;
};

/// A last login to be written.
struct LoginChange {
  std::string name, home;
  LastLogin login;
};

/// What a file that vpopmail or a back-end keeps in a directory is: part of what a State expresses,
/// or something that the target makes anew, and why.
struct OwnFile {
  bool is_expressed = false;
  std::string reason;
};

/// A record of the back-end that is no account, as a program or a full disk left it.
struct BadRecord {
  std::string name;  ///< of the account that it was; empty if that cannot be told
  std::string what;  ///< where it stands and what is wrong with it; shows nothing of its values
};

/// Delivery lines that are no .qmail file: rows of `valias`, literal, in the order in which
/// vdelivermail takes them.
using AliasRows = std::map<std::string, std::vector<std::string>>;

/// The accounts of domains, and the look-up of single ones.
class Accounts {
 public:
  virtual ~Accounts() = default;

  /// In the back-end's order. A domain that has no accounts yet has none; a store that cannot be
  /// read is an error. Accounts that only the look-up of single ones knows are among them: they can
  /// log in and get mail.
  [[nodiscard]] virtual Result<std::vector<Account>> read(const DomainLocation&) const = 0;
  /// Records that hold up no other: what cannot be read of them is named here.
  [[nodiscard]] virtual Result<std::vector<BadRecord>> bad_records(const DomainLocation&) const = 0;
  /// What a look-up of a single account answers, which is what logins and deliveries see.
  [[nodiscard]] virtual Result<std::map<std::string, Account>> read_index(
      const DomainLocation&) const = 0;
  /// Where that look-up looks, for people: "vpasswd.cdb".
  [[nodiscard]] virtual std::string index_name(const DomainLocation&) const = 0;
  /// What look-ups would answer differently from listings, one line each; empty for back-ends that
  /// keep one copy.
  [[nodiscard]] virtual Result<std::vector<std::string>> index_problems(
      const DomainLocation&) const = 0;
  virtual Status rebuild_index(const DomainLocation&) = 0;

  [[nodiscard]] virtual Result<Placement> read_placement(const DomainLocation&) const = 0;
  /// Makes a batch of changes as one: all of them and the placement become visible, or none. Reads
  /// the accounts anew under the back-end's lock, and touches only fields that a change names. A
  /// change that has been made already counts as made. Returns the changes refused because
  /// somebody else was there first; the others are made. Additions are made in their order, which
  /// is the order of their homes in `placement`. What others did to the placement since `before`
  /// stays.
  virtual Result<std::vector<AccountConflict>> commit(const DomainLocation&,
                                                      const std::vector<AccountChange>&,
                                                      const PlacementChange* placement) = 0;
  /// True if a stopped commit left its placement behind; `finish` brings it to its end or takes it
  /// back, whichever the accounts say.
  [[nodiscard]] virtual Result<bool> is_unfinished(const DomainLocation&) const = 0;
  virtual Status finish(const DomainLocation&) = 0;
};

/// The counter of the domains that belong to an owner, by which a new domain's directory is chosen.
class DomainsCounter {
 public:
  virtual ~DomainsCounter() = default;
  [[nodiscard]] virtual Result<DirControl> read(const Owner&) const = 0;
  virtual Status write(const Owner&, const DirControl&) = 0;
};

class LimitsStore {
 public:
  virtual ~LimitsStore() = default;
  /// Returns nullopt for a domain without limits of its own: then vlimits.default applies.
  [[nodiscard]] virtual Result<std::optional<Limits>> read(const DomainLocation&) const = 0;
  /// nullopt removes them. Fails with `conflict` where the back-end can tell that they are neither
  /// `before` nor `after` any more.
  virtual Status write(const DomainLocation&, const std::optional<Limits>& before,
                       const std::optional<Limits>& after) = 0;
};

class LoginStore {
 public:
  virtual ~LoginStore() = default;
  /// Last logins by account name. Accounts without one are absent.
  [[nodiscard]] virtual Result<std::map<std::string, StoredLogin>> read(
      const DomainLocation&, const std::vector<Account>&) const = 0;
  /// Returns those that could not be written; the others are. A later login that is there already
  /// stays.
  virtual Result<std::vector<AccountConflict>> write(const DomainLocation&,
                                                     const std::vector<LoginChange>&) = 0;
};

/// Aliases that are rows of a table, and the alias domains that the back-end itself lists.
class AliasStore {
 public:
  virtual ~AliasStore() = default;
  /// Empty for a back-end without such rows.
  [[nodiscard]] virtual Result<AliasRows> read_rows(const DomainLocation&) const = 0;
  /// True if an alias with these literal lines can be rows here and does the same as the .qmail
  /// file: the two readers differ (model/delivery.h).
  [[nodiscard]] virtual Result<bool> takes_rows(const DomainLocation&, const std::string& name,
                                                const std::vector<std::string>& lines) const = 0;
  /// Replaces all rows of one name; empty removes them. Fails with `conflict` if they are neither
  /// `before` nor `after` any more.
  virtual Status write_rows(const DomainLocation&, const std::string& name,
                            const std::vector<std::string>& before,
                            const std::vector<std::string>& after) = 0;
  /// The alias domains that the back-end lists for a domain; nullopt if it keeps no list and
  /// users/assign alone says so.
  [[nodiscard]] virtual Result<std::optional<std::set<std::string>>> read_domains(
      const DomainLocation&) const = 0;
  virtual Status write_domain(const DomainLocation&, const std::string& alias, bool is_listed) = 0;
};

/// What plans and inspections must know of a back-end.
class Backend {
 public:
  virtual ~Backend() = default;
  /// Puts right what a killed database left behind, before an apply looks at the server: without
  /// transactions, what it shows until then may be neither the old state nor the new.
  virtual Status mend() = 0;
  /// What it cannot hold of a State, or could hold only cut short. For a new domain the location
  /// and `paths` say where it would be.
  [[nodiscard]] virtual Result<std::vector<Misfit>> find_misfits(const DomainLocation&,
                                                                 const State&,
                                                                 const Paths&) const = 0;
  /// Why nothing can be written here at all; empty if it can be.
  [[nodiscard]] virtual Result<std::string> write_obstacle() const = 0;
  /// Carries out the remedy of a misfit.
  virtual Status alter(const DomainLocation&, const std::string& remedy) = 0;
  /// What it holds of the domain and no State expresses, for people. Entries of ip_alias_map are
  /// among it: they give the domain of logins that name none by the address of the server that they
  /// came in on, a fact of one machine. Carried to another they would be dead, or give the logins
  /// of an address to a domain that never had them.
  [[nodiscard]] virtual Result<std::vector<std::string>> remarks(
      const DomainLocation&, const std::set<DomainName>& aliases) const = 0;
  /// Whether a file of the domain's directory, or of a home, is the back-end's own.
  [[nodiscard]] virtual std::optional<OwnFile> own_file(std::string_view name_in_domain) const = 0;
  [[nodiscard]] virtual std::optional<OwnFile> own_home_file(std::string_view name) const = 0;
};

/// The directories of domains, whether users/assign names them or not.
class DomainDirectories {
 public:
  DomainDirectories(const Files& files, std::string domains_dir)
      : files_(files), domains_dir_(std::move(domains_dir)) {}
  struct Found {
    std::string path;
    Owner owner;
  };
  /// Finds the directory of that name in the domains' directory or in a hash directory of it. The
  /// first question lists them all, since a look into each hash directory for each of thousands of
  /// domains takes longer than all else; what this program makes later it says by `add`.
  [[nodiscard]] Result<std::optional<Found>> find(const DomainName&) const;
  void add(const std::string& path);

 private:
  [[nodiscard]] Status index() const;
  [[nodiscard]] Result<std::vector<std::string>> index_directory(const std::string& path) const;

  const Files& files_;
  std::string domains_dir_;
  /// Where entries of that name stand: in the domains' directory, then in its hash directories.
  mutable std::map<std::string, std::vector<std::string>, std::less<>> places_;
  mutable bool is_indexed_ = false;
};

/// Everything of a domain that a back-end decides where to keep. What it keeps in files below the
/// domain's directory, it names, so that inspection does not take them for files of the domain. Who
/// holds it const only reads.
class AccountStore {
 public:
  /// What a back-end is made of. `held` is what they share, such as a connection.
  struct Parts {
    std::shared_ptr<void> held;
    std::unique_ptr<Accounts> accounts;
    std::unique_ptr<DomainsCounter> domains_counter;
    std::unique_ptr<LimitsStore> limits;
    std::unique_ptr<LoginStore> logins;
    std::unique_ptr<AliasStore> aliases;
    std::unique_ptr<Backend> backend;
  };
  AccountStore(Parts parts, DomainDirectories directories)
      : parts_(std::move(parts)), directories_(std::move(directories)) {}

  [[nodiscard]] const Accounts& accounts() const { return *parts_.accounts; }
  [[nodiscard]] Accounts& accounts() { return *parts_.accounts; }
  [[nodiscard]] const DomainsCounter& domains_counter() const { return *parts_.domains_counter; }
  [[nodiscard]] DomainsCounter& domains_counter() { return *parts_.domains_counter; }
  [[nodiscard]] const LimitsStore& limits() const { return *parts_.limits; }
  [[nodiscard]] LimitsStore& limits() { return *parts_.limits; }
  [[nodiscard]] const LoginStore& logins() const { return *parts_.logins; }
  [[nodiscard]] LoginStore& logins() { return *parts_.logins; }
  [[nodiscard]] const AliasStore& aliases() const { return *parts_.aliases; }
  [[nodiscard]] AliasStore& aliases() { return *parts_.aliases; }
  [[nodiscard]] const Backend& backend() const { return *parts_.backend; }
  [[nodiscard]] Backend& backend() { return *parts_.backend; }
  [[nodiscard]] const DomainDirectories& directories() const { return directories_; }
  [[nodiscard]] DomainDirectories& directories() { return directories_; }

 private:
  Parts parts_;
  DomainDirectories directories_;
};

/// A mailbox as an account with this home.
[[nodiscard]] Account to_account(const std::string& name, const Mailbox&, std::string home);

/// The store of a server; `System` must outlive it, `Server` need not. Fails with `unsupported` for
/// a back-end that is not compiled in.
[[nodiscard]] Result<std::unique_ptr<AccountStore>> open_store(System&, const Server&);

/// The back-ends that are compiled in, as --backend takes them: "cdb", "sqlite".
[[nodiscard]] std::vector<std::string> compiled_backends();

/// The relative directory of the next home, "" or "0" or "0/3"; `placement` moves on. As
/// vpopmail.c:vadduser chooses it.
[[nodiscard]] std::string next_directory(Placement&);
/// What vdeluser does to the placement for an account whose home was in `directory`.
void give_back(Placement&, const std::string& directory);
/// `after` where nobody touched the placement since `before`; else what the same changes make of it
/// as it is `now`.
[[nodiscard]] Placement rebased(const PlacementChange&, const Placement& now,
                                const std::vector<AccountChange>&);
/// The directory of a home relative to the domain's: "0" of "DOMDIR/0/joe".
[[nodiscard]] std::string hash_directory_of(const std::string& home, const std::string& domain);

}  // namespace vstate
