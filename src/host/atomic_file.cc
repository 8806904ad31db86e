// Replaces a file of this machine by a rename. The bytes are on the disk before the name is, and
// the name before commit() returns, so that after a loss of power there is the old file or the new
// one, and never an empty one.

#include "host/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace vstate {

AtomicFile::~AtomicFile() {
  if (is_made_) unlink(partial_.c_str());
}

Status AtomicFile::open() {
  if (unlink(partial_.c_str()) != 0 && errno != ENOENT)
    return fail_errno(partial_, "cannot remove what a stopped run left");
  // The file is made anew: one that stood there could be open in another program, or be a link.
  file_ =
      Handle(::open(partial_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file_.is_open()) return fail_errno(partial_, "cannot create");
  is_made_ = true;
  return {};
}

Status AtomicFile::discard() {
  is_made_ = false;
  if (unlink(partial_.c_str()) != 0 && errno != ENOENT)
    return fail_errno(partial_, "cannot remove");
  return {};
}

Status AtomicFile::commit() {
  if (fsync(file_.get()) != 0) return fail_errno(partial_, "cannot write to the disk");
  // A network file system may tell of a full disk only here.
  if (!file_.close()) return fail_errno(partial_, "cannot close");
  if (std::rename(partial_.c_str(), path_.c_str()) != 0) return fail_errno(path_, "cannot rename");
  is_made_ = false;
  // The rename is on the disk once its directory is.
  const auto slash = path_.rfind('/');
  const std::string parent = slash == std::string::npos ? "." : path_.substr(0, slash + 1);
  const Handle directory(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.is_open() || fsync(directory.get()) != 0)
    return fail_errno(parent, "cannot write to the disk");
  return {};
}

}  // namespace vstate
