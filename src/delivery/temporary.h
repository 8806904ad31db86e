/// \file
/// Files that are written under a temporary name and renamed to their place.
///
/// Each name follows from the final one, so that the run after a stopped one finds what that left.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "sys/files.h"
#include "vstate/base/result.h"
#include "vstate/model/name_hash.h"
#include "vstate/model/server.h"

namespace vstate::mail {

/// The name that a message has in `tmp` until it is placed.
[[nodiscard]] std::string temporary_name(const NameHash&);
/// Returns nullopt for a name that temporary_name does not give.
[[nodiscard]] std::optional<NameHash> hash_of_temporary(std::string_view name);

/// Creates a file of `owner` and lets `write` fill it. One of that name is of a stopped run and is
/// removed first: it may be anything, and is never written into. A failure leaves no file.
Status write_temporary(int directory, const std::string& name, unsigned mode, Owner owner,
                       std::string_view shown, const std::function<Status(int)>& write);

/// Gives a temporary its final name unless that is taken (EEXIST), also where the kernel or the
/// file system has no such rename: there, a run that is killed leaves both names of one file.
/// Returns whether it did; if not, errno says why.
[[nodiscard]] bool rename_where_free(int from, const char* name, int to, const char* new_name);

/// The same for a message that has its final name already and gets another one. A run that is
/// killed leaves one of the two. Where there is no such rename, a name is taken that was free a
/// moment before, as mail servers do.
[[nodiscard]] bool move_where_free(int from, const char* name, int to, const char* new_name);

/// Returns whether a stopped run built what is to replace this file and did not place it: its
/// temporary is there, and nobody has changed the file since that was built. The same where it is
/// another name of the file: it was placed by a link, and only its own name is left to be removed.
[[nodiscard]] Result<bool> waits_for_rename(const Directory&, const std::string& name);

}  // namespace vstate::mail
