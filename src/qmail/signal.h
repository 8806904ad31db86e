/// \file
/// Telling qmail-send that its control files have changed.
#pragma once

#include <string_view>

#include "sys/system.h"

namespace vstate {

/// Sends SIGHUP to each process named qmail-send that works in `qmail_dir` of this root, and
/// returns how many there were. qmail-send reads virtualdomains and locals anew then
/// (qmail-send.c).
Result<int> hup_qmail_send(System&, std::string_view qmail_dir);

}  // namespace vstate
