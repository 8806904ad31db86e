#include "host_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "vstate/sys/handle.h"

namespace vstate::cli {

Status make_private_directories(const std::filesystem::path& path) {
  if (path.empty() || std::filesystem::is_directory(path)) return {};
  VSTATE_TRY(make_private_directories(path.parent_path()));
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return fail_errno(path.string(), "cannot make the directory");
  return {};
}

Status write_host_file(const std::string& path, std::string_view text) {
  const auto temporary = path + ".partial";
  unlink(temporary.c_str());
  const Handle file(open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.is_open()) return fail_errno(temporary, "cannot create");
  for (auto rest = text; !rest.empty();) {
    const auto count = write(file.get(), rest.data(), rest.size());
    if (count < 0) return fail_errno(temporary, "cannot write");
    rest.remove_prefix(static_cast<std::size_t>(count));
  }
  if (fsync(file.get()) != 0 || std::rename(temporary.c_str(), path.c_str()) != 0)
    return fail_errno(path, "cannot write");
  return {};
}

}  // namespace vstate::cli
