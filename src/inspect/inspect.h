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

#include "maildir/walk.h"
#include "qmail/qmail_files.h"
#include "store/account_store.h"
#include "sys/files.h"
#include "vstate/model/selection.h"
#include "vstate/model/server.h"
#include "vstate/model/state.h"

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
using ArchiveSource = TreeSource;

struct Observation {
  std::optional<State> state;  ///< nothing: the domain is not on this server at all
  Condition condition;
  Accounting accounting;
  std::vector<Account> accounts;  ///< as the store has them
  AliasRows alias_rows;           ///< the aliases and robots of the State that are rows, literal
  std::map<MailboxName, ArchiveSource> mailbox_archives;
  std::map<AliasName, ArchiveSource> list_archives;
  std::optional<ArchiveSource> domain_archive;
  std::vector<std::string> notes;      ///< for people: what is carried from elsewhere
  std::vector<std::string> unmatched;  ///< patterns of the Selection that nothing here matches
  /// Something that was listed was gone when it was read: the server changed meanwhile.
  bool has_changed = false;
};

/// Everything of a domain but the contents of Maildirs and list archives. One record that cannot be
/// read as what it should be holds up no other: what it costs stands in State::left_out or in the
/// remarks. What is there and cannot be read at all is an error: a smaller state would be a lie.
/// What is excluded is not looked at.
[[nodiscard]] Result<Observation> inspect_domain(Files&, const Server&, AccountStore&,
                                                 const QmailFiles&, const DomainName&,
                                                 const Selection& = {});

/// Why a domain that qmail knows cannot be taken for what its owner wants: its directory is missing
/// or empty, or it has no account at all. An unmounted disk looks like that. Empty if it can be.
[[nodiscard]] std::string why_not_a_source(const Observation&);

/// The domains of vpopmail's on a server, in the order of users/assign.
[[nodiscard]] std::vector<DomainName> real_domains(const QmailFiles&);

/// The names of a file, its domain and alias domains, that users/assign gives to another domain:
/// name -> real domain.
[[nodiscard]] std::map<std::string, std::string> foreign_names(const QmailFiles&, const State&);

}  // namespace vstate
