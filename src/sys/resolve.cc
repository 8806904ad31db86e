// Two ways to one handle. openat2(2) goes down a path in one call and refuses any link, which is
// nearly always enough. Where it meets a link, the path is walked by hand: each link is read, and
// from the first one that root did not make, each step is done with the rights of its owner. So
// nobody reaches by a link of theirs what they could not reach themselves, also if they exchange it
// while the walk is under way. Before Linux 5.6 there is no openat2, and all is walked by hand: a
// walk never gives the kernel more than one name at a time, and never lets it follow one.

#include "sys/resolve.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include <fmt/format.h>

#include "sys/handle.h"
#include "sys/kernel.h"
#include "sys/path.h"
#include "sys/process/identity.h"

namespace vstate {

namespace {

Identity owner_of(const struct stat& st) { return {st.st_uid, st.st_gid}; }

/// Opens a path that holds no link at once, within what `resolve` allows besides. ELOOP says that a
/// link is in it, also one that appears this instant.
Handle open_without_links(int root, const std::string& path, int flags, std::uint64_t resolve) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags) | O_CLOEXEC;
  how.resolve = resolve | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  while (true) {
    const auto descriptor = syscall(SYS_openat2, root, path.c_str(), &how, sizeof how);
    // EAGAIN: a component was renamed meanwhile, so that the kernel could not prove the bounds.
    if (descriptor >= 0 || (errno != EINTR && errno != EAGAIN))
      return Handle(static_cast<int>(descriptor));
  }
}

/// Opens one name, relative to a directory. A signal that comes meanwhile is no failure of it.
Handle open_at(int directory, const std::string& name, int flags) {
  while (true) {
    const int descriptor = openat(directory, name.c_str(), flags | O_CLOEXEC);
    if (descriptor >= 0 || errno != EINTR) return Handle(descriptor);
  }
}

/// A walk from the root, component by component.
class Walk {
 public:
  Walk(int root, std::string_view path, std::optional<Identity> as)
      : root_(root), path_(path), left_(path), as_(as) {}

  Result<LocalFiles::Opened> open(int flags);
  Result<Files::Way> resolve();

 private:
  struct Step {
    Handle directory;
    std::string name;
  };
  /// Handles of all directories on the way stay open, so that ".." goes back to where the walk came
  /// from, wherever that directory has been moved to meanwhile.
  [[nodiscard]] int here() const { return steps_.empty() ? root_ : steps_.back().directory.get(); }
  /// Whether anything stands at `name`; what it is, open with O_PATH.
  Result<Handle> look_at(const std::string& name, bool is_to_be_entered) const;
  Result<std::optional<Handle>> open_last(const std::string& name, int flags, const struct stat&);
  Result<LocalFiles::Opened> reached(Handle) const;
  Status count_link();
  Status follow(const Handle& link, const struct stat&);
  Status enter(Handle directory, std::string name);
  /// Above the root there is only the root.
  void go_up() {
    if (!steps_.empty()) steps_.pop_back();
  }

  int root_;
  std::string_view path_;
  Components left_;
  std::vector<Step> steps_;
  std::optional<Identity> as_;
  int links_ = 0;
};

Result<Handle> Walk::look_at(const std::string& name, bool is_to_be_entered) const {
  const ActingAs acting(as_);
  constexpr int flags = O_PATH | O_NOFOLLOW;
  Handle found;
  // With O_DIRECTORY an automounter mounts what belongs there, as for a path that the kernel walks.
  // Without it the empty place that waits for the mount would be entered.
  if (is_to_be_entered) found = open_at(here(), name, flags | O_DIRECTORY);
  // ENOTDIR and ELOOP: it is a link, or no directory.
  if (!found.is_open() && (!is_to_be_entered || errno == ENOTDIR || errno == ELOOP))
    found = open_at(here(), name, flags);
  if (found.is_open()) return found;
  // What is entered is a directory, and in one only ENOENT says that there is no such name.
  return errno == ENOENT ? fail_errno(path_, "cannot open")
                         : fail_errno_of_open(path_, "cannot open");
}

// Links are counted over the whole walk, as the kernel counts them.
Status Walk::count_link() {
  if (++links_ <= k_most_links) return {};
  return fail(Errc::invalid, fmt::format("{}: its links lead in a circle", path_));
}

Status Walk::follow(const Handle& link, const struct stat& st) {
  VSTATE_TRY(count_link());
  VSTATE_TRY_ASSIGN(const auto target, target_of_link(link.get(), path_));
  // From the first link on that root has not made, all is done as who made it.
  if (st.st_uid != 0 && !as_) as_ = owner_of(st);
  left_.push(target);
  // An absolute target begins at the root of the server, not at this machine's.
  if (target.starts_with('/')) steps_.clear();
  return {};
}

Status Walk::enter(Handle directory, std::string name) {
  steps_.push_back({std::move(directory), std::move(name)});
  return {};
}

/// The last component is opened anew, by name and without following, because an O_PATH handle
/// cannot be read from. Nullopt: a link was put in its place this instant, and it is to be looked
/// at anew.
Result<std::optional<Handle>> Walk::open_last(const std::string& name, int flags,
                                              const struct stat& seen) {
  const ActingAs acting(as_);
  auto opened = open_at(here(), name, flags | O_NOFOLLOW);
  if (opened.is_open()) return std::optional(std::move(opened));
  // The look a moment ago saw a directory: a disk that now denies it is failing, and that is no
  // absence.
  if (errno == ENOTDIR && S_ISDIR(seen.st_mode)) return fail_errno_of_open(path_, "cannot open");
  if (errno != ELOOP) return fail_errno(path_, "cannot open");
  VSTATE_TRY(count_link());
  return std::nullopt;
}

Result<LocalFiles::Opened> Walk::reached(Handle handle) const {
  return LocalFiles::Opened{std::move(handle), as_, links_ > 0};
}

Result<LocalFiles::Opened> Walk::open(int flags) {
  while (!left_.is_empty()) {
    auto name = left_.pop();
    if (name == "..") {
      go_up();
      continue;
    }
    const bool is_last = left_.is_empty();
    const bool wants_directory = !is_last || (flags & O_DIRECTORY) != 0;
    VSTATE_TRY_ASSIGN(auto found, look_at(name, wants_directory));
    struct stat st {};
    if (!stat_handle(found.get(), st)) return fail_errno_of_open(path_, "cannot stat");
    // A link at the end is followed only if the caller did not forbid it; one on the way always is.
    if (S_ISLNK(st.st_mode) && (!is_last || (flags & O_NOFOLLOW) == 0)) {
      VSTATE_TRY(follow(found, st));
      continue;
    }
    if (wants_directory && !S_ISDIR(st.st_mode)) {
      errno = ENOTDIR;
      return fail_errno(path_, "cannot open");
    }
    // What is looked at with O_PATH is entered by that same handle, so nothing can be put in its
    // place between the two.
    if (!is_last) {
      VSTATE_TRY(enter(std::move(found), std::move(name)));
      continue;
    }
    if ((flags & O_PATH) != 0) return reached(std::move(found));
    VSTATE_TRY_ASSIGN(auto opened, open_last(name, flags, st));
    if (opened) return reached(*std::move(opened));
    left_.push(name);
  }
  // The path ended in "..", in a link to the root, or is the root itself: what is wanted is the
  // place that the walk has reached.
  const ActingAs acting(as_);
  auto opened = open_at(here(), ".", flags);
  if (!opened.is_open()) return fail_errno_of_open(path_, "cannot open");
  return reached(std::move(opened));
}

// Unlike `open`, this goes on to the end of what exists and keeps the rest as it is spelt: the way
// of a home that is yet to be made is asked for too.
Result<Files::Way> Walk::resolve() {
  while (!left_.is_empty()) {
    auto name = left_.pop();
    if (name == "..") {
      go_up();
      continue;
    }
    auto found = look_at(name, !left_.is_empty());
    struct stat st {};
    if (found && !stat_handle(found->get(), st)) return fail_errno_of_open(path_, "cannot stat");
    // From the first name that is not there on, nothing can be resolved; the name goes back to the
    // rest.
    if (!found) {
      if (found.error().code != Errc::not_found) return propagate(found);
      left_.push(name);
      break;
    }
    if (S_ISLNK(st.st_mode)) {
      VSTATE_TRY(follow(*found, st));
      continue;
    }
    VSTATE_TRY(enter(*std::move(found), std::move(name)));
    if (!S_ISDIR(st.st_mode)) break;  // nothing is below it
  }
  std::string out;
  for (const auto& step : steps_) out += "/" + step.name;
  out += left_.rest();
  return Files::Way{out.empty() ? std::string("/") : std::move(out), as_};
}

}  // namespace

Result<std::string> target_of_link(int link, std::string_view path) {
  // An empty name reads the link that the handle itself is.
  std::array<char, 4096> buffer{};
  const auto length = readlinkat(link, "", buffer.data(), buffer.size());
  if (length < 0) return fail_errno_of_open(path, "cannot read link");
  return std::string(buffer.data(), static_cast<std::size_t>(length));
}

Result<LocalFiles::Opened> open_below(int root, std::string_view path, int flags,
                                      std::optional<Identity> as) {
  if (!kernel_has(KernelCall::openat2)) return Walk(root, path, as).open(flags);
  // openat2 gets a relative path: with RESOLVE_IN_ROOT a leading "/" would say the same, and an
  // empty path would be an error.
  const auto start = path.find_first_not_of('/');
  const std::string name(start == std::string_view::npos ? "." : path.substr(start));
  {
    // The identity ends with this block; it keeps errno, which the next line reads.
    const ActingAs acting(as);
    // RESOLVE_IN_ROOT makes ".." and absolute targets end at the root, as they do for a program
    // that is chrooted there.
    auto opened = open_without_links(root, name, flags, RESOLVE_IN_ROOT);
    if (opened.is_open()) return LocalFiles::Opened{std::move(opened), as, false};
  }
  // ENOTDIR is looked into by the walk, since a disk that fails can say it too.
  if (errno != ELOOP && errno != ENOTDIR) return fail_errno(path, "cannot open");
  return Walk(root, path, as).open(flags);
}

Handle open_directory_beneath(int root, const std::string& path) {
  constexpr int flags = O_PATH | O_DIRECTORY;
  if (kernel_has(KernelCall::openat2))
    return open_without_links(root, path, flags, RESOLVE_BENEATH);
  if (path.starts_with('/')) {
    errno = EXDEV;
    return {};
  }
  auto here = open_at(root, ".", flags);
  Components left(path);
  while (here.is_open() && !left.is_empty()) {
    const auto name = left.pop();
    // Where ".." leads may change while the path is walked.
    if (name == "..") {
      errno = EXDEV;
      return {};
    }
    here = open_at(here.get(), name, flags | O_NOFOLLOW);
  }
  return here;
}

Result<Files::Way> resolve_below(int root, std::string_view path) {
  return Walk(root, path, std::nullopt).resolve();
}

}  // namespace vstate
