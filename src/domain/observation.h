/// \file
/// What was found of one domain on a server: its State, what is wrong with it, and where each path
/// below its directory went.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "maildir/walk.h"
#include "store/account_store.h"
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

}  // namespace vstate
