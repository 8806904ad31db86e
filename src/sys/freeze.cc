// The sticky bit is on the old server, where people work: a run that dies must not leave their mail
// waiting for good, so a watcher takes the bit away then.

#include "sys/freeze.h"

#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include "sys/local_files.h"

namespace vstate {

namespace {

/// Takes the bit away; true also if it is away already.
bool lift(int directory) {
  // The mode is read again, since somebody may have changed the other bits while the domain was
  // frozen.
  struct stat st {};
  if (fstat(directory, &st) != 0) return false;
  return (st.st_mode & k_sticky) == 0 ||
         (fchmod(directory, st.st_mode & 07777U & ~k_sticky) == 0 && fsync(directory) == 0);
}

}  // namespace

LocalFreeze::~LocalFreeze() { (void)LocalFreeze::end(); }

Result<std::unique_ptr<DeliveryFreeze>> LocalFreeze::begin(System& system,
                                                           const std::string& directory) {
  std::unique_ptr<LocalFreeze> freeze(new LocalFreeze());
  freeze->directory_ = directory;
  VSTATE_TRY_ASSIGN(auto opened, open_handle(system, directory));
  struct stat st {};
  if (fstat(opened.handle.get(), &st) != 0) return fail_errno_of_open(directory, "cannot stat");
  if ((st.st_mode & k_sticky) != 0) return freeze;
  // The handle outlives a rename of the directory, which a path would not.
  freeze->frozen_ = std::move(opened.handle);
  VSTATE_TRY_ASSIGN(freeze->watcher_, EndWatcher::start(freeze->frozen_.get(), lift, directory));
  // The watcher is there before the bit is.
  VSTATE_TRY(system.set_mode(directory, (st.st_mode & 07777U) | k_sticky));
  return freeze;
}

Status LocalFreeze::end() {
  if (!watcher_.is_running() || watcher_.end(lift(frozen_.get()))) return {};
  return fail(Errc::io, fmt::format("{}: the sticky bit could not be taken away, so that mail for "
                                    "the domain waits; chmod -t it",
                                    directory_));
}

}  // namespace vstate
