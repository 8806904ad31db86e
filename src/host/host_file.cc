// Files that a person names on the command line. Links are followed as the kernel follows them,
// whoever made them. What vstate writes there holds hashes of passwords or mail, so it is made for
// its owner alone.

#include "host/host_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include <fmt/format.h>

#include "host/atomic_file.h"
#include "sys/handle.h"
#include "sys/path.h"
#include "sys/system.h"

namespace vstate {

namespace {

/// The file that a name leads to; what does not exist yet is made where a link says.
Result<std::string> end_of_links(std::string path) {
  // A rename onto a link would replace the link, and leave the file that it leads to as it was. The
  // bound is the kernel's own.
  for (int links = 0; links < k_most_links; ++links) {
    struct stat st {};
    if (lstat(path.c_str(), &st) != 0) {
      if (errno == ENOENT) return path;
      return fail_errno(path, "cannot stat");
    }
    if (!S_ISLNK(st.st_mode)) return path;
    std::error_code failure;
    const auto target = std::filesystem::read_symlink(path, failure);
    if (failure) return fail(Errc::io, fmt::format("{}: {}", path, failure.message()));
    path = target.is_absolute() ? target.string()
                                : (std::filesystem::path(path).parent_path() / target).string();
  }
  return fail(Errc::invalid, fmt::format("{}: its links lead in a circle", path));
}

/// A device, a pipe: only what it leads to can be written.
Status write_through(const std::string& path, std::string_view text) {
  const Handle file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.is_open()) return fail_errno(path, "cannot open");
  return write_all(file.get(), text, path);
}

Status replace(const std::string& path, std::string_view text) {
  AtomicFile file(path);
  VSTATE_TRY(file.open());
  VSTATE_TRY(write_all(file.descriptor(), text, file.partial()));
  return file.commit();
}

}  // namespace

Status make_private_directories(const std::filesystem::path& path) {
  if (path.empty() || std::filesystem::is_directory(path)) return {};
  VSTATE_TRY(make_private_directories(path.parent_path()));
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return fail_errno(path.string(), "cannot make the directory");
  // What comes into it is synced with it, and it must be there itself after a loss of power.
  const auto above = path.has_parent_path() ? path.parent_path().string() : std::string(".");
  const Handle parent(open(above.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!parent.is_open() || fsync(parent.get()) != 0)
    return fail_errno(above, "cannot write to the disk");
  return {};
}

Result<std::string> read_host_file(const std::string& path) {
  const Handle file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) return fail_errno(path, "cannot be read");
  return read_all(file.get(), path);
}

Status write_host_file(const std::string& name, std::string_view text) {
  VSTATE_TRY_ASSIGN(const auto path, end_of_links(name));
  struct stat st {};
  const bool is_there = lstat(path.c_str(), &st) == 0;
  if (is_there && S_ISDIR(st.st_mode))
    return fail(Errc::invalid, fmt::format("{}: is a directory", path));
  return is_there && !S_ISREG(st.st_mode) ? write_through(path, text) : replace(path, text);
}

}  // namespace vstate
