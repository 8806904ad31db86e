/// \file
/// Where a server keeps its accounts. One implementation a back-end; adding one is one file.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "vstate/base/result.h"
#include "vstate/format/dir_control.h"
#include "vstate/model/names.h"
#include "vstate/model/secret.h"
#include "vstate/model/server.h"
#include "vstate/sys/system.h"

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
  std::string quota;  ///< as stored, in any of vpopmail's spellings
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

/// The domain whose accounts are meant, and where it lives.
struct DomainLocation {
  DomainName name;
  std::string directory;
  Owner owner;
};

class AccountStore {
 public:
  virtual ~AccountStore() = default;

  /// In the back-end's order. A domain that has no accounts yet has none; a store that cannot be
  /// read is an error.
  virtual Result<std::vector<Account>> read_accounts(const DomainLocation&) = 0;

  /// What look-ups would answer differently from listings, one line each; empty for back-ends that
  /// keep one copy.
  virtual Result<std::vector<std::string>> index_problems(const DomainLocation&) = 0;
  virtual Status rebuild_index(const DomainLocation&) = 0;

  virtual Result<Placement> read_placement(const DomainLocation&) = 0;

  /// Makes a batch of changes as one: all of them and the placement become visible, or none. Reads
  /// the accounts anew under the back-end's lock, and touches only fields that a change names. A
  /// change that has been made already counts as made. Returns the changes refused because
  /// somebody else was there first; the others are made.
  virtual Result<std::vector<AccountConflict>> commit(const DomainLocation&,
                                                      const std::vector<AccountChange>&,
                                                      const Placement* placement) = 0;

  /// True if a stopped commit left its placement behind; `finish` brings it to its end or takes it
  /// back, whichever the accounts say.
  virtual Result<bool> is_unfinished(const DomainLocation&) = 0;
  virtual Status finish(const DomainLocation&) = 0;
};

/// The store of a server; `System` must outlive it, `Server` need not. Fails with `unsupported` for
/// a back-end that is not compiled in.
[[nodiscard]] Result<std::unique_ptr<AccountStore>> open_store(System&, const Server&);

/// vpasswd and vpasswd.cdb below the domain's directory (vcdb.c).
[[nodiscard]] std::unique_ptr<AccountStore> make_cdb_store(System&, const Server&);

/// The relative directory of the next home, "" or "0" or "0/3"; `placement` moves on. As
/// vpopmail.c:vadduser chooses it.
[[nodiscard]] std::string next_directory(Placement&);
/// What vdeluser does to the placement for an account whose home was in `directory`.
void give_back(Placement&, const std::string& directory);

}  // namespace vstate
