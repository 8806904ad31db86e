/// \file
/// One domain applied, with mail from a feed: what apply and pull have in common.
#pragma once

#include "archive/stream.h"
#include "cli/session.h"
#include "engine/feed.h"

namespace vstate::cli {

struct Feeding {
  MailFeed* feed = nullptr;
  std::string command = "apply";  ///< as the ledger names the run
};

/// Plans, shows, applies. The run lock is held.
[[nodiscard]] Exit apply_with_feed(const CommonOptions&, const PlanOptionsText&, Session&,
                                   const DomainFile&, const Feeding&);
/// The same of what `dump --mail -` wrote. `wanted`: of this domain and no other; may be null.
[[nodiscard]] Exit apply_from_stream(const CommonOptions&, const PlanOptionsText&, Session&,
                                     StreamReader&, const std::string& title,
                                     const std::string& command,
                                     const DomainName* wanted = nullptr);
/// The exit status of a run whose source changed, or did not.
[[nodiscard]] Exit source_exit(Exit, bool has_changed);

}  // namespace vstate::cli
