#include "maildir/maildirsize.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include <fmt/format.h>

#include "format/maildir_name.h"
#include "maildir/listing.h"
#include "vstate/base/text.h"

namespace vstate {

namespace {

struct Usage {
  std::uint64_t bytes = 0, messages = 0;
};

/// The messages in `new` or `cur` of a folder; a folder without one has none there.
Status add_messages(int folder, const char* place, const std::string& path, Usage& usage) {
  const Handle directory(openat(folder, place, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!directory.is_open() && is_no_directory(folder, place)) return {};
  if (!directory.is_open()) return fail_errno_of_open(path_join(path, place), "cannot open");
  Usage found;
  Status looked;
  const auto again = [&] {
    found = {};
    looked = {};
  };
  VSTATE_TRY(mail::list_names(
      directory.get(), path_join(path, place), again, [&](const char* name, FileInfo::Type) {
        if (*name == '.') return;
        if (parse_message_name(name).flags.find('T') != std::string_view::npos) return;
        auto size = size_in_name(name);
        struct stat st {};
        if (!size && fstatat(directory.get(), name, &st, 0) == 0) {
          if (S_ISREG(st.st_mode)) size = static_cast<std::uint64_t>(st.st_size);
        } else if (!size && errno != ENOENT && errno != ELOOP) {
          looked = fail_errno_of_open(path_join(path_join(path, place), name), "cannot stat");
        }
        if (!size) return;
        found.bytes += *size;
        ++found.messages;
      }));
  VSTATE_TRY(looked);
  usage.bytes += found.bytes;
  usage.messages += found.messages;
  return {};
}

Status add_folder(int folder, const std::string& path, Usage& usage) {
  VSTATE_TRY(add_messages(folder, "new", path, usage));
  return add_messages(folder, "cur", path, usage);
}

Result<Usage> count_maildir(const System& system, int maildir, const std::string& path) {
  Usage usage;
  VSTATE_TRY(add_folder(maildir, path, usage));
  VSTATE_TRY_ASSIGN(const auto listing, mail::Listing::read(maildir, path));
  for (std::size_t i = 0; i < listing.size(); ++i) {
    const auto name = listing.name(i);
    if (!name.starts_with('.') || name == ".Trash") continue;
    auto folder = system.open_directory(path_join(path, name));
    if (folder) {
      VSTATE_TRY(add_folder(folder->handle.get(), path_join(path, name), usage));
      continue;
    }
    // A file, or a link that leads nowhere or to where its owner may not go: not a folder of this
    // Maildir. One that is a directory and cannot be entered would be missing from the sum.
    VSTATE_TRY_ASSIGN(const auto entry, system.look(path_join(path, name)));
    const auto code = folder.error().code;
    const bool is_links_doing =
        entry && entry->is_link() && (code == Errc::invalid || code == Errc::denied);
    if (code != Errc::not_found && !is_links_doing) return tl::unexpected<Error>(folder.error());
  }
  return usage;
}

}  // namespace

Status write_maildirsize(System& system, std::string_view home, const Quota& quota, Owner owner) {
  const auto maildir = path_join(home, "Maildir");
  const auto path = path_join(maildir, "maildirsize");
  VSTATE_TRY_ASSIGN(const auto info, system.info_followed(maildir));
  if (!info.is_directory())
    return fail(Errc::conflict, fmt::format("{}: is no directory", maildir));
  if (quota.is_unlimited()) {
    VSTATE_TRY_ASSIGN(const auto found, system.look(path));
    if (!found) return {};
    const ActingAs acting(owner.uid, owner.gid);
    return system.remove_file(path);
  }
  VSTATE_TRY_ASSIGN(const auto directory, system.open_directory(maildir));
  VSTATE_TRY_ASSIGN(const auto usage, count_maildir(system, directory.handle.get(), maildir));
  const auto text = fmt::format("{}\n{} {}\n", to_vpopmail(quota), usage.bytes, usage.messages);
  const ActingAs acting(owner.uid, owner.gid);
  return system.replace_file(path, text, {owner.uid, owner.gid, 0600}, Durability::now);
}

Result<std::optional<std::string>> maildirsize_quota(const System& system, std::string_view home) {
  VSTATE_TRY_ASSIGN(const auto text,
                    system.read_if_there(path_join(path_join(home, "Maildir"), "maildirsize")));
  if (!text) return std::optional<std::string>();
  const auto lines = split_lines(*text);
  return std::optional(lines.empty() ? std::string() : std::string(lines.front()));
}

}  // namespace vstate
