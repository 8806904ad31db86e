#include "delivery/target.h"

#include "maildir/memory.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

#include "vstate/base/text.h"

namespace vstate::mail {

namespace {

constexpr std::string_view k_temporary_prefix = "vstate.";
constexpr std::size_t k_most_open = 64;
constexpr int k_most_levels = 200;

int open_beneath(int root, const std::string& path, int flags) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags) | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  while (true) {
    const auto descriptor = syscall(SYS_openat2, root, path.c_str(), &how, sizeof how);
    if (descriptor >= 0 || (errno != EINTR && errno != EAGAIN)) return static_cast<int>(descriptor);
  }
}

}  // namespace

Result<std::optional<Target>> Target::open(const System& system, std::string_view path) {
  auto root = system.open_handle(path);
  if (!root) {
    if (root.error().code != Errc::not_found) return tl::unexpected<Error>(root.error());
    VSTATE_TRY_ASSIGN(const auto found, system.look(path));
    if (found && !found->is_directory())
      return fail(Errc::conflict, fmt::format("{}: is in the way and not a directory", path));
    return std::optional<Target>();
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
  Handle handle(open_beneath(root_.get(), name, O_PATH | O_DIRECTORY));
  const auto parts = split(std::string_view(name), '/');
  if (!handle.is_open() && (errno == ELOOP || errno == ENOTDIR) &&
      std::all_of(parts.begin(), parts.end(), may_be_link)) {
    auto opened = system_->open_handle(full(relative));
    const auto code = opened ? Errc::not_found : opened.error().code;
    // In a circle, or to where the one who made it may not go: no place for mail.
    const bool is_links_doing =
        code == Errc::invalid || (code == Errc::denied && can_act_as_others());
    if (code != Errc::not_found && !is_links_doing) return tl::unexpected<Error>(opened.error());
    if (opened) handle = std::move(opened->handle);
    if (!opened) errno = ELOOP;
  }
  if (!handle.is_open()) {
    if (errno == ELOOP || errno == ENOTDIR || errno == EXDEV)
      return fail(Errc::conflict,
                  fmt::format("{}: a link or a file where a directory belongs", full(relative)));
    return fail_errno(full(relative), "cannot open");
  }
  if (open_.size() >= k_most_open) open_.clear();
  auto shared = std::make_shared<const Handle>(std::move(handle));
  open_.emplace(relative, shared);
  return shared;
}

Result<std::optional<SharedHandle>> Target::directory_here(std::string_view relative) {
  auto handle = directory(relative);
  if (handle) return std::optional(*std::move(handle));
  const auto code = handle.error().code;
  if (code == Errc::not_found || code == Errc::conflict) return std::optional<SharedHandle>();
  return tl::unexpected<Error>(handle.error());
}

Result<std::optional<Listing>> Target::list(std::string_view relative) {
  const auto handle = directory(relative);
  if (!handle) {
    if (handle.error().code == Errc::not_found) return std::optional<Listing>();
    return tl::unexpected<Error>(handle.error());
  }
  VSTATE_TRY_ASSIGN(auto listing, Listing::read(LocalDirectory((*handle)->get(), full(relative))));
  return std::optional(std::move(listing));
}

Result<std::optional<struct stat>> Target::status(std::string_view relative) {
  const auto parent = directory(path_parent(relative));
  if (!parent) {
    const auto code = parent.error().code;
    if (code == Errc::not_found || code == Errc::conflict) return std::optional<struct stat>();
    return tl::unexpected<Error>(parent.error());
  }
  struct stat st {};
  const std::string name(path_name(relative));
  if (fstatat((*parent)->get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0)
    return std::optional(st);
  if (errno == ENOENT) return std::optional<struct stat>();
  return fail_errno_of_open(full(relative), "cannot stat");
}

Result<bool> Target::is_directory(std::string_view relative, const struct stat& found) {
  if (S_ISDIR(found.st_mode)) return true;
  if (!S_ISLNK(found.st_mode)) return false;
  const auto opened = directory(relative);
  if (opened) return true;
  const auto code = opened.error().code;
  if (code == Errc::conflict || code == Errc::not_found) return false;
  return tl::unexpected<Error>(opened.error());
}

Result<bool> waits_for_rename(int directory, const std::string& name) {
  const std::string temporary(path_name(temporary_of(name)));
  struct stat built {
  }, here{};
  if (fstatat(directory, temporary.c_str(), &built, AT_SYMLINK_NOFOLLOW) != 0 ||
      fstatat(directory, name.c_str(), &here, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return false;
    return fail_errno_of_open(name, "cannot stat");
  }
  const auto order = [](const struct stat& st) {
    return std::pair(st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
  };
  return S_ISREG(built.st_mode) && order(here) < order(built);
}

std::string temporary_name(const NameHash& hash) {
  return std::string(k_temporary_prefix) + to_hex(hash);
}

namespace {

std::optional<NameHash> hash_of_temporary(std::string_view name) {
  if (!name.starts_with(k_temporary_prefix)) return std::nullopt;
  return parse_name_hash(name.substr(k_temporary_prefix.size()));
}

}  // namespace

namespace {

Result<std::optional<std::string>> read_small(int directory, const std::string& name,
                                              std::string_view shown) {
  constexpr std::size_t most = std::size_t{64} << 20;
  const Handle file(
      openat(directory, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file.is_open() && (errno == ENOENT || errno == ELOOP)) return std::optional<std::string>();
  struct stat st {};
  if (!file.is_open() || fstat(file.get(), &st) != 0) return fail_errno(shown, "cannot open");
  if (!S_ISREG(st.st_mode) || static_cast<std::uint64_t>(st.st_size) > most)
    return std::optional<std::string>();
  std::string bytes(static_cast<std::size_t>(st.st_size) + 1, '\0');
  std::size_t done = 0;
  while (done < bytes.size()) {
    const auto count = ::read(file.get(), bytes.data() + done, bytes.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno_of_open(shown, "cannot read");
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  bytes.resize(done);
  return std::optional(std::move(bytes));
}

}  // namespace

Result<std::optional<std::string>> read_small(const Handle& directory, const std::string& name,
                                              std::string_view shown) {
  return read_small(directory.get(), name, shown);
}

Result<std::optional<std::uint64_t>> digest_of_file(int directory, const std::string& name,
                                                    std::string_view shown) {
  VSTATE_TRY_ASSIGN(const auto bytes, read_small(directory, name, shown));
  return bytes ? std::optional(short_digest(*bytes)) : std::nullopt;
}

Status write_temporary(int directory, const std::string& name, unsigned mode, Owner owner,
                       std::string_view shown, const std::function<Status(int)>& write) {
  const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  const auto as_owner = [&](const auto& work) {
    const ActingAs acting(owner.uid, owner.gid);
    return work();
  };
  const auto create = [&] { return Handle(openat(directory, name.c_str(), flags, mode)); };
  const auto remove = [&] { return unlinkat(directory, name.c_str(), 0); };
  auto file = as_owner(create);
  if (!file.is_open() && errno == EEXIST) {
    if (as_owner(remove) != 0) return fail_errno(shown, "cannot remove a left-over temporary");
    file = as_owner(create);
  }
  if (!file.is_open()) return fail_errno(shown, "cannot create the temporary");
  auto status = write(file.get());
  if (status && !file.close()) status = fail_errno(shown, "cannot close");
  if (!status) as_owner(remove);
  return status;
}

bool rename_where_free(int from, const char* name, int to, const char* new_name) {
  if (renameat2(from, name, to, new_name, RENAME_NOREPLACE) == 0) return true;
  if (errno != EINVAL && errno != ENOSYS) return false;
  // The file system cannot rename like that (NFS): link and unlink, as delivery agents did.
  if (linkat(from, name, to, new_name, 0) != 0) return false;
  unlinkat(from, name, 0);
  return true;
}

bool TargetIndex::is_unfinished(const NameHash& hash) const { return unfinished_.contains(hash); }

void TargetIndex::take_over(const std::string& directory, const std::string& name) {
  left_over_.erase({directory, name});
}

Status TargetIndex::build(Target& target, FolderNumbers& folders,
                          const std::set<std::string, std::less<>>* others) {
  folders_ = &folders;
  others_ = others;
  VSTATE_TRY(enter(target, target.root(), "", 0));
  std::sort(records_.begin(), records_.end());
  records_.erase(std::unique(records_.begin(), records_.end()), records_.end());
  return {};
}

Status TargetIndex::enter(Target& target, int directory, const std::string& relative, int depth) {
  const auto where = target.full(relative);
  if (depth > k_most_levels)
    return fail(Errc::unsupported, fmt::format("{}: too many levels of directories", where));
  const auto place = path_name(relative);
  const bool has_messages = place == "new" || place == "cur";
  const bool is_tmp = place == "tmp";
  const auto number = has_messages ? folders_->of(path_parent(relative)) : 0;
  const auto before = records_.size();
  std::vector<std::pair<std::string, bool>> below;  // and whether it is a link
  const auto again = [&] {
    below.clear();
    records_.resize(before);
  };
  VSTATE_TRY(list_names(LocalDirectory(directory, where), again,
                        [&](const char* name, FileInfo::Type type) {
                          if (type == FileInfo::Type::directory) below.emplace_back(name, false);
                          if (type == FileInfo::Type::link && may_be_link(name))
                            below.emplace_back(name, true);
                          if (is_tmp) {
                            if (const auto hash = hash_of_temporary(name)) {
                              unfinished_.insert(*hash);
                              left_over_.emplace(relative, name);
                            }
                          }
                          if (!has_messages || type != FileInfo::Type::regular || *name == '.')
                            return;
                          const std::string_view text = name;
                          records_.push_back({hash_name(text.substr(0, text.find(':'))), number});
                        }));
  // `new` before `cur`: what a reader moves meanwhile is seen once at least.
  std::sort(below.begin(), below.end(), std::greater<>());
  for (const auto& [name, is_link] : below) {
    const auto path = relative_join(relative, name);
    if (others_ != nullptr && others_->contains(path)) continue;
    if (is_link) {
      const auto behind = target.directory(path);
      const auto code = behind ? Errc::not_found : behind.error().code;
      if (!behind && code != Errc::conflict && code != Errc::not_found && code != Errc::denied &&
          code != Errc::invalid)
        return tl::unexpected<Error>(behind.error());
      if (behind) VSTATE_TRY(enter(target, (*behind)->get(), path, depth + 1));
      continue;
    }
    const Handle handle(
        openat(directory, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!handle.is_open() && is_no_directory(directory, name.c_str())) continue;
    if (!handle.is_open()) return fail_errno_of_open(target.full(path), "cannot open");
    VSTATE_TRY(enter(target, handle.get(), path, depth + 1));
  }
  return {};
}

std::span<const TargetIndex::Record> TargetIndex::find(const NameHash& hash) const {
  const auto first = std::lower_bound(records_.begin(), records_.end(), Record{hash, 0});
  auto last = first;
  while (last != records_.end() && last->hash == hash) ++last;
  return {first, last};
}

Result<std::optional<Located>> locate(Target& target, std::string_view path) {
  VSTATE_TRY_ASSIGN(const auto found, target.status(path));
  if (!found || !S_ISREG(found->st_mode)) return std::optional<Located>();
  VSTATE_TRY_ASSIGN(auto directory, target.directory(path_parent(path)));
  return std::optional(Located{std::string(path), std::move(directory),
                               std::string(path_name(path)),
                               static_cast<std::uint64_t>(found->st_size)});
}

Result<std::optional<Located>> Locator::find(std::uint32_t folder, std::string_view unique,
                                             std::string_view likely) {
  const auto& path = folders_.path(folder);
  if (const auto message = as_message(likely); message && message->folder == path) {
    const auto info = message->name.substr(message->unique.size());
    VSTATE_TRY_ASSIGN(auto found, locate(target_, relative_join(message->directory,
                                                                std::string(unique).append(info))));
    if (found) return found;
  }
  if (!search_ || searched_ != folder) {
    auto directory = target_.directory(path);
    if (!directory) return std::optional<Located>();
    search_.emplace(std::make_shared<LocalDirectory>((*directory)->get(), target_.full(path)));
    searched_directory_ = *std::move(directory);
    searched_ = folder;
  }
  VSTATE_TRY_ASSIGN(const auto found, search_->find(unique));
  if (!found) return std::optional<Located>();
  return locate(target_, relative_join(relative_join(path, found->place), found->name));
}

}  // namespace vstate::mail
