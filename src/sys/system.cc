#include "sys/system.h"

#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <ctime>

#include <fmt/format.h>

#include "sys/resolve.h"

namespace vstate {

namespace {

// The kernel's record of an entry, which getdents64(2) gives.
static_assert(sizeof(dirent::d_ino) == 8 && sizeof(dirent::d_off) == 8);

FileInfo to_info(const struct stat& st) {
  FileInfo info;
  if (S_ISREG(st.st_mode))
    info.type = FileInfo::Type::regular;
  else if (S_ISDIR(st.st_mode))
    info.type = FileInfo::Type::directory;
  else if (S_ISLNK(st.st_mode))
    info.type = FileInfo::Type::link;
  info.size = static_cast<std::uint64_t>(st.st_size);
  info.uid = st.st_uid;
  info.gid = st.st_gid;
  info.mode = st.st_mode & 07777U;
  info.mtime = st.st_mtim.tv_sec;
  constexpr std::int64_t a_second = 1'000'000'000;
  info.changed = st.st_ctim.tv_sec * a_second + st.st_ctim.tv_nsec;
  info.device = st.st_dev;
  info.inode = st.st_ino;
  return info;
}

std::optional<SystemAccount> find_in_passwd(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    std::array<std::string_view, 7> fields;
    std::size_t count = 0;
    for (auto rest = line; count < fields.size(); ++count) {
      fields[count] = rest.substr(0, rest.find(':'));
      if (fields[count].size() == rest.size()) {
        ++count;
        break;
      }
      rest.remove_prefix(fields[count].size() + 1);
    }
    if (count < 6 || fields[0] != name) continue;
    return SystemAccount{
        static_cast<std::uint32_t>(std::strtoul(std::string(fields[2]).c_str(), nullptr, 10)),
        static_cast<std::uint32_t>(std::strtoul(std::string(fields[3]).c_str(), nullptr, 10)),
        std::string(fields[5])};
  }
  return std::nullopt;
}

}  // namespace

Result<std::string> read_all(int file, std::string_view shown, std::size_t limit) {
  std::string bytes;
  struct stat st {};
  if (fstat(file, &st) == 0 && S_ISREG(st.st_mode))
    bytes.reserve(std::min(static_cast<std::size_t>(st.st_size), limit) + 1);
  std::array<char, 65536> buffer{};
  while (true) {
    const auto count = ::read(file, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno_of_open(shown, "cannot read");
    if (count == 0) return bytes;
    bytes.append(buffer.data(), static_cast<std::size_t>(count));
    if (bytes.size() > limit)
      return fail(Errc::unsupported, fmt::format("{}: larger than {} bytes", shown, limit));
  }
}

FileInfo::Type entry_type(int directory, const struct dirent& entry) {
  switch (entry.d_type) {
    case DT_REG:
      return FileInfo::Type::regular;
    case DT_DIR:
      return FileInfo::Type::directory;
    case DT_LNK:
      return FileInfo::Type::link;
    case DT_UNKNOWN: {
      struct stat st {};
      const bool is_known = fstatat(directory, entry.d_name, &st, AT_SYMLINK_NOFOLLOW) == 0;
      return is_known ? to_info(st).type : FileInfo::Type::other;
    }
    default:
      return FileInfo::Type::other;
  }
}

bool read_entries(int directory, const std::function<void(const char*, FileInfo::Type)>& found) {
  alignas(dirent) std::array<char, 32768> buffer;
  while (true) {
    const auto size = syscall(SYS_getdents64, directory, buffer.data(), buffer.size());
    if (size <= 0) return size == 0;
    for (std::int64_t at = 0; at < size;) {
      const auto* entry = reinterpret_cast<const dirent*>(buffer.data() + at);
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") found(entry->d_name, entry_type(directory, *entry));
      at += entry->d_reclen;
    }
  }
}

std::string path_join(std::string_view directory, std::string_view name) {
  std::string out(directory);
  if (out.empty() || out.back() != '/') out.push_back('/');
  out.append(name);
  return out;
}

std::string_view path_name(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string_view path_parent(std::string_view path) {
  const auto slash = path.rfind('/');
  if (slash == std::string_view::npos) return {};
  return slash == 0 ? path.substr(0, 1) : path.substr(0, slash);
}

bool is_within(std::string_view path, std::string_view directory) {
  return path == directory || directory == "/" ||
         (path.starts_with(directory) && path.size() > directory.size() &&
          path[directory.size()] == '/');
}

System::System(std::string root) : root_(std::move(root)) {
  umask(0);
  if (char* resolved = realpath(root_.c_str(), nullptr)) {
    root_ = resolved;
    std::free(resolved);
  }
  root_handle_ = Handle(::open(root_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
}

Result<System::Opened> System::open_at_root(std::string_view path, int flags) const {
  return open_below(root_handle_.get(), path, flags, reached_as(path));
}

Result<System::Parent> System::open_parent(std::string_view path) const {
  VSTATE_TRY_ASSIGN(auto directory, open_at_root(path_parent(path), O_PATH | O_DIRECTORY));
  return Parent{std::move(directory.handle), std::string(path_name(path)), directory.as};
}

namespace {
bool is_ready(int file, short wanted, std::chrono::seconds patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (true) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    pollfd ready{file, wanted, 0};
    const auto milliseconds = patience.count() == 0 ? -1 : std::max<std::int64_t>(left.count(), 0);
    const auto count = poll(&ready, 1, static_cast<int>(milliseconds));
    if (count >= 0 || errno != EINTR) return count != 0;
  }
}
}  // namespace

bool can_be_read(int file, std::chrono::seconds patience) {
  return is_ready(file, POLLIN, patience);
}

bool can_be_written(int file, std::chrono::seconds patience) {
  return is_ready(file, POLLOUT, patience);
}

Result<std::string> System::read(std::string_view path, std::size_t limit) const {
  VSTATE_TRY_ASSIGN(const auto opened, open_at_root(path, O_RDONLY | O_NONBLOCK));
  struct stat st {};
  if (fstat(opened.handle.get(), &st) != 0) return fail_errno_of_open(path, "cannot stat");
  if (!S_ISREG(st.st_mode)) return fail(Errc::invalid, fmt::format("{}: not a regular file", path));
  return read_all(opened.handle.get(), path, limit);
}

Result<std::optional<std::string>> System::read_if_there(std::string_view path) const {
  auto bytes = read(path);
  if (bytes) return std::optional(*std::move(bytes));
  if (bytes.error().code == Errc::not_found) return std::optional<std::string>();
  return tl::unexpected<Error>(bytes.error());
}

namespace {

Result<FileInfo> info_of_handle(const Handle& handle, std::string_view path) {
  struct stat st {};
  if (fstat(handle.get(), &st) != 0) return fail_errno_of_open(path, "cannot stat");
  return to_info(st);
}

/// What is not there as nullopt, all other failures as they are.
template <class Value>
Result<std::optional<Value>> if_there(Result<Value> found) {
  if (found) return std::optional<Value>(*std::move(found));
  if (found.error().code == Errc::not_found) return std::optional<Value>();
  return tl::unexpected<Error>(std::move(found).error());
}

}  // namespace

Result<FileInfo> System::info(std::string_view path) const {
  VSTATE_TRY_ASSIGN(const auto opened, open_at_root(path, O_PATH | O_NOFOLLOW));
  return info_of_handle(opened.handle, path);
}

Result<FileInfo> System::info_followed(std::string_view path) const {
  VSTATE_TRY_ASSIGN(const auto opened, open_at_root(path, O_PATH));
  VSTATE_TRY_ASSIGN(auto info, info_of_handle(opened.handle, path));
  info.is_behind_link = opened.is_behind_link;
  return info;
}

Result<std::optional<FileInfo>> System::look(std::string_view path) const {
  return if_there(info(path));
}

Result<std::optional<FileInfo>> System::look_followed(std::string_view path) const {
  return if_there(info_followed(path));
}

Result<bool> System::exists(std::string_view path) const {
  VSTATE_TRY_ASSIGN(const auto found, look_followed(path));
  return found.has_value();
}

Result<bool> System::is_executable(std::string_view path) const {
  VSTATE_TRY_ASSIGN(const auto found, look_followed(path));
  return found && found->is_regular() && (found->mode & 0111U) != 0;
}

Result<FileInfo> OpenDirectory::info() const { return info_of_handle(handle_, path_); }

Result<std::optional<FileInfo>> OpenDirectory::info_of(const char* name) const {
  const ActingAs acting(as_);
  struct stat st {};
  if (fstatat(handle_.get(), name, &st, AT_SYMLINK_NOFOLLOW) == 0)
    return std::optional(to_info(st));
  if (errno == ENOENT) return std::optional<FileInfo>();
  return fail_errno_of_open(path_join(path_, name), "cannot stat");
}

Result<std::optional<OpenDirectory>> OpenDirectory::open(const char* name) const {
  const ActingAs acting(as_);
  Handle handle(openat(handle_.get(), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  auto path = path_join(path_, name);
  if (handle.is_open())
    return std::optional(OpenDirectory(std::move(handle), std::move(path), as_));
  // A link is no directory; it is not this handle's to follow.
  if (is_no_directory(handle_.get(), name)) return std::optional<OpenDirectory>();
  return fail_errno_of_open(path, "cannot open");
}

Result<std::vector<DirEntry>> OpenDirectory::list() const {
  std::vector<DirEntry> entries;
  // From its start, however often it is asked.
  if (lseek(handle_.get(), 0, SEEK_SET) != 0) return fail_errno_of_open(path_, "cannot list");
  const bool is_read = read_entries(handle_.get(), [&](const char* name, FileInfo::Type type) {
    entries.push_back({name, type});
  });
  if (!is_read)
    return is_removed_directory(handle_.get()) ? fail_errno(path_, "cannot list")
                                               : fail_errno_of_open(path_, "cannot list");
  std::sort(entries.begin(), entries.end(),
            [](const DirEntry& one, const DirEntry& other) { return one.name < other.name; });
  return entries;
}

Result<OpenDirectory> System::look_into(std::string_view path) const {
  VSTATE_TRY_ASSIGN(auto opened, open_at_root(path, O_RDONLY | O_DIRECTORY));
  return OpenDirectory(std::move(opened.handle), std::string(path), opened.as);
}

Result<std::vector<DirEntry>> System::list(std::string_view path) const {
  VSTATE_TRY_ASSIGN(const auto directory, look_into(path));
  return directory.list();
}

Result<std::string> System::link_target(std::string_view path) const {
  VSTATE_TRY_ASSIGN(const auto opened, open_at_root(path, O_PATH | O_NOFOLLOW));
  return target_of_link(opened.handle.get(), path);
}

Result<std::string> System::resolve(std::string_view path) const {
  VSTATE_TRY_ASSIGN(auto way, way_of(path));
  return std::move(way.path);
}

Result<System::Way> System::way_of(std::string_view path) const {
  return resolve_below(root_handle_.get(), path);
}

std::optional<Identity> System::reached_as(std::string_view path) const {
  for (const auto& [place, as] : reached_as_)
    if (is_within(path, place)) return as;
  return std::nullopt;
}

bool System::is_reached_as_another(std::string_view path) const {
  return can_act_as_others() && reached_as(path);
}

void System::reach_as(std::string path, Identity as) {
  reached_as_.insert_or_assign(std::move(path), as);
}

Result<System::FreeSpace> System::free_space(std::string_view path) const {
  std::string place(path);
  while (place.size() > 1) {
    VSTATE_TRY_ASSIGN(const bool is_there, exists(place));
    if (is_there) break;
    place = path_parent(place);
  }
  VSTATE_TRY_ASSIGN(const auto opened, open_at_root(place, O_RDONLY | O_DIRECTORY));
  struct statvfs st {};
  if (fstatvfs(opened.handle.get(), &st) != 0)
    return fail_errno(place, "cannot ask for free space");
  FreeSpace space{st.f_bavail * st.f_frsize, std::nullopt};
  if (st.f_files > 0) space.inodes = st.f_favail;
  return space;
}

Result<System::Opened> System::open_directory(std::string_view path) const {
  return open_at_root(path, O_RDONLY | O_DIRECTORY);
}

Result<std::optional<SystemAccount>> System::account(std::string_view name) const {
  if (is_whole_machine()) {
    std::array<char, 16384> buffer{};
    struct passwd entry {};
    struct passwd* found = nullptr;
    const int failure =
        getpwnam_r(std::string(name).c_str(), &entry, buffer.data(), buffer.size(), &found);
    // Name services answer for an unknown name with any of these (getpwnam_r(3)).
    const bool is_unknown = failure == 0 || failure == ENOENT || failure == ESRCH ||
                            failure == EBADF || failure == EPERM;
    if (found == nullptr && !is_unknown) {
      errno = failure;
      return fail_errno(fmt::format("account {}", name), "cannot ask for it");
    }
    if (found == nullptr) return std::optional<SystemAccount>();
    return std::optional(SystemAccount{found->pw_uid, found->pw_gid, found->pw_dir});
  }
  VSTATE_TRY_ASSIGN(const auto text, read_if_there("/etc/passwd"));
  return text ? find_in_passwd(*text, name) : std::nullopt;
}

Status ReadOnlySystem::before_step(std::string_view what, std::string_view path) {
  return fail(Errc::denied, fmt::format("{}: {}: refused, this run only reads", path, what),
              Scope::run);
}

}  // namespace vstate
