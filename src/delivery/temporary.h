/// \file
/// Files that are written under a temporary name and renamed to their place.
///
/// Each name follows from the final one, so that the run after a stopped one finds what that left.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

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

/// Renames unless the new name is taken (EEXIST), also where the file system has no such rename.
/// Returns whether it did; if not, errno says why.
[[nodiscard]] bool rename_where_free(int from, const char* name, int to, const char* new_name);

/// Returns whether a stopped run built what is to replace this file and did not place it: its
/// temporary is there, and nobody has changed the file since that was built.
[[nodiscard]] Result<bool> waits_for_rename(int directory, const std::string& name);

}  // namespace vstate::mail
