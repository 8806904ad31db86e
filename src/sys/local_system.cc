// All that changes a server goes through here, and each change is announced first (`before_step`):
// a plan runs on a system that refuses, a test on one that stops at the Nth. What is replaced is
// prepared beside its place and renamed into it, since vchkpw, vdelivermail and qmail-lspawn read
// without locks. Every path is opened by the rules of sys/resolve.h, and what follows is done
// relative to that handle.

#include "sys/local_system.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <memory>
#include <set>
#include <vector>

#include <fmt/format.h>

#include "sys/handle.h"
#include "sys/kernel.h"
#include "sys/process/identity.h"

namespace vstate {

namespace {

/// Gives an open file its owner and mode, with the calls that change nothing left out.
// A call that changes nothing would still change the ctime, which other programs take for a sign of
// an edit.
Status own(int descriptor, Ownership ownership, std::string_view path) {
  struct stat st {};
  if (fstat(descriptor, &st) != 0) return fail_errno_of_open(path, "cannot stat");
  if ((st.st_uid != ownership.uid || st.st_gid != ownership.gid) &&
      fchown(descriptor, ownership.uid, ownership.gid) != 0)
    return fail_errno(path, "cannot set the owner");
  // The mode comes after the owner, since chown(2) takes the set-id bits away.
  if ((st.st_mode & 07777U) != ownership.mode && fchmod(descriptor, ownership.mode) != 0)
    return fail_errno(path, "cannot set the mode");
  return {};
}

/// Whether a file goes to the disk by itself. A batch waits for the one syncfs(2) that ends it;
/// where there is none, sync(2) does, and that tells nobody of bytes that could not be written.
bool is_synced_at_once(Durability durability) {
  return durability == Durability::now || !kernel_has(KernelCall::syncfs);
}

Status set_time(int descriptor, std::chrono::sys_seconds time, std::string_view path) {
  // The access time stays as it is; only the time of the bytes has a meaning.
  const std::array<timespec, 2> times{timespec{0, UTIME_OMIT},
                                      timespec{time.time_since_epoch().count(), 0}};
  if (futimens(descriptor, times.data()) != 0) return fail_errno(path, "cannot set the time");
  return {};
}

/// Calls `work(name, path)` for each entry of an open directory until one fails. The names are read
/// first: what `work` does to them cannot disturb the listing.
template <class Work>
Status for_each_child(int directory, std::string_view path, Work work) {
  std::vector<std::string> names;
  if (!read_entries(directory, [&](const char* name, FileInfo::Type) { names.emplace_back(name); }))
    return fail_errno_of_open(path, "cannot list");
  for (const auto& name : names) VSTATE_TRY(work(name.c_str(), path_join(path, name)));
  return {};
}

/// Removes depth first and relative to open directories. A link is removed as a link and never
/// entered.
Status remove_below(int directory, const char* name, std::string_view path) {
  if (unlinkat(directory, name, 0) == 0 || errno == ENOENT) return {};
  // Linux says EISDIR for a directory, POSIX EPERM; anything else is a true failure.
  if (errno != EISDIR && errno != EPERM) return fail_errno(path, "cannot remove");
  Handle below(openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!below.is_open()) return fail_errno(path, "cannot open");
  VSTATE_TRY(for_each_child(below.get(), path, [&](const char* child, std::string_view child_path) {
    return remove_below(below.get(), child, child_path);
  }));
  // Somebody else may have removed it meanwhile, which is what was wanted.
  if (unlinkat(directory, name, AT_REMOVEDIR) != 0 && errno != ENOENT)
    return fail_errno(path, "cannot remove");
  return {};
}

/// What is given away is what was looked at, whatever has its name by then. A directory comes
/// behind what is in it: until all is done, its owner shows that something is left to do.
Status own_below(int directory, const char* name, Ownership owner, std::string_view path) {
  const Handle found(openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat st {};
  if (!found.is_open() || !stat_handle(found.get(), st))
    return errno == ENOENT ? Status() : Status(fail_errno(path, "cannot stat"));
  if (S_ISDIR(st.st_mode)) {
    // An O_PATH handle cannot be listed, so the same directory is opened for reading through it;
    // its name is not asked again.
    const Handle below(openat(found.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!below.is_open()) return fail_errno(path, "cannot open");
    VSTATE_TRY(
        for_each_child(below.get(), path, [&](const char* child, std::string_view child_path) {
          return own_below(below.get(), child, owner, child_path);
        }));
  }
  if (st.st_uid == owner.uid && st.st_gid == owner.gid) return {};
  // The owner of the directory may have linked to a file of root's or of another domain's.
  if (!S_ISDIR(st.st_mode) && st.st_nlink > 1)
    return fail(Errc::conflict,
                fmt::format("{}: belongs to uid {} and has another name; give it away by hand",
                            path, st.st_uid));
  if (fchownat(found.get(), "", owner.uid, owner.gid, AT_EMPTY_PATH) != 0)
    return fail_errno(path, "cannot set the owner");
  return {};
}

}  // namespace

// With another umask the modes that files and directories are made with would be less than what is
// asked for.
LocalSystem::LocalSystem(std::string root) : LocalFiles(std::move(root)) { umask(0); }

Status ReadOnlySystem::before_step(std::string_view what, std::string_view path) {
  return fail(Errc::denied, fmt::format("{}: {}: refused, this run only reads", path, what),
              Scope::run);
}

// Changes are made by name within a directory that is open, so the directory cannot be exchanged
// between the check and the change.
Result<LocalSystem::Parent> LocalSystem::open_parent(std::string_view path) const {
  VSTATE_TRY_ASSIGN(auto directory, open_at_root(path_parent(path), O_PATH | O_DIRECTORY));
  return Parent{std::move(directory.handle), std::string(path_name(path)), directory.as};
}

// What is there is looked at before the step is announced: a run that repeats itself then has no
// step here.
Result<bool> LocalSystem::make_directory(std::string_view path, Ownership ownership) {
  VSTATE_TRY_ASSIGN(const auto parent, open_parent(path));
  const ActingAs acting(parent.as);
  struct stat st {};
  if (fstatat(parent.directory.get(), parent.name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0) {
    if (S_ISDIR(st.st_mode)) return false;
    // A link to a directory is one; what it leads to stays where it is.
    VSTATE_TRY_ASSIGN(const auto behind, look_followed(path));
    if (behind && behind->is_directory()) return false;
    return fail(Errc::conflict, fmt::format("{}: is in the way and not a directory", path));
  }
  if (errno != ENOENT) return fail_errno(path, "cannot stat");
  VSTATE_TRY(before_step("make directory", path));
  const auto make = [&] {
    return mkdirat(parent.directory.get(), parent.name.c_str(), ownership.mode) == 0;
  };
  bool is_made = false;
  if (parent.as) {
    is_made = make();
  } else {
    {
      // Made by its owner, the directory is theirs from its first moment, and a run that stops here
      // leaves nothing that the mail server could not enter.
      const ActingAs owner(ownership.uid, ownership.gid);
      is_made = make();
    }
    // The owner may have no right to write in the parent; then root makes it and gives it away.
    if (!is_made && errno == EACCES) is_made = make();
  }
  // Another program was quicker; the caller learns that it did not make it.
  if (!is_made && errno == EEXIST) return false;
  if (!is_made) return fail_errno(path, "cannot make the directory");
  const Handle made(openat(parent.directory.get(), parent.name.c_str(),
                           O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!made.is_open()) return fail_errno(path, "cannot open");
  VSTATE_TRY(own(made.get(), ownership, path));
  return true;
}

/// A file that is written beside its place, and not yet there.
class LocalSystem::Prepared {
 public:
  Prepared(LocalSystem& system, Parent parent, std::string path)
      : system_(system),
        parent_(std::move(parent)),
        path_(std::move(path)),
        temporary_(path_name(temporary_of(path_))) {}

  /// Owner, mode and time are set before the rename. vpopmail sets them after it, and for a moment
  /// its readers meet a file that they may not open.
  Status write(const NewFile& file, Durability durability) {
    const ActingAs acting(parent_.as);
    // A leftover of a stopped run may belong to anybody: it is removed, never written into.
    if (unlinkat(parent_.directory.get(), temporary_.c_str(), 0) != 0 && errno != ENOENT)
      return fail_errno(path_, "cannot remove a left-over temporary");
    file_ = Handle(openat(parent_.directory.get(), temporary_.c_str(),
                          O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file_.is_open()) return fail_errno(path_, "cannot create the temporary");
    return given_up_unless(fill(file, durability));
  }

  /// The rename is a step of its own, so that tests can stop between the written temporary and the
  /// change that others see.
  Status place() {
    const ActingAs acting(parent_.as);
    auto status = system_.before_step("rename", path_);
    if (status && renameat(parent_.directory.get(), temporary_.c_str(), parent_.directory.get(),
                           parent_.name.c_str()) != 0)
      status = fail_errno(path_, "cannot rename the temporary");
    return given_up_unless(status);
  }

  /// The rename itself is on the disk only once its directory is.
  Status sync_directory() {
    const ActingAs acting(parent_.as);
    const Handle directory(
        openat(parent_.directory.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory.is_open() || fsync(directory.get()) != 0)
      return fail_errno(path_, "cannot write to the disk");
    return {};
  }

  /// Takes the temporary away if something failed. An interrupted run leaves what a killed one
  /// leaves, so that tests see the same.
  Status given_up_unless(Status status) {
    const ActingAs acting(parent_.as);
    if (!status && status.error().code != Errc::interrupted)
      unlinkat(parent_.directory.get(), temporary_.c_str(), 0);
    return status;
  }

  static Status make(LocalSystem& system, const NewFile& file, Durability durability,
                     std::unique_ptr<Prepared>& into) {
    VSTATE_TRY(system.before_step("write", file.path));
    VSTATE_TRY_ASSIGN(auto parent, system.open_parent(file.path));
    auto made = std::make_unique<Prepared>(system, std::move(parent), file.path);
    VSTATE_TRY(made->write(file, durability));
    into = std::move(made);
    return {};
  }

  /// Homes may be on several.
  static Status sync_disks(const std::vector<std::unique_ptr<Prepared>>& files) {
    std::set<dev_t> synced;
    for (const auto& file : files) {
      if (file == nullptr) continue;
      const Handle directory(
          openat(file->parent_.directory.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
      struct stat st {};
      if (!directory.is_open() || fstat(directory.get(), &st) != 0 ||
          (synced.insert(st.st_dev).second && syncfs(directory.get()) != 0))
        return fail_errno(file->path_, "cannot write to the disk");
    }
    return {};
  }

 private:
  Status fill(const NewFile& file, Durability durability) {
    VSTATE_TRY(write_all(file_.get(), file.bytes, path_));
    VSTATE_TRY(own(file_.get(), file.ownership, path_));
    if (file.mtime) VSTATE_TRY(set_time(file_.get(), *file.mtime, path_));
    if (is_synced_at_once(durability) && fsync(file_.get()) != 0)
      return fail_errno(path_, "cannot write to the disk");
    // Some file systems tell only at the close that the bytes did not fit.
    if (!file_.close()) return fail_errno(path_, "cannot close");
    return {};
  }

  LocalSystem& system_;
  Parent parent_;
  std::string path_, temporary_;
  Handle file_;
};

Status LocalSystem::replace_file(std::string_view path, std::string_view bytes, Ownership ownership,
                                 Durability durability,
                                 std::optional<std::chrono::sys_seconds> mtime) {
  VSTATE_TRY(before_step("write", path));
  VSTATE_TRY_ASSIGN(auto parent, open_parent(path));
  Prepared file(*this, std::move(parent), std::string(path));
  VSTATE_TRY(file.write({std::string(path), std::string(bytes), ownership, mtime}, durability));
  VSTATE_TRY(file.place());
  return durability == Durability::now ? file.sync_directory() : Status();
}

Result<std::vector<Status>> LocalSystem::replace_files(const std::vector<NewFile>& files) {
  std::vector<Status> statuses;
  // Handles of directories are few, so this is done in parts.
  constexpr std::size_t most = 256;
  for (std::size_t first = 0; first < files.size(); first += most) {
    const auto last = std::min(files.size(), first + most);
    VSTATE_TRY(replace_some({files.begin() + static_cast<std::ptrdiff_t>(first),
                             files.begin() + static_cast<std::ptrdiff_t>(last)},
                            statuses));
  }
  return statuses;
}

Status LocalSystem::replace_some(const std::vector<NewFile>& files, std::vector<Status>& statuses) {
  // To sync a file system waits for what everybody has written there.
  constexpr std::size_t few = 16;
  const auto durability = files.size() <= few ? Durability::now : Durability::batch;
  std::vector<std::unique_ptr<Prepared>> prepared;
  const auto first = statuses.size();
  Status ended;
  for (const auto& file : files) {
    prepared.push_back(nullptr);
    statuses.push_back(Prepared::make(*this, file, durability, prepared.back()));
    if (statuses.back() || !statuses.back().error().ends_run()) continue;
    ended = statuses.back();
    break;
  }
  if (ended && !is_synced_at_once(durability)) ended = Prepared::sync_disks(prepared);
  for (std::size_t i = 0; i < prepared.size(); ++i) {
    if (prepared[i] == nullptr) continue;
    if (ended)
      statuses[first + i] = prepared[i]->place();
    else
      (void)prepared[i]->given_up_unless(ended);
  }
  return ended;
}

Status LocalSystem::replace_link(std::string_view path, std::string_view target,
                                 Ownership ownership) {
  VSTATE_TRY(before_step("link", path));
  VSTATE_TRY_ASSIGN(const auto parent, open_parent(path));
  const ActingAs acting(parent.as);
  const int directory = parent.directory.get();
  // A link cannot be replaced in place: it is made beside it and renamed, so that there is always
  // one of the two.
  const std::string temporary(path_name(temporary_of(path)));
  if (unlinkat(directory, temporary.c_str(), 0) != 0 && errno != ENOENT)
    return fail_errno(path, "cannot remove a left-over temporary");
  if (symlinkat(std::string(target).c_str(), directory, temporary.c_str()) != 0)
    return fail_errno(path, "cannot make the link");
  if (fchownat(directory, temporary.c_str(), ownership.uid, ownership.gid, AT_SYMLINK_NOFOLLOW) !=
          0 ||
      renameat(directory, temporary.c_str(), directory, parent.name.c_str()) != 0) {
    auto failure = fail_errno(path, "cannot make the link");
    unlinkat(directory, temporary.c_str(), 0);
    return failure;
  }
  return {};
}

// Between a place behind somebody's link and one that is not, the less trusted identity does the
// rename.
Status LocalSystem::rename(std::string_view from, std::string_view to) {
  VSTATE_TRY(before_step("rename", to));
  VSTATE_TRY_ASSIGN(const auto source, open_parent(from));
  VSTATE_TRY_ASSIGN(const auto target, open_parent(to));
  const ActingAs acting(target.as ? target.as : source.as);
  if (renameat(source.directory.get(), source.name.c_str(), target.directory.get(),
               target.name.c_str()) != 0)
    return fail_errno(to, "cannot rename");
  return {};
}

Status LocalSystem::remove_with(std::string_view what, std::string_view path, Remover remove) {
  VSTATE_TRY(before_step(what, path));
  // Without its directory, the thing is not there either, and there is nothing to remove.
  const auto parent = open_parent(path);
  if (!parent && parent.error().code == Errc::not_found) return {};
  if (!parent) return propagate(parent);
  const ActingAs acting(parent->as);
  return remove(parent->directory.get(), parent->name.c_str(), path);
}

Status LocalSystem::remove_file(std::string_view path) {
  return remove_with("remove", path, [](int directory, const char* name, std::string_view shown) {
    if (unlinkat(directory, name, 0) == 0 || errno == ENOENT) return Status();
    return Status(fail_errno(shown, "cannot remove"));
  });
}

Status LocalSystem::remove_directory(std::string_view path) {
  return remove_with(
      "remove directory", path, [](int directory, const char* name, std::string_view shown) {
        // Both numbers say that something is in it; which of them is told depends on the file
        // system.
        const bool is_done = unlinkat(directory, name, AT_REMOVEDIR) == 0 || errno == ENOENT ||
                             errno == ENOTEMPTY || errno == EEXIST;
        return is_done ? Status() : Status(fail_errno(shown, "cannot remove"));
      });
}

Status LocalSystem::remove_tree(std::string_view path) {
  return remove_with("remove tree", path, remove_below);
}

Status LocalSystem::set_owner(std::string_view path, std::uint32_t uid, std::uint32_t gid) {
  VSTATE_TRY(before_step("set owner", path));
  VSTATE_TRY_ASSIGN(const auto parent, open_parent(path));
  const ActingAs acting(parent.as);
  // The handle is of the directory itself, so a link that takes its place cannot pass its owner's
  // change on to what it points at.
  const Handle found(openat(parent.directory.get(), parent.name.c_str(),
                            O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!found.is_open() || fchownat(found.get(), "", uid, gid, AT_EMPTY_PATH) != 0)
    return fail_errno(path, "cannot set the owner");
  return {};
}

Status LocalSystem::own_tree(std::string_view path, std::uint32_t uid, std::uint32_t gid) {
  VSTATE_TRY(before_step("set owners", path));
  VSTATE_TRY_ASSIGN(const auto parent, open_parent(path));
  const ActingAs acting(parent.as);
  return own_below(parent.directory.get(), parent.name.c_str(), {uid, gid, 0}, path);
}

Status LocalSystem::set_mode(std::string_view path, unsigned mode) {
  VSTATE_TRY(before_step("set mode", path));
  VSTATE_TRY_ASSIGN(const auto opened, open_at_root(path, O_RDONLY | O_NOFOLLOW | O_DIRECTORY));
  const ActingAs acting(opened.as);
  if (fchmod(opened.handle.get(), mode) != 0) return fail_errno(path, "cannot set the mode");
  return {};
}

namespace {

/// Tries until `take` succeeds or the time is over.
template <class Take>
// Neither kind of lock can be waited for with a time limit, so it is tried again and again.
// vpopmail's programs try for 18 seconds, and here it is a little longer.
Status wait_for_lock(std::string_view path, int seconds, Take take) {
  constexpr int tries_a_second = 20;
  for (int tries = 0; !take(); ++tries) {
    // These are the numbers on which vpopmail tries again as well (file_lock.c:get_write_lock), and
    // an interruption.
    if (errno != EAGAIN && errno != EACCES && errno != ENOLCK && errno != EINTR)
      return fail_errno(path, "cannot lock");
    if (tries >= seconds * tries_a_second)
      return fail(
          Errc::busy,
          fmt::format("{}: locked by another program for {} s; run it again later", path, seconds),
          Scope::run);
    const timespec pause{0, 1000000000L / tries_a_second};
    nanosleep(&pause, nullptr);
  }
  return {};
}

}  // namespace

Result<FileLock> LocalSystem::lock_like_ezmlm(std::string_view path, int seconds) {
  VSTATE_TRY(before_step("lock", path));
  VSTATE_TRY_ASSIGN(const auto parent, open_parent(path));
  const ActingAs acting(parent.as);
  // A fifo is waited for by nobody.
  constexpr int flags = O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  Handle file(openat(parent.directory.get(), parent.name.c_str(), flags));
  if (!file.is_open()) return fail_errno(path, "cannot open the lock");
  VSTATE_TRY(
      wait_for_lock(path, seconds, [&] { return flock(file.get(), LOCK_EX | LOCK_NB) == 0; }));
  return FileLock(std::move(file));
}

Result<FileLock> LocalSystem::lock(std::string_view path, Ownership ownership, int seconds) {
  VSTATE_TRY(before_step("lock", path));
  VSTATE_TRY_ASSIGN(const auto parent, open_parent(path));
  const ActingAs acting(parent.as);
  // A fifo is waited for by nobody.
  constexpr int flags = O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
  // The lock file mostly exists. It is opened as it is, and its owner is left alone: it may be a
  // person's, or one that vpopmail made.
  Handle file(openat(parent.directory.get(), parent.name.c_str(), flags));
  if (!file.is_open() && errno == ENOENT) {
    const auto make = [&](int more) {
      return Handle(openat(parent.directory.get(), parent.name.c_str(), flags | O_CREAT | more,
                           ownership.mode));
    };
    {
      // It is its owner's from the beginning: one that a stopped run left would lock them out.
      const ActingAs owner(ownership.uid, ownership.gid);
      // Without O_EXCL, one that another program makes at this moment serves as well.
      file = make(0);
    }
    if (!file.is_open() && errno == EACCES) {
      // Only what root itself has made is given away.
      file = make(O_EXCL);
      if (file.is_open()) VSTATE_TRY(own(file.get(), ownership, path));
    }
  }
  if (!file.is_open()) return fail_errno(path, "cannot open the lock");
  // A start and a length of 0 are the whole file, as vpopmail locks it. A lock of another kind or
  // on a part would not be seen by it.
  struct flock request {};
  request.l_type = F_WRLCK;
  request.l_whence = SEEK_SET;
  VSTATE_TRY(
      wait_for_lock(path, seconds, [&] { return fcntl(file.get(), F_SETLK, &request) == 0; }));
  return FileLock(std::move(file));
}

Status LocalSystem::sync(std::string_view path) {
  VSTATE_TRY(before_step("sync", path));
  // Any file of the file system will do for syncfs(2); O_NONBLOCK is there for a path that turns
  // out to be a fifo.
  VSTATE_TRY_ASSIGN(const auto opened, open_at_root(path, O_RDONLY | O_NONBLOCK));
  const bool is_one_call = kernel_has(KernelCall::syncfs);
  // All of the machine goes to the disk then, and the files of the batch have gone there already.
  if (!is_one_call) ::sync();
  if ((is_one_call ? syncfs(opened.handle.get()) : fsync(opened.handle.get())) != 0)
    return fail_errno(path, "cannot write to the disk");
  return {};
}

}  // namespace vstate
