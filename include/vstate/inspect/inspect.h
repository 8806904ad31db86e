/// \file
/// A server -> the actual state of one domain. The same inspection reads both servers; it changes
/// nothing and takes no lock, so it may run beside everything else.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "vstate/model/server.h"
#include "vstate/model/state.h"
#include "vstate/store/account_store.h"
#include "vstate/sys/system.h"

namespace vstate {

/// What became of each path below the domain's directory (law 3): expressed in the State, left to
/// an archive, or rebuilt on the target with a reason. Directories that hold something are not
/// counted; what they hold is.
struct Accounting {
  std::set<std::string> expressed;             ///< paths relative to the domain's directory
  std::map<std::string, std::string> rebuilt;  ///< path -> reason
  std::vector<std::string> refused;            ///< sockets and the like: path and why
};

/// A directory whose rest goes into an archive, and what of it is expressed elsewhere.
struct ArchiveSource {
  std::string directory;            ///< absolute on the server
  std::set<std::string> expressed;  ///< relative to `directory`; a directory covers all below
};

struct Observation {
  std::optional<State> state;  ///< nothing: the domain is not on this server at all
  Condition condition;
  Accounting accounting;
  std::vector<Account> accounts;  ///< as the store has them
  AliasRows alias_rows;           ///< the aliases and robots of the State that are rows, literal
  std::map<MailboxName, ArchiveSource> mailbox_archives;
  std::map<AliasName, ArchiveSource> list_archives;
  std::optional<ArchiveSource> domain_archive;
};

/// Everything of a domain but the contents of Maildirs and list archives. Fails with `invalid` for
/// data that vpopmail itself would misread (a broken vpasswd, an assign file without its end).
[[nodiscard]] Result<Observation> inspect_domain(System&, const Server&, AccountStore&,
                                                 const DomainName&);

/// The real domains of the server, in the order of users/assign.
[[nodiscard]] Result<std::vector<DomainName>> list_domains(const System&, const Server&);

/// The directory that users/assign names for it; empty if it names none.
[[nodiscard]] Result<std::string> published_directory(const System&, const Server&,
                                                      const DomainName&);

/// The names of a file, its domain and alias domains, that users/assign gives to another domain:
/// name -> real domain.
[[nodiscard]] Result<std::map<std::string, std::string>> foreign_names(const System&, const Server&,
                                                                       const State&);

}  // namespace vstate
