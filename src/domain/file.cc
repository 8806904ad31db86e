// This reads and writes what no other step does: plain files, links, directories, and mail that no
// account owns. Its reading comes last, since only then is it known what nobody else has claimed.

#include <algorithm>

#include <fmt/format.h>

#include "domain/file.h"
#include "domain/inspection.h"
#include "domain/site.h"
#include "format/legible.h"
#include "format/maildir_name.h"
#include "sys/path.h"
#include "vstate/base/text.h"

namespace vstate {

namespace {

bool has_entry(const std::vector<DirEntry>& entries, std::string_view name) {
  return std::any_of(entries.begin(), entries.end(), [&](const DirEntry& entry) {
    return entry.name == name &&
           (entry.type == FileInfo::Type::directory || entry.type == FileInfo::Type::link);
  });
}

/// A folder of messages, whoever it belongs to: what is in it is mail, with its dates.
bool is_folder(const std::vector<DirEntry>& entries) {
  return has_entry(entries, "new") && has_entry(entries, "cur");
}

Status read_link(Inspection& in, const std::string& path, const std::string& shown, File& file) {
  VSTATE_TRY_ASSIGN(const auto target, in.files.link_target(path));
  file.kind = File::Kind::link;
  file.content = in.templater->to_template(target);
  // Where it leads is not part of the domain unless a placeholder says so.
  const bool leads_out = target.starts_with('/') && !file.content.starts_with('{');
  const auto place = target.starts_with('/') ? target : path_join(path_parent(path), target);
  const auto resolved = resolve(in.files, place);
  if (!resolved && !is_links_doing(resolved.error())) return propagate(resolved);
  VSTATE_TRY_ASSIGN(const auto behind, look_behind(in.files, path));
  const bool is_inside = resolved && in.places.below(*resolved, *in.place).has_value();
  if (!behind.info)
    in.remark(fmt::format("{} is a link to {}, {}; it is carried as it is", visible(shown),
                          visible(target), behind.why));
  else if (leads_out || (!is_inside && !file.content.starts_with('{')))
    in.remark(
        fmt::format("{} is a link to {}, outside of the domain; it is carried without what it "
                    "leads to",
                    visible(shown), visible(target)));
  return {};
}

Result<bool> read_file(Inspection& in, const std::string& path, const DirEntry& entry,
                       const std::string& relative_path, const std::string& prefix,
                       ArchiveSource& source) {
  File file;
  if (entry.type == FileInfo::Type::link) {
    VSTATE_TRY(read_link(in, path, in.relative(path), file));
  } else if (entry.type == FileInfo::Type::regular) {
    VSTATE_TRY_ASSIGN(const auto info, in.files.look(path));
    if (!info) {
      in.out.has_changed = true;
      return false;
    }
    // True leaves it to the archive.
    if (info->size > k_inline_text) return true;
    VSTATE_TRY_ASSIGN(const auto bytes, in.read_listed(path, k_inline_text));
    if (!bytes) return !in.out.has_changed;
    file.mode = info->mode & 0777U;
    // Text is read by people and may hold paths of this server; other bytes are carried as they
    // are.
    if (looks_like_text(*bytes)) {
      file.content = in.templater->to_template(*bytes);
    } else if (bytes->size() <= k_inline_bytes) {
      file.kind = File::Kind::bytes;
      file.content = *bytes;
    } else {
      return true;
    }
  } else {
    in.out.accounting.refused.push_back(in.relative(path) +
                                        ": neither a file, a directory, nor a link");
    in.leave_out("file." + spell_bytes(in.relative(path)),
                 "it is neither a file, a directory, nor a link");
    source.expressed.insert(relative_path);
    return false;
  }
  in.express(path);
  source.expressed.insert(relative_path);
  // A name that TOML or the template cannot say plainly is said in the template's way.
  in.state().files.emplace(prefix + in.templater->to_template(relative_path), std::move(file));
  return false;
}

/// A home whose account is gone, or was never made: its mail is carried all the same.
void note_unowned_home(Inspection& in, const std::string& path,
                       const std::vector<DirEntry>& entries) {
  if (path == in.directory() || !has_entry(entries, "Maildir")) return;
  in.remark(
      fmt::format("{} is a home without an account; what is in it is carried as files of the "
                  "domain",
                  visible(in.relative(path))));
}

Result<bool> read_files_below(Inspection& in, const std::string& start,
                              const std::string& relative_path, const std::string& prefix,
                              ArchiveSource& source) {
  const auto path = relative_path.empty() ? start : path_join(start, relative_path);
  auto entries = in.files.list(path);
  // A directory below that is gone since it was listed is a change of the server; the first one
  // must be there.
  if (!entries && entries.error().code == Errc::not_found && !relative_path.empty()) {
    in.out.has_changed = true;
    return false;
  }
  if (!entries) return propagate(entries);
  if (prefix.empty()) note_unowned_home(in, path, *entries);
  // Mail goes into the archive, with its dates and without being opened here.
  if (!relative_path.empty() && is_folder(*entries)) return true;
  return read_entries(in, start, relative_path, prefix, *entries, source);
}

Result<bool> is_followed(Inspection& in, const std::string& path, const std::string& name) {
  VSTATE_TRY_ASSIGN(const auto behind, look_behind(in.files, path));
  if (!behind.is_directory()) return false;
  VSTATE_TRY_ASSIGN(const auto resolved, resolve(in.files, path));
  if (const auto why = refusal_of(*in.bounds, resolved); !why.empty()) {
    in.remark(fmt::format("{} is a link to {}, {}; what it leads to is not carried",
                          visible(in.relative(path)), visible(resolved), why));
    return false;
  }
  if (name.size() == 1) return true;  // a hash directory on another disk
  VSTATE_TRY_ASSIGN(const auto entries, in.files.list(path));
  // Other links are carried as links: behind them is whatever a person has put elsewhere on
  // purpose.
  return is_folder(entries) || has_entry(entries, "Maildir");
}

/// A directory that is called like a mailbox whose home is elsewhere: what is in it is nobody's
/// here, and would be in that mailbox on a server that has its home there.
Result<bool> leave_beside_mailbox(Inspection& in, const std::string& path, const DirEntry& entry) {
  const auto name = MailboxName::parse(entry.name);
  if (entry.type != FileInfo::Type::directory || !name || !in.carried.contains(*name)) return false;
  VSTATE_TRY_ASSIGN(const auto count, count_tree(in.files, in.source_of(path, "")));
  VSTATE_TRY(failure_of(count));
  if (count.messages == 0 && count.bytes == 0) {
    in.rebuild(path, "empty directories beside a mailbox of that name");
    return true;
  }
  in.state().left_out.push_back(
      {"file." + entry.name,
       fmt::format("{} has its home elsewhere, and what is in this directory is nobody's",
                   entry.name),
       count.messages, count.bytes});
  in.express(path);
  return true;
}

/// It is a home or a list, or leads to one, which has a walk of its own.
bool is_elsewhere(Inspection& in, const std::string& path, const DirEntry& entry,
                  const std::string& name, const std::string& prefix) {
  if (prefix.empty() && (in.homes.contains(in.relative(path)) ||
                         (name == entry.name && in.list_entries.contains(name))))
    return true;
  // A link to a home, or a home within another's, which an account may name.
  const bool may_be_home =
      prefix.empty() ? entry.type == FileInfo::Type::link : entry.type == FileInfo::Type::directory;
  if (!may_be_home) return false;
  const auto place = in.places.find(path);
  return place && in.home_places->contains(*place);
}

Result<std::optional<bool>> pass_over(Inspection& in, const std::string& path,
                                      const DirEntry& entry, const std::string& name,
                                      const std::string& prefix, ArchiveSource& source) {
  if (source.expressed.contains(name) || in.is_claimed(path)) {
    source.expressed.insert(name);
    return std::optional(false);
  }
  // A Maildir is mail, whatever lies in it.
  if (name == "Maildir" && prefix.starts_with('{')) return std::optional(true);
  if (is_elsewhere(in, path, entry, name, prefix)) {
    if (entry.type == FileInfo::Type::link) in.express(path);
    source.expressed.insert(name + "/");
    return std::optional(false);
  }
  if (prefix.empty() && name == entry.name) {
    VSTATE_TRY_ASSIGN(const bool is_left_over, leave_beside_mailbox(in, path, entry));
    if (is_left_over) {
      source.expressed.insert(name);
      return std::optional(false);
    }
  }
  if (is_temporary(entry.name)) {
    VSTATE_TRY(in.check_temporary(path));
    source.expressed.insert(name);
    return std::optional(false);
  }
  if (const auto fate = classify_maildir_file(entry.name);
      entry.type == FileInfo::Type::regular && fate.fate == FileFate::drop) {
    in.rebuild(path, std::string(fate.reason));
    source.expressed.insert(name);
    return std::optional(false);
  }
  return std::nullopt;
}

Status read_empty_directory(Inspection& in, const std::string& path,
                            const std::string& relative_path, const std::string& prefix) {
  // Hash directories come and go with the homes in them.
  if (prefix.empty() && path_name(relative_path).size() == 1) {
    in.rebuild(path, "hash directory");
    return {};
  }
  File file;
  file.kind = File::Kind::directory;
  file.mode = 0700;
  VSTATE_TRY_ASSIGN(const auto info, in.files.look_followed(path));
  if (info) file.mode = info->mode & 0777U;
  in.state().files.emplace(prefix + in.templater->to_template(relative_path), file);
  in.express(path);
  return {};
}

/// Whether an archive has to hold something of it.
Result<bool> read_entry(Inspection& in, const std::string& start, const std::string& relative_path,
                        const std::string& prefix, const DirEntry& entry, ArchiveSource& source) {
  const auto name = relative_path.empty() ? entry.name : relative_path + "/" + entry.name;
  const auto path = path_join(start, name);
  VSTATE_TRY_ASSIGN(const auto passed, pass_over(in, path, entry, name, prefix, source));
  if (passed) return *passed;
  bool is_directory = entry.type == FileInfo::Type::directory;
  if (entry.type == FileInfo::Type::link && prefix.empty()) {
    VSTATE_TRY_ASSIGN(is_directory, is_followed(in, path, entry.name));
    if (is_directory) source.links.followed.insert(name);
  }
  if (!is_directory) return read_file(in, path, entry, name, prefix, source);
  VSTATE_TRY_ASSIGN(const bool rest, read_files_below(in, start, name, prefix, source));
  if (!rest) source.expressed.insert(name);
  return rest;
}

/// What is above it in the domain's directory, or in the home that it is in, is not the file's.
Result<std::string> top_of(const Site& site, const std::string& name) {
  const auto in_home = split_home(name);
  return in_home ? site.expanded(mailbox_placeholder(in_home->mailbox)) : site.directory;
}

/// What a file leaves goes with it: inspection takes an empty directory for one of the domain's
/// own.
Status remove_what_was(Site& site, const Change<File>& change, const std::string& path) {
  // What a stopped run has made of a home was no home then, and is one by now.
  if (!change.after && change.before->kind == File::Kind::directory && site.is_of_home(path))
    return {};
  VSTATE_TRY(change.before->kind == File::Kind::directory ? site.system.remove_directory(path)
                                                          : site.system.remove_file(path));
  if (change.after) return {};
  VSTATE_TRY_ASSIGN(const auto top, top_of(site, change.name));
  return site.remove_empty_directories(std::string(path_parent(path)), top);
}

/// No rename puts a directory in a file's place, or the other way round.
bool changes_into_directory_or_back(const Change<File>& change) {
  return change.before && change.after &&
         (change.before->kind == File::Kind::directory) !=
             (change.after->kind == File::Kind::directory);
}

}  // namespace

Result<bool> read_entries(Inspection& in, const std::string& start,
                          const std::string& relative_path, const std::string& prefix,
                          const std::vector<DirEntry>& entries, ArchiveSource& source) {
  bool needs_archive = false;
  for (const auto& entry : entries) {
    VSTATE_TRY_ASSIGN(const bool rest, read_entry(in, start, relative_path, prefix, entry, source));
    needs_archive = needs_archive || rest;
  }
  // A directory that holds something is made with what it holds, so only empty ones have to be
  // said.
  if (entries.empty() && !relative_path.empty())
    VSTATE_TRY(read_empty_directory(in, path_join(start, relative_path), relative_path, prefix));
  return needs_archive;
}

Status read_rest(Inspection& in) {
  in.out.domain_archive = in.source_of(in.directory(), "");
  // Of the names that were looked at for what they are: one that came since would be taken for a
  // plain file.
  VSTATE_TRY_ASSIGN(const bool needs_archive,
                    read_entries(in, in.directory(), "", "", in.entries, *in.out.domain_archive));
  if (!needs_archive) in.out.domain_archive.reset();
  return {};
}

Status write_file(Site& site, const Change<File>& change) {
  VSTATE_TRY_ASSIGN(const auto path, site.path_of(change.name));
  if (change.before && change.before->kind == File::Kind::text)
    if (!change.after || change.after->kind == File::Kind::text)
      VSTATE_TRY(site.check_undisturbed(
          path, change.before->content,
          change.after ? std::optional(change.after->content) : std::nullopt));
  if (!change.after) return remove_what_was(site, change, path);
  if (changes_into_directory_or_back(change)) VSTATE_TRY(remove_what_was(site, change, path));
  VSTATE_TRY(site.make_directories(std::string(path_parent(path))));
  const auto& file = *change.after;
  switch (file.kind) {
    case File::Kind::directory: {
      VSTATE_TRY_ASSIGN(const bool is_made,
                        site.system.make_directory(path, site.owned(file.mode)));
      return is_made ? Status() : site.system.set_mode(path, file.mode);
    }
    case File::Kind::link: {
      VSTATE_TRY_ASSIGN(const auto target, site.expanded(file.content));
      return site.system.replace_link(path, target, site.owned(0777));
    }
    case File::Kind::text: {
      VSTATE_TRY_ASSIGN(const auto text, site.expanded(file.content));
      return site.write(path, text, file.mode);
    }
    case File::Kind::bytes:
      return site.write(path, file.content, file.mode);
  }
  return {};
}

}  // namespace vstate
