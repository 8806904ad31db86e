/// \file
/// The archives that a domain file names, and where what they hold belongs on a server.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "archive/archive.h"
#include "delivery/judge.h"
#include "vstate/model/state.h"
#include "vstate/model/template.h"
#include "vstate/plan/plan.h"

namespace vstate {

/// The directory that an archive belongs to on a server with these paths; nullopt for a mailbox
/// that has no home yet.
[[nodiscard]] std::optional<std::string> archive_target(const Box&, const Paths&);
/// What a delivery into a home, a list or the domain's directory leaves alone: in the last one
/// homes and lists, which others deliver to, and everywhere what the State or the back-end
/// describes. The homes of mailboxes that `leave` are nobody's any more.
[[nodiscard]] Reserved reserved_in(Box::Kind, const Paths&, const State& desired,
                                   const std::set<std::string>& leave = {});
/// The archive and its increments on this machine, without the first `known`.
[[nodiscard]] ArchiveFiles archive_files(const std::string& root, const ArchiveRef&,
                                         std::size_t known = 0);
/// The digests of the first `count` of them, as the ledger remembers them.
[[nodiscard]] std::string digests_of(const ArchiveRef&, std::size_t count);
/// The domain's own files are as the file says; what lies in mailboxes and lists is their owners'.
[[nodiscard]] OnDifference on_difference(Box::Kind);

}  // namespace vstate
