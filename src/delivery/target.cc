// All paths of a mailbox are opened beneath one handle, in a way that refuses links and ways out.
// Links are followed only where administrators spread mail over disks, and then by the rules of
// sys/resolve.h. So a mailbox's owner can neither read nor write outside by exchanging a directory
// for a link.

#include "delivery/target.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

#include "maildir/memory.h"
#include "sys/handle.h"
#include "sys/identity.h"
#include "sys/io.h"
#include "sys/local_files.h"
#include "sys/path.h"
#include "sys/resolve.h"
#include "vstate/base/digest.h"
#include "vstate/base/text.h"

namespace vstate::mail {

namespace {

/// Entries come folder by folder: few handles serve nearly all of them, and a batch may have
/// hundreds of targets.
constexpr std::size_t k_most_open = 64;

}  // namespace

/// Only the way to the directory itself may lead over links: it is the administrator's, not the
/// mailbox owner's.
Result<std::optional<Target>> Target::open(const System& system, std::string_view path) {
  auto root = open_handle(system, path);
  if (!root) {
    if (root.error().code != Errc::not_found) return propagate(root);
    // A file in the place of the directory reads as "not there" too, but nothing can be made there.
    VSTATE_TRY_ASSIGN(const auto found, system.look(path));
    if (found && !found->is_directory())
      return fail(Errc::conflict, fmt::format("{}: is in the way and not a directory", path));
    return std::nullopt;
  }
  Target target;
  target.system_ = &system;
  target.root_ = std::move(root->handle);
  target.path_ = path;
  return std::optional(std::move(target));
}

bool may_be_link(std::string_view component) {
  return component == "Maildir" || component == "new" || component == "cur" || component == "tmp" ||
         component.starts_with('.') || component.size() == 1;
}

std::string Target::full(std::string_view relative) const {
  return relative.empty() ? path_ : path_join(path_, relative);
}

Result<SharedHandle> Target::directory(std::string_view relative) {
  if (const auto found = open_.find(relative); found != open_.end()) return found->second;
  const std::string name(relative.empty() ? "." : relative);
  auto handle = open_directory_beneath(root_.get(), name);
  const auto parts = split(std::string_view(name), '/');
  // There is a link or a file on the way. Only where each part of the way has a name that may be a
  // link is it walked by hand.
  if (!handle.is_open() && (errno == ELOOP || errno == ENOTDIR) &&
      std::all_of(parts.begin(), parts.end(), may_be_link)) {
    auto opened = open_handle(*system_, full(relative));
    const auto code = opened ? Errc::not_found : opened.error().code;
    // In a circle, or to where the one who made it may not go: no place for mail.
    const bool is_links_doing =
        code == Errc::invalid || (code == Errc::denied && can_act_as_others());
    if (code != Errc::not_found && !is_links_doing) return propagate(opened);
    if (opened) handle = std::move(opened->handle);
    // The reason may be another, but to the caller it is what it was: a link where a directory
    // belongs.
    if (!opened) errno = ELOOP;
  }
  if (!handle.is_open()) {
    if (errno == ELOOP || errno == ENOTDIR || errno == EXDEV)
      return fail(Errc::conflict,
                  fmt::format("{}: a link or a file where a directory belongs", full(relative)));
    return fail_errno(full(relative), "cannot open");
  }
  // Handles that are still in use live on by their own counters.
  if (open_.size() >= k_most_open) open_.clear();
  auto shared = std::make_shared<const Handle>(std::move(handle));
  open_.emplace(relative, shared);
  return shared;
}

Result<std::optional<SharedHandle>> Target::directory_here(std::string_view relative) {
  auto handle = directory(relative);
  if (handle) return std::optional(*std::move(handle));
  const auto code = handle.error().code;
  if (code == Errc::not_found || code == Errc::conflict) return std::nullopt;
  return propagate(handle);
}

Result<std::optional<Listing>> Target::list(std::string_view relative) {
  const auto handle = directory(relative);
  if (!handle) {
    if (handle.error().code == Errc::not_found) return std::nullopt;
    return propagate(handle);
  }
  VSTATE_TRY_ASSIGN(auto listing, Listing::read(LocalDirectory((*handle)->get(), full(relative))));
  return std::optional(std::move(listing));
}

Result<std::optional<struct stat>> Target::status(std::string_view relative) {
  const auto parent = directory(path_parent(relative));
  if (!parent) {
    const auto code = parent.error().code;
    if (code == Errc::not_found || code == Errc::conflict) return std::nullopt;
    return propagate(parent);
  }
  struct stat st {};
  const std::string name(path_name(relative));
  if (fstatat((*parent)->get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0)
    return std::optional(st);
  if (errno == ENOENT) return std::nullopt;
  return fail_errno_of_open(full(relative), "cannot stat");
}

Result<bool> Target::is_directory(std::string_view relative, const struct stat& found) {
  if (S_ISDIR(found.st_mode)) return true;
  if (!S_ISLNK(found.st_mode)) return false;
  const auto opened = directory(relative);
  if (opened) return true;
  const auto code = opened.error().code;
  if (code == Errc::conflict || code == Errc::not_found) return false;
  return propagate(opened);
}

namespace {

/// Opens a regular file. Returns nullopt if there is none: what a link or a fifo would give is not
/// this mailbox's.
Result<std::optional<Handle>> open_regular(int directory, const std::string& name,
                                           std::string_view shown, struct stat& st) {
  Handle file(openat(directory, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  // ELOOP is a link as the last component, which O_NOFOLLOW refuses.
  if (!file.is_open() && (errno == ENOENT || errno == ELOOP)) return std::nullopt;
  if (!file.is_open() || fstat(file.get(), &st) != 0) return fail_errno(shown, "cannot open");
  if (!S_ISREG(st.st_mode)) return std::nullopt;
  return std::optional(std::move(file));
}

}  // namespace

Result<std::optional<std::string>> read_small(const Handle& directory, const std::string& name,
                                              std::string_view shown) {
  constexpr std::int64_t most = std::int64_t{64} << 20;
  struct stat st {};
  VSTATE_TRY_ASSIGN(const auto file, open_regular(directory.get(), name, shown, st));
  if (!file || st.st_size > most) return std::nullopt;
  VSTATE_TRY_ASSIGN(auto bytes, read_all(file->get(), shown));
  return std::optional(std::move(bytes));
}

Result<std::optional<std::uint64_t>> digest_of_file(int directory, const std::string& name,
                                                    std::string_view shown) {
  struct stat st {};
  VSTATE_TRY_ASSIGN(const auto file, open_regular(directory, name, shown, st));
  if (!file) return std::nullopt;
  thread_local std::vector<char> buffer(std::size_t{256} << 10U);
  Sha256 sha;
  while (true) {
    const auto count = ::read(file->get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno_of_open(shown, "cannot read");
    if (count == 0) return std::optional(short_digest_of(sha));
    sha.update({buffer.data(), static_cast<std::size_t>(count)});
  }
}

}  // namespace vstate::mail
