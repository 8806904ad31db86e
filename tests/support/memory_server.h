/// \file
/// A mail server with one domain, example.com, wholly in memory: what only reads can be shown any
/// untidiness in milliseconds. Its accounts are kept by no file, so that only what a test is about
/// has to be made.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "domain/observation.h"
#include "qmail/router.h"
#include "store/account_store.h"
#include "support/memory_files.h"
#include "vstate/model/selection.h"

namespace vstate::test {

/// What a back-end says of the one domain. Nothing can be written.
struct MemoryTables {
  std::vector<Account> accounts;
  std::optional<Limits> limits;
  AliasRows rows;
  std::map<std::string, StoredLogin> logins;  ///< by the account's name
};
/// Both must outlive it.
[[nodiscard]] std::unique_ptr<AccountStore> memory_store(const Files&, const MemoryTables&,
                                                         const std::string& domains_dir);

/// qmail's control files, users/assign with its index, programs, and the homes of postmaster,
/// alice, and bob, all of it as vpopmail leaves it.
class MemoryServer {
 public:
  MemoryServer();
  MemoryServer(const MemoryServer&) = delete;
  MemoryServer& operator=(const MemoryServer&) = delete;

  /// An account, and its home as vpopmail makes it.
  void add_mailbox(const std::string& name);
  /// The account whose home is elsewhere, or not there.
  void add_account(const std::string& name, const std::string& home);
  /// A file of the domain's owner.
  void file(const std::string& path, std::string_view bytes, unsigned mode = 0600);
  void directory(const std::string& path, unsigned mode = 0700);
  void link(const std::string& path, const std::string& target);

  [[nodiscard]] static std::string in_domain(const std::string& name) {
    return "/srv/vpopmail/domains/example.com/" + name;
  }
  /// Detects the server and looks at the domain.
  [[nodiscard]] Result<Observation> inspect(const Selection& = {});
  [[nodiscard]] Result<Route> trace(std::string_view address);

  MemoryFiles files;
  MemoryTables tables;

 private:
  [[nodiscard]] Result<Server> detect() const;
};

}  // namespace vstate::test
