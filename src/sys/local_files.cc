// The files of this machine, each question by handle and never by a path that the kernel would walk
// from its own root. Where a question may be about a place that its owner can change, it is asked
// with the rights of whoever is to be trusted there (`ActingAs`), and answers about an open handle
// never say "not there".

#include "sys/local_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include <fmt/format.h>

#include "sys/handle.h"
#include "sys/io.h"
#include "sys/path.h"
#include "sys/process/identity.h"
#include "sys/resolve.h"

namespace vstate {

namespace {

// The kernel's record of an entry, which getdents64(2) gives.
static_assert(sizeof(dirent::d_ino) == 8 && sizeof(dirent::d_off) == 8);

FileInfo::Type type_of(mode_t mode) {
  if (S_ISREG(mode)) return FileInfo::Type::regular;
  if (S_ISDIR(mode)) return FileInfo::Type::directory;
  if (S_ISLNK(mode)) return FileInfo::Type::link;
  if (S_ISSOCK(mode)) return FileInfo::Type::socket;
  return S_ISFIFO(mode) ? FileInfo::Type::fifo : FileInfo::Type::other;
}

std::int64_t nanoseconds_of(const timespec& time) {
  constexpr std::int64_t a_second = 1'000'000'000;
  return time.tv_sec * a_second + time.tv_nsec;
}

FileInfo to_info(const struct stat& st) {
  FileInfo info;
  info.type = type_of(st.st_mode);
  info.size = static_cast<std::uint64_t>(st.st_size);
  info.uid = st.st_uid;
  info.gid = st.st_gid;
  info.mode = st.st_mode & 07777U;
  info.mtime = std::chrono::sys_seconds(std::chrono::seconds(st.st_mtim.tv_sec));
  info.modified = nanoseconds_of(st.st_mtim);
  info.changed = nanoseconds_of(st.st_ctim);
  info.device = st.st_dev;
  info.inode = st.st_ino;
  return info;
}

/// What a listing says of an entry; asks the inode where a file system does not tell.
FileInfo::Type entry_type(int directory, const struct dirent& entry) {
  if (entry.d_type != DT_UNKNOWN) return type_of(DTTOIF(static_cast<unsigned>(entry.d_type)));
  struct stat st {};
  const bool is_known = fstatat(directory, entry.d_name, &st, AT_SYMLINK_NOFOLLOW) == 0;
  return is_known ? type_of(st.st_mode) : FileInfo::Type::other;
}

/// For a handle that is open: its file exists, whatever the call says.
Result<FileInfo> info_of_handle(int descriptor, std::string_view path) {
  struct stat st {};
  if (!stat_handle(descriptor, st)) return fail_errno_of_open(path, "cannot stat");
  return to_info(st);
}

/// A file that was checked when it was opened. The information is of that moment, so that size and
/// time belong to the file that is read.
class LocalFile final : public OpenFile {
 public:
  LocalFile(Handle handle, std::string path, const FileInfo& info)
      : handle_(std::move(handle)), path_(std::move(path)), info_(info) {}
  [[nodiscard]] Result<FileInfo> info() const override { return info_; }
  [[nodiscard]] Result<std::size_t> read(std::span<char> into) override {
    while (true) {
      const auto count = ::read(handle_.get(), into.data(), into.size());
      if (count >= 0) return static_cast<std::size_t>(count);
      if (errno != EINTR) return fail_errno_of_open(path_, "cannot read");
    }
  }
  [[nodiscard]] int descriptor() const override { return handle_.get(); }

 private:
  Handle handle_;
  std::string path_;
  FileInfo info_;
};

}  // namespace

bool read_entries(int directory, const std::function<void(const char*, FileInfo::Type)>& found) {
  // A folder of a million messages is listed in few calls with a buffer of this size. It is on the
  // stack and left uninitialised, since the kernel fills it.
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

Result<std::unique_ptr<OpenFile>> to_open_file(Handle file, std::string path) {
  VSTATE_TRY_ASSIGN(const auto info, info_of_handle(file.get(), path));
  return std::make_unique<LocalFile>(std::move(file), std::move(path), info);
}

Result<FileInfo> LocalDirectory::info() const { return info_of_handle(descriptor_, path_); }

// In a directory that is open, ENOENT is the one error that says that there is no such name;
// ENOTDIR cannot come from it unless something is broken.
Result<std::optional<FileInfo>> LocalDirectory::look(const std::string& name) const {
  const ActingAs acting(as_);
  struct stat st {};
  if (fstatat(descriptor_, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0)
    return std::optional(to_info(st));
  if (errno == ENOENT) return std::nullopt;
  return fail_errno_of_open(path_join(path_, name), "cannot stat");
}

Result<std::shared_ptr<const Directory>> LocalDirectory::open(const std::string& name) const {
  const ActingAs acting(as_);
  // O_NOFOLLOW: what stands here may be its owner's, and a link of theirs must not lead vstate out
  // of the directory.
  Handle handle(openat(descriptor_, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  auto path = path_join(path_, name);
  if (handle.is_open())
    return std::make_shared<const LocalDirectory>(std::move(handle), std::move(path), as_);
  // A link is no directory; it is not this handle's to follow.
  if (is_no_directory(descriptor_, name.c_str())) return std::shared_ptr<const Directory>();
  return fail_errno_of_open(path, "cannot open");
}

Result<std::unique_ptr<OpenFile>> LocalDirectory::open_file(const std::string& name) const {
  const ActingAs acting(as_);
  // O_NONBLOCK: a fifo that somebody put in a message's place would hold the open up until a writer
  // comes.
  Handle handle(openat(descriptor_, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  auto path = path_join(path_, name);
  if (!handle.is_open())
    return errno == ENOENT ? Result<std::unique_ptr<OpenFile>>(nullptr)
                           : fail_errno_of_open(path, "cannot read");
  struct stat st {};
  if (fstat(handle.get(), &st) != 0) return fail_errno_of_open(path, "cannot stat");
  // With `as_` the kernel has decided already. Without it, vstate reads as root, and a hard link to
  // somebody else's file must not be carried away in its owner's mail.
  if (!as_ && !is_theirs_to_read(descriptor_, name.c_str(), st)) {
    errno = EACCES;
    return fail_errno(path, "cannot read");
  }
  return std::make_unique<LocalFile>(std::move(handle), std::move(path), to_info(st));
}

Result<std::optional<std::string>> LocalDirectory::link_target(const std::string& name) const {
  const ActingAs acting(as_);
  // The kernel stores no longer targets (PATH_MAX).
  std::array<char, 4096> buffer{};
  const auto length = readlinkat(descriptor_, name.c_str(), buffer.data(), buffer.size());
  if (length >= 0) return std::optional(std::string(buffer.data(), static_cast<size_t>(length)));
  if (errno == ENOENT) return std::nullopt;
  return fail_errno_of_open(path_join(path_, name), "cannot read the link");
}

Status LocalDirectory::read_names(const Found& found) const {
  const ActingAs acting(as_);
  // The position of a descriptor of somebody else's is theirs, and one that was opened as a place
  // (O_PATH) cannot be read.
  Handle fresh;
  int readable = descriptor_;
  if (!owned_.is_open() || lseek(descriptor_, 0, SEEK_SET) != 0) {
    fresh = Handle(openat(descriptor_, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    readable = fresh.get();
  }
  if (readable >= 0 && read_entries(readable, found)) return {};
  // A directory that its owner removed while it was listed is truly gone, and only that may read as
  // an absence.
  return is_removed_directory(descriptor_) ? fail_errno(path_, "cannot list")
                                           : fail_errno_of_open(path_, "cannot list");
}

LocalFiles::LocalFiles(std::string root) : root_(std::move(root)) {
  // The root is resolved once, on this machine; only what is below it is walked by the rules of the
  // server. A root that cannot be opened is told by the first question.
  if (char* resolved = realpath(root_.c_str(), nullptr)) {
    root_ = resolved;
    std::free(resolved);
  }
  root_handle_ = Handle(::open(root_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
}

Result<LocalFiles::Opened> LocalFiles::open_at_root(std::string_view path, int flags) const {
  if (!root_handle_.is_open()) {
    const Handle root(::open(root_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!root.is_open()) return fail_errno_of_open(root_, "cannot open");
    return open_below(root.get(), path, flags, reached_as_.find(path));
  }
  return open_below(root_handle_.get(), path, flags, reached_as_.find(path));
}

Result<std::string> LocalFiles::read(std::string_view path, std::size_t limit) const {
  // O_NONBLOCK keeps a fifo in the file's place from holding up the run; it is then refused as no
  // regular file.
  VSTATE_TRY_ASSIGN(const auto opened, open_at_root(path, O_RDONLY | O_NONBLOCK));
  struct stat st {};
  if (fstat(opened.handle.get(), &st) != 0) return fail_errno_of_open(path, "cannot stat");
  if (!S_ISREG(st.st_mode)) return fail(Errc::invalid, fmt::format("{}: not a regular file", path));
  // A second name is the one way in which the owner of a directory can offer a file that is not
  // theirs. The directory is looked for by the way without links, since the name in the path may be
  // that of a link.
  if (can_act_as_others() && !opened.as && st.st_nlink > 1) {
    VSTATE_TRY_ASSIGN(const auto way, way_of(path));
    VSTATE_TRY_ASSIGN(const auto parent, open_at_root(path_parent(way.path), O_PATH | O_DIRECTORY));
    const std::string name(path_name(way.path));
    if (!is_theirs_to_read(parent.handle.get(), name.c_str(), st)) {
      errno = EACCES;
      return fail_errno(path, "cannot open");
    }
  }
  return read_all(opened.handle.get(), path, limit);
}

Result<FileInfo> LocalFiles::info(std::string_view path) const {
  VSTATE_TRY_ASSIGN(const auto opened, open_at_root(path, O_PATH | O_NOFOLLOW));
  return info_of_handle(opened.handle.get(), path);
}

Result<FileInfo> LocalFiles::info_followed(std::string_view path) const {
  VSTATE_TRY_ASSIGN(const auto opened, open_at_root(path, O_PATH));
  // O_PATH opens what may not be read, too: to look at something takes no right to its content.
  VSTATE_TRY_ASSIGN(auto info, info_of_handle(opened.handle.get(), path));
  info.is_behind_link = opened.is_behind_link;
  return info;
}

Result<std::shared_ptr<const Directory>> LocalFiles::open_directory(std::string_view path) const {
  VSTATE_TRY_ASSIGN(auto opened, open_handle(path));
  return std::make_shared<const LocalDirectory>(std::move(opened.handle), std::string(path),
                                                opened.as);
}

Result<std::string> LocalFiles::link_target(std::string_view path) const {
  VSTATE_TRY_ASSIGN(const auto opened, open_at_root(path, O_PATH | O_NOFOLLOW));
  return target_of_link(opened.handle.get(), path);
}

Result<Files::Way> LocalFiles::way_of(std::string_view path) const {
  return resolve_below(root_handle_.get(), path);
}

bool LocalFiles::is_reached_as_another(std::string_view path) const {
  return can_act_as_others() && reached_as_.find(path);
}

void LocalFiles::reach_as(std::string path, Identity as) { reached_as_.add(std::move(path), as); }

Result<Files::FreeSpace> LocalFiles::free_space(std::string_view path) const {
  // A plan asks for the space of directories that are yet to be made; the nearest one above them is
  // on the disk that they will be on.
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
  // f_bavail and f_favail leave out what the file system keeps for root, since mail is delivered as
  // somebody else. File systems that make inodes as they need them say 0 for their number.
  FreeSpace space{st.f_bavail * st.f_frsize, std::nullopt};
  if (st.f_files > 0) space.inodes = st.f_favail;
  return space;
}

Result<LocalFiles::Opened> LocalFiles::open_handle(std::string_view path) const {
  return open_at_root(path, O_RDONLY | O_DIRECTORY);
}

Result<LocalFiles::Opened> open_handle(const Files& files, std::string_view path) {
  if (const auto* local = files.local()) return local->open_handle(path);
  return fail(Errc::unsupported,
              fmt::format("{}: is on {}, where vstate only reads", path, files.root()), Scope::run);
}

Result<std::optional<SystemAccount>> LocalFiles::account(std::string_view name) const {
  // A copied server's accounts are in its own etc/passwd, and asking this machine's name service
  // about them would give another server's numbers.
  if (is_whole_machine(*this)) {
    // Entries of directory services are larger than lines of passwd; this is room for all that such
    // fields can hold.
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
    if (found == nullptr) return std::nullopt;
    return std::optional(SystemAccount{found->pw_uid, found->pw_gid, found->pw_dir});
  }
  return find_in_passwd(*this, name);
}

}  // namespace vstate
