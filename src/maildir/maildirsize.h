/// \file
/// The quota counter of a Maildir (vpopmail's maildirquota.c; Courier and Dovecot read it too).
#pragma once

#include <string_view>

#include "sys/system.h"
#include "vstate/base/result.h"
#include "vstate/model/quota.h"
#include "vstate/model/server.h"

namespace vstate {

/// Counts the messages below HOME/Maildir as maildirquota.c does on a rebuild (`new` and `cur` of
/// the Maildir and of each dot folder but .Trash; without those flagged T; sizes from ",S=", else
/// stat) and replaces HOME/Maildir/maildirsize (0600, durable). With an unlimited quota the file is
/// removed instead, if there is one. Call it when all messages are in place. A Maildir that is a
/// symbolic link is `conflict`: nothing is written through it.
Status write_maildirsize(System&, std::string_view home, const Quota&, Owner);

}  // namespace vstate
