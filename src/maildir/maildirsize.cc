// The counter is never copied: it would hold what the old server counted, and a wrong one makes
// vpopmail bounce mail. It is written when all messages are in place, by the rules of
// maildirquota.c, so that vpopmail's next own count gives the same numbers.

#include "maildir/maildirsize.h"

#include <fmt/format.h>

#include "format/maildir_name.h"
#include "maildir/listing.h"
#include "sys/process/identity.h"
#include "vstate/base/text.h"

namespace vstate {

namespace {

struct Usage {
  std::uint64_t bytes = 0, messages = 0;
};

/// The size of a message's file, which may be a link as far as maildirquota.c cares; nullopt for
/// one that is gone, or is no file.
Result<std::optional<std::uint64_t>> size_of(const Files& files, const Directory& directory,
                                             const char* name) {
  VSTATE_TRY_ASSIGN(auto info, directory.look(name));
  if (info && info->is_link()) {
    const auto followed = files.info_followed(path_join(directory.path(), name));
    info = followed ? std::optional(*followed) : std::nullopt;
  }
  if (!info || !info->is_regular()) return std::nullopt;
  return std::optional(info->size);
}

/// The messages in `new` or `cur` of a folder; a folder without one has none there.
Status add_messages(const Files& files, const Directory& folder, const char* place, Usage& usage) {
  VSTATE_TRY_ASSIGN(const auto directory, folder.open(place));
  if (directory == nullptr) return {};
  Usage found;
  Status looked;
  // A directory that changed is counted from its beginning.
  const auto again = [&] {
    found = {};
    looked = {};
  };
  VSTATE_TRY(mail::list_names(*directory, again, [&](const char* name, FileInfo::Type) {
    if (*name == '.') return;
    // What is flagged as trashed does not count against the quota.
    if (parse_message_name(name).flags.find('T') != std::string_view::npos) return;
    auto size = size_in_name(name);
    if (!size) {
      // The callback cannot end the listing, so a failure is kept and told behind it.
      const auto found_size = size_of(files, *directory, name);
      if (!found_size) looked = tl::unexpected<Error>(found_size.error());
      if (found_size) size = *found_size;
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

Status add_folder(const Files& files, const Directory& folder, Usage& usage) {
  VSTATE_TRY(add_messages(files, folder, "new", usage));
  return add_messages(files, folder, "cur", usage);
}

Result<Usage> count_maildir(const Files& files, const Directory& maildir) {
  Usage usage;
  VSTATE_TRY(add_folder(files, maildir, usage));
  VSTATE_TRY_ASSIGN(const auto listing, mail::Listing::read(maildir));
  for (std::size_t i = 0; i < listing.size(); ++i) {
    const auto name = listing.name(i);
    if (!name.starts_with('.') || name == ".Trash") continue;
    const auto path = path_join(maildir.path(), name);
    // By path, since a folder may be a link to another disk, which maildirquota.c follows too.
    const auto folder = files.open_directory(path);
    if (folder) {
      VSTATE_TRY(add_folder(files, **folder, usage));
      continue;
    }
    // A file, or a link that leads nowhere or to where its owner may not go: not a folder of this
    // Maildir. One that is a directory and cannot be entered would be missing from the sum.
    VSTATE_TRY_ASSIGN(const auto entry, files.look(path));
    const auto code = folder.error().code;
    const bool is_links_doing =
        entry && entry->is_link() && (code == Errc::invalid || code == Errc::denied);
    if (code != Errc::not_found && !is_links_doing) return propagate(folder);
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
    // The owner of the mailbox can put a link in the file's place at any moment; with their rights
    // it harms only themselves.
    const ActingAs acting(owner.uid, owner.gid);
    return system.remove_file(path);
  }
  VSTATE_TRY_ASSIGN(const auto directory, system.open_directory(maildir));
  VSTATE_TRY_ASSIGN(const auto usage, count_maildir(system, *directory));
  // The first line is the quota in vpopmail's spelling, the second what is used; later deliveries
  // append to it.
  const auto text = fmt::format("{}\n{} {}\n", to_vpopmail(quota), usage.bytes, usage.messages);
  const ActingAs acting(owner.uid, owner.gid);
  return system.replace_file(path, text, {owner.uid, owner.gid, 0600}, Durability::now);
}

}  // namespace vstate
