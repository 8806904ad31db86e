// The lock comes before the reading, so that nothing is lost that another tool wrote before it was
// taken (FORMATS: file_lock.c). What is replaced is the file itself, wherever a link to it leads.

#include "cutover/control.h"

#include <fmt/format.h>

#include "remote/remote_control.h"

namespace vstate::cutover {

namespace {

std::string path_of(const Server& server, ControlName name) {
  return path_join(path_join(server.qmail_dir, "control"), to_text(name));
}

}  // namespace

Result<std::optional<std::string>> read_control(const Files& files, const Server& server,
                                                ControlName name) {
  return files.read_if_there(path_of(server, name));
}

Result<LockedControl> LockedControl::open(System& system, const Server& server, ControlName name) {
  const auto spelt = path_of(server, name);
  VSTATE_TRY_ASSIGN(auto path, resolve(system, spelt));
  VSTATE_TRY(remote::mend_replacement(system, path));
  LockedControl out(system, std::move(path), FileLock(Handle()));
  VSTATE_TRY_ASSIGN(auto ownership, out.ownership());
  constexpr unsigned lock_mode = 0600;
  ownership.mode = lock_mode;
  VSTATE_TRY_ASSIGN(out.lock_, system.lock(spelt + ".lock", ownership));
  // Only below the lock it is certain that nobody is about to rename it.
  const auto left_over = temporary_of(out.path_);
  VSTATE_TRY_ASSIGN(const auto found, system.look(left_over));
  if (found) VSTATE_TRY(system.remove_file(left_over));
  VSTATE_TRY_ASSIGN(out.bytes_, system.read_if_there(out.path_));
  return out;
}

Result<Ownership> LockedControl::ownership() const {
  VSTATE_TRY_ASSIGN(const auto found, system_->look_followed(path_));
  if (found) return Ownership{found->uid, found->gid, found->mode};
  // One that is new belongs to whom the directory does, and everybody may read it.
  VSTATE_TRY_ASSIGN(const auto directory, system_->info_followed(path_parent(path_)));
  constexpr unsigned public_mode = 0644;
  return Ownership{directory.uid, directory.gid, public_mode};
}

Status remove_for_good(System& system, const std::string& path) {
  VSTATE_TRY(system.remove_file(path));
  // SFTP has no call for it.
  return system.local() == nullptr ? Status() : system.sync(path_parent(path));
}

Status LockedControl::replace(const std::optional<std::string>& bytes) {
  VSTATE_TRY_ASSIGN(const auto now, system_->read_if_there(path_));
  if (now != bytes_)
    return fail(Errc::conflict,
                fmt::format("{}: was changed by somebody else; run it again", path_), Scope::run);
  if (!bytes) return remove_for_good(*system_, path_);
  VSTATE_TRY_ASSIGN(const auto owned, ownership());
  VSTATE_TRY(system_->replace_file(path_, *bytes, owned, Durability::now));
  bytes_ = bytes;
  return {};
}

}  // namespace vstate::cutover
