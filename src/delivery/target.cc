// All paths of a mailbox are opened beneath one handle, in a way that refuses links and ways out.
// Links are followed only where administrators spread mail over disks, and then by the rules of
// sys/resolve.h. So a mailbox's owner can neither read nor write outside by exchanging a directory
// for a link.

#include "delivery/target.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include <fmt/format.h>

#include "maildir/memory.h"
#include "sys/handle.h"
#include "sys/local_files.h"
#include "sys/path.h"
#include "sys/process/identity.h"
#include "sys/resolve.h"
#include "vstate/base/digest.h"
#include "vstate/base/text.h"

namespace vstate::mail {

namespace {

/// Entries come folder by folder: few handles serve nearly all of them, and a batch may have
/// hundreds of targets.
constexpr std::size_t k_most_open = 64;

Result<SharedDirectory> open_root(const Files& files, std::string_view path) {
  if (files.local() == nullptr) return files.open_directory(path);
  VSTATE_TRY_ASSIGN(auto opened, open_handle(files, path));
  return std::make_shared<const LocalDirectory>(std::move(opened.handle), std::string(path));
}

}  // namespace

/// Only the way to the directory itself may lead over links: it is the administrator's, not the
/// mailbox owner's. What is beneath it is used with vstate's own rights.
Result<std::optional<Target>> Target::open(const Files& files, std::string_view path) {
  auto root = open_root(files, path);
  if (!root) {
    if (root.error().code != Errc::not_found) return propagate(root);
    // A file in the place of the directory reads as "not there" too, but nothing can be made there.
    VSTATE_TRY_ASSIGN(const auto found, files.look(path));
    if (found && !found->is_directory())
      return fail(Errc::conflict, fmt::format("{}: is in the way and not a directory", path));
    return std::nullopt;
  }
  Target target;
  target.files_ = &files;
  target.root_ = *std::move(root);
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

SharedDirectory Target::open_beneath(const std::string& relative) const {
  if (root_->descriptor() >= 0) {
    auto handle = open_directory_beneath(root_->descriptor(), relative);
    if (!handle.is_open()) return nullptr;
    return std::make_shared<const LocalDirectory>(std::move(handle), full(relative));
  }
  auto here = root_;
  for (const auto& name : components_of(relative)) {
    const auto found = here->look(name);
    auto below = here->open(name);
    errno = !found || !below ? EIO : *found ? ELOOP : ENOENT;
    if (!below || *below == nullptr) return nullptr;
    here = *std::move(below);
  }
  return here;
}

Result<SharedDirectory> Target::directory(std::string_view relative) {
  if (const auto found = open_.find(relative); found != open_.end()) return found->second;
  const std::string name(relative.empty() ? "." : relative);
  auto opened = open_beneath(name);
  const auto parts = split(std::string_view(name), '/');
  // There is a link or a file on the way. Only where each part of the way has a name that may be a
  // link is it walked by hand.
  if (opened == nullptr && (errno == ELOOP || errno == ENOTDIR) &&
      std::all_of(parts.begin(), parts.end(), may_be_link)) {
    auto walked = open_root(*files_, full(relative));
    const auto code = walked ? Errc::not_found : walked.error().code;
    // In a circle, or to where the one who made it may not go: no place for mail.
    const bool is_links_doing =
        code == Errc::invalid || (code == Errc::denied && can_act_as_others());
    if (code != Errc::not_found && !is_links_doing) return propagate(walked);
    if (walked) opened = *std::move(walked);
    // The reason may be another, but to the caller it is what it was: a link where a directory
    // belongs.
    if (opened == nullptr) errno = ELOOP;
  }
  if (opened == nullptr) {
    if (errno == ELOOP || errno == ENOTDIR || errno == EXDEV)
      return fail(Errc::conflict,
                  fmt::format("{}: a link or a file where a directory belongs", full(relative)));
    return fail_errno(full(relative), "cannot open");
  }
  // What is still in use lives on by its own counter.
  if (open_.size() >= k_most_open) open_.clear();
  open_.emplace(relative, opened);
  return opened;
}

Result<std::optional<SharedDirectory>> Target::directory_here(std::string_view relative) {
  auto opened = directory(relative);
  if (opened) return std::optional(*std::move(opened));
  const auto code = opened.error().code;
  if (code == Errc::not_found || code == Errc::conflict) return std::nullopt;
  return propagate(opened);
}

Result<std::optional<Listing>> Target::list(std::string_view relative) {
  const auto opened = directory(relative);
  if (!opened) {
    if (opened.error().code == Errc::not_found) return std::nullopt;
    return propagate(opened);
  }
  VSTATE_TRY_ASSIGN(auto listing, Listing::read(**opened));
  return std::optional(std::move(listing));
}

Result<std::optional<FileInfo>> Target::status(std::string_view relative) {
  const auto parent = directory(path_parent(relative));
  if (parent) return (*parent)->look(std::string(path_name(relative)));
  const auto code = parent.error().code;
  if (code == Errc::not_found || code == Errc::conflict) return std::nullopt;
  return propagate(parent);
}

Result<bool> Target::is_directory(std::string_view relative, const FileInfo& found) {
  if (found.is_directory()) return true;
  if (!found.is_link()) return false;
  const auto opened = directory(relative);
  if (opened) return true;
  const auto code = opened.error().code;
  if (code == Errc::conflict || code == Errc::not_found) return false;
  return propagate(opened);
}

Result<std::unique_ptr<OpenFile>> open_regular(const Directory& directory, const std::string& name,
                                               std::string_view shown) {
  if (directory.descriptor() < 0) {
    VSTATE_TRY_ASSIGN(auto file, directory.open_file(name));
    if (file == nullptr) return nullptr;
    VSTATE_TRY_ASSIGN(const auto info, file->info());
    return info.is_regular() ? std::move(file) : std::unique_ptr<OpenFile>();
  }
  Handle file(
      openat(directory.descriptor(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  // ELOOP is a link as the last component, which O_NOFOLLOW refuses.
  if (!file.is_open() && (errno == ENOENT || errno == ELOOP)) return nullptr;
  if (!file.is_open()) return fail_errno(shown, "cannot open");
  // It stays where it is, and so is read with vstate's own rights.
  VSTATE_TRY_ASSIGN(auto opened, to_open_file(std::move(file), std::string(shown)));
  VSTATE_TRY_ASSIGN(const auto info, opened->info());
  return info.is_regular() ? std::move(opened) : std::unique_ptr<OpenFile>();
}

Result<std::optional<std::string>> read_small(const Directory& directory, const std::string& name,
                                              std::string_view shown) {
  constexpr std::uint64_t most = std::uint64_t{64} << 20;
  VSTATE_TRY_ASSIGN(const auto file, open_regular(directory, name, shown));
  if (file == nullptr) return std::nullopt;
  VSTATE_TRY_ASSIGN(const auto info, file->info());
  if (info.size > most) return std::nullopt;
  VSTATE_TRY_ASSIGN(auto bytes, read_all(*file));
  return std::optional(std::move(bytes));
}

Result<std::optional<std::uint64_t>> digest_of_file(const Directory& directory,
                                                    const std::string& name,
                                                    std::string_view shown) {
  VSTATE_TRY_ASSIGN(const auto file, open_regular(directory, name, shown));
  if (file == nullptr) return std::nullopt;
  thread_local std::vector<char> buffer(std::size_t{256} << 10U);
  Sha256 sha;
  while (true) {
    VSTATE_TRY_ASSIGN(const auto count, file->read(buffer));
    if (count == 0) return std::optional(short_digest_of(sha));
    sha.update({buffer.data(), count});
  }
}

}  // namespace vstate::mail
