// How a file gets to its place without anybody seeing a part of it: it is written under another
// name and renamed. The directories belong to the mailbox's owner, who may put anything at any
// name, so names are only used below an open directory and never followed as links.

#include "delivery/temporary.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "sys/handle.h"
#include "sys/kernel.h"
#include "sys/path.h"
#include "sys/process/identity.h"
#include "vstate/base/text.h"

namespace vstate::mail {

namespace {

constexpr std::string_view k_prefix = "vstate.";

}  // namespace

std::string temporary_name(const NameHash& hash) { return std::string(k_prefix) + to_hex(hash); }

std::optional<NameHash> hash_of_temporary(std::string_view name) {
  if (!name.starts_with(k_prefix)) return std::nullopt;
  return parse_name_hash(name.substr(k_prefix.size()));
}

/// The owner's rights are taken to create and to remove, not to write: an open file needs none, and
/// what `write` reads may be somebody else's.
Status write_temporary(int directory, const std::string& name, unsigned mode, Owner owner,
                       std::string_view shown, const std::function<Status(int)>& write) {
  const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  const auto as_owner = [&](const auto& work) {
    const ActingAs acting(owner.uid, owner.gid);
    return work();
  };
  const auto create = [&] { return Handle(openat(directory, name.c_str(), flags, mode)); };
  const auto remove = [&] { return unlinkat(directory, name.c_str(), 0); };
  auto file = as_owner(create);
  // The name follows from the final one, so a stopped run has left just this file. It is never
  // written into: its owner may have linked it to another one.
  if (!file.is_open() && errno == EEXIST) {
    if (as_owner(remove) != 0) return fail_errno(shown, "cannot remove a left-over temporary");
    file = as_owner(create);
  }
  if (!file.is_open()) return fail_errno(shown, "cannot create the temporary");
  auto status = write(file.get());
  // Some file systems, such as NFS, tell only at the close that the disk is full.
  if (status && !file.close()) status = fail_errno(shown, "cannot close");
  if (!status) as_owner(remove);
  return status;
}

namespace {

/// Nullopt where the kernel or the file system (NFS) does not know such a rename.
std::optional<bool> renamed_at_once(int from, const char* name, int to, const char* new_name) {
  if (!kernel_has(KernelCall::renameat2)) return std::nullopt;
  if (renameat2(from, name, to, new_name, RENAME_NOREPLACE) == 0) return true;
  return errno == EINVAL ? std::nullopt : std::optional(false);
}

}  // namespace

// Link and unlink never replace what another program delivers under the name at this instant. If
// the run is killed between the two, the file is in its place, and its temporary may stay beside
// it. If its owner deletes the message before the next run it comes again, since it looks like one
// that was never placed: rather twice than not at all.
bool rename_where_free(int from, const char* name, int to, const char* new_name) {
  if (const auto done = renamed_at_once(from, name, to, new_name)) return *done;
  if (linkat(from, name, to, new_name, 0) != 0) return false;
  // The order matters: a stop between the two calls leaves one name too many, and never none.
  unlinkat(from, name, 0);
  return true;
}

// Between link and unlink a message would be there twice, and a run that is killed would leave it
// so: nothing would tell that from a copy which its owner made. Unique names make a rename safe
// enough, since whoever makes this very name now is moving this very message.
bool move_where_free(int from, const char* name, int to, const char* new_name) {
  if (const auto done = renamed_at_once(from, name, to, new_name)) return *done;
  struct stat there {};
  const bool is_taken = fstatat(to, new_name, &there, AT_SYMLINK_NOFOLLOW) == 0;
  if (is_taken) errno = EEXIST;
  return !is_taken && errno == ENOENT && renameat(from, name, to, new_name) == 0;
}

/// The later ctime is that of the temporary, unless somebody has touched the file since.
Result<bool> waits_for_rename(const Directory& directory, const std::string& name) {
  VSTATE_TRY_ASSIGN(const auto built, directory.look(std::string(path_name(temporary_of(name)))));
  VSTATE_TRY_ASSIGN(const auto here, directory.look(name));
  return built && here && built->is_regular() &&
         (here->is_same_place(*built) || here->changed < built->changed);
}

}  // namespace vstate::mail
