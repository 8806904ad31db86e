/// \file
/// Which files of a directory are wanted, some hundreds of them before their turn.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "maildir/listing.h"
#include "maildir/walk.h"
#include "sys/files.h"

namespace vstate::mail {

/// Of one directory that is walked. A source that is far away is asked for all that is wanted at
/// once, instead of one file after the other.
class LookAhead {
 public:
  /// The name that a visited path has in its directory.
  using NameOf = std::function<std::string(const std::string& path)>;
  /// All must outlive it. `filter` may be null.
  LookAhead(const Directory& directory, const Listing& listing, const Exclusion& expressed,
            const MessageFilter* filter)
      : directory_(directory),
        listing_(listing),
        expressed_(expressed),
        filter_(filter),
        is_wanted_(listing.size(), true) {}

  /// Decides about entry `i` and many that follow it, unless that is done. `path` is the
  /// directory's; without `opens` nothing is asked for.
  Status reach(std::size_t i, const std::string& path, bool opens, const NameOf& name_of);
  /// False for a message that need not be opened.
  [[nodiscard]] bool is_wanted(std::size_t i) const { return is_wanted_[i]; }

 private:
  const Directory& directory_;
  const Listing& listing_;
  const Exclusion& expressed_;
  const MessageFilter* filter_;
  std::size_t end_ = 0;  ///< the entries in front of it are decided
  std::vector<bool> is_wanted_;
};

/// Lets the source know which directories below are walked next.
void expect_listings(const Directory&, const Listing&, const Exclusion& expressed,
                     const std::string& path);

}  // namespace vstate::mail
