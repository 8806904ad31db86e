/// \file
/// Where the accounts of a domain live, by whatever names: homes in the domain's directory, behind
/// links, on other disks.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "domain/inspection.h"
#include "domain/site.h"
#include "vstate/plan/plan.h"

namespace vstate {

/// Finds each account's home, and what is odd about it. An account whose home is not its own
/// directory below the domain's gets one on the target.
Status place_homes(Inspection&);
/// Whether a path leads to a place that only a person without root's rights named. If so, whatever
/// is done there from then on is done with the domain owner's rights.
Result<bool> is_elsewhere(Inspection&, const std::string& path);
/// Why nothing of a home is this domain's; empty if it may be.
Result<std::string> refusal_of_home(Inspection&, const std::string& home);
/// The note that a home is outside the domain's directory.
[[nodiscard]] std::string note_of_home(const std::string& name, const std::string& home);

/// The directories of a home, behind its own path, in the order in which they are made.
inline constexpr std::array<std::string_view, 5> k_home_directories{"", "/Maildir", "/Maildir/new",
                                                                    "/Maildir/cur", "/Maildir/tmp"};
/// Makes the directories of a home that are missing.
Status make_home(Site&, const std::string& home);
/// Removes the home of a mailbox that goes, if it is in the domain's directory.
Status remove_home(Site&, const Change<Mailbox>&);

}  // namespace vstate
