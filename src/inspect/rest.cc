// What no other step reads: plain files, links, directories, and mail that no account owns.

#include <algorithm>

#include <fmt/format.h>

#include "format/maildir_name.h"
#include "inspect/inspector.h"
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

}  // namespace

Status Inspector::read_link(const std::string& path, const std::string& shown, File& file) {
  VSTATE_TRY_ASSIGN(const auto target, files_.link_target(path));
  file.kind = File::Kind::link;
  file.content = templater_->to_template(target);
  // Where it leads is not part of the domain unless a placeholder says so.
  const bool leads_out = target.starts_with('/') && !file.content.starts_with('{');
  const auto place = target.starts_with('/') ? target : path_join(path_parent(path), target);
  const auto resolved = files_.resolve(place);
  if (!resolved && !is_links_doing(resolved.error()))
    return tl::unexpected<Error>(resolved.error());
  VSTATE_TRY_ASSIGN(const auto behind, look_behind(files_, path));
  const bool is_inside = resolved && places_.below(*resolved, *place_).has_value();
  if (!behind.info)
    remark(fmt::format("{} is a link to {}, {}; it is carried as it is", visible(shown),
                       visible(target), behind.why));
  else if (leads_out || (!is_inside && !file.content.starts_with('{')))
    remark(
        fmt::format("{} is a link to {}, outside of the domain; it is carried without what it "
                    "leads to",
                    visible(shown), visible(target)));
  return {};
}

Result<bool> Inspector::read_file(const std::string& path, const DirEntry& entry,
                                  const std::string& relative_path, const std::string& prefix,
                                  ArchiveSource& source) {
  File file;
  if (entry.type == FileInfo::Type::link) {
    VSTATE_TRY(read_link(path, relative(path), file));
  } else if (entry.type == FileInfo::Type::regular) {
    VSTATE_TRY_ASSIGN(const auto info, files_.look(path));
    if (!info) {
      out_.has_changed = true;
      return false;
    }
    if (info->size > k_inline_text) return true;
    VSTATE_TRY_ASSIGN(const auto bytes, read_listed(path, k_inline_text));
    if (!bytes) return !out_.has_changed;
    file.mode = info->mode & 0777U;
    if (looks_like_text(*bytes)) {
      file.content = templater_->to_template(*bytes);
    } else if (bytes->size() <= k_inline_bytes) {
      file.kind = File::Kind::bytes;
      file.content = *bytes;
    } else {
      return true;
    }
  } else {
    out_.accounting.refused.push_back(relative(path) + ": neither a file, a directory, nor a link");
    leave_out("file." + spell_bytes(relative(path)),
              "it is neither a file, a directory, nor a link");
    source.expressed.insert(relative_path);
    return false;
  }
  express(path);
  source.expressed.insert(relative_path);
  // A name that TOML or the template cannot say plainly is said in the template's way.
  state().files.emplace(prefix + templater_->to_template(relative_path), std::move(file));
  return false;
}

Result<bool> Inspector::read_files_below(const std::string& start, const std::string& relative_path,
                                         const std::string& prefix, ArchiveSource& source) {
  const auto path = relative_path.empty() ? start : path_join(start, relative_path);
  auto entries = files_.list(path);
  if (!entries && entries.error().code == Errc::not_found && !relative_path.empty()) {
    out_.has_changed = true;
    return false;
  }
  if (!entries) return tl::unexpected<Error>(entries.error());
  if (prefix.empty()) note_unowned_home(path, *entries);
  if (!relative_path.empty() && is_folder(*entries)) return true;
  return read_entries(start, relative_path, prefix, *entries, source);
}

/// A home whose account is gone, or was never made: its mail is carried all the same.
void Inspector::note_unowned_home(const std::string& path, const std::vector<DirEntry>& entries) {
  if (path == directory() || !has_entry(entries, "Maildir")) return;
  remark(
      fmt::format("{} is a home without an account; what is in it is carried as files of the "
                  "domain",
                  visible(relative(path))));
}

Result<bool> Inspector::is_followed(const std::string& path, const std::string& name) {
  VSTATE_TRY_ASSIGN(const auto behind, look_behind(files_, path));
  if (!behind.is_directory()) return false;
  VSTATE_TRY_ASSIGN(const auto resolved, files_.resolve(path));
  if (const auto why = refusal_of(*bounds_, resolved); !why.empty()) {
    remark(fmt::format("{} is a link to {}, {}; what it leads to is not carried",
                       visible(relative(path)), visible(resolved), why));
    return false;
  }
  if (name.size() == 1) return true;  // a hash directory on another disk
  VSTATE_TRY_ASSIGN(const auto entries, files_.list(path));
  return is_folder(entries) || has_entry(entries, "Maildir");
}

Result<std::optional<bool>> Inspector::pass_over(const std::string& path, const DirEntry& entry,
                                                 const std::string& name, const std::string& prefix,
                                                 ArchiveSource& source) {
  const auto from_domain = relative(path);
  if (source.expressed.contains(name) || is_claimed(path)) {
    source.expressed.insert(name);
    return std::optional(false);
  }
  // A Maildir is mail, whatever lies in it.
  if (name == "Maildir" && prefix.starts_with('{')) return std::optional(true);
  bool is_elsewhere = prefix.empty() && (homes_.contains(from_domain) ||
                                         (name == entry.name && list_entries_.contains(name)));
  // A link to a home, or a home within another's, which an account may name.
  const bool may_be_home =
      prefix.empty() ? entry.type == FileInfo::Type::link : entry.type == FileInfo::Type::directory;
  if (!is_elsewhere && may_be_home) {
    const auto place = places_.find(path);
    is_elsewhere = place && home_places_->contains(*place);
  }
  if (is_elsewhere) {
    if (entry.type == FileInfo::Type::link) express(path);
    source.expressed.insert(name + "/");
    return std::optional(false);
  }
  if (prefix.empty() && name == entry.name) {
    VSTATE_TRY_ASSIGN(const bool is_left_over, leave_beside_mailbox(path, entry));
    if (is_left_over) {
      source.expressed.insert(name);
      return std::optional(false);
    }
  }
  if (is_temporary(entry.name)) {
    VSTATE_TRY(check_temporary(path));
    source.expressed.insert(name);
    return std::optional(false);
  }
  if (const auto fate = classify_maildir_file(entry.name);
      entry.type == FileInfo::Type::regular && fate.fate == FileFate::drop) {
    rebuild(path, std::string(fate.reason));
    source.expressed.insert(name);
    return std::optional(false);
  }
  return std::optional<bool>();
}

/// A directory that is called like a mailbox whose home is elsewhere: what is in it is nobody's
/// here, and would be in that mailbox on a server that has its home there.
Result<bool> Inspector::leave_beside_mailbox(const std::string& path, const DirEntry& entry) {
  const auto name = MailboxName::parse(entry.name);
  if (entry.type != FileInfo::Type::directory || !name || !carried_.contains(*name)) return false;
  VSTATE_TRY_ASSIGN(const auto count, count_tree(files_, source_of(path, "")));
  VSTATE_TRY(failure_of(count));
  if (count.messages == 0 && count.bytes == 0) {
    rebuild(path, "empty directories beside a mailbox of that name");
    return true;
  }
  state().left_out.push_back(
      {"file." + entry.name,
       fmt::format("{} has its home elsewhere, and what is in this directory is nobody's",
                   entry.name),
       count.messages, count.bytes});
  express(path);
  return true;
}

Status Inspector::read_empty_directory(const std::string& path, const std::string& relative_path,
                                       const std::string& prefix) {
  // Hash directories come and go with the homes in them.
  if (prefix.empty() && path_name(relative_path).size() == 1) {
    rebuild(path, "hash directory");
    return {};
  }
  File file;
  file.kind = File::Kind::directory;
  file.mode = 0700;
  VSTATE_TRY_ASSIGN(const auto info, files_.look_followed(path));
  if (info) file.mode = info->mode & 0777U;
  state().files.emplace(prefix + templater_->to_template(relative_path), file);
  express(path);
  return {};
}

Result<bool> Inspector::read_entries(const std::string& start, const std::string& relative_path,
                                     const std::string& prefix,
                                     const std::vector<DirEntry>& entries, ArchiveSource& source) {
  bool needs_archive = false;
  for (const auto& entry : entries) {
    const auto name = relative_path.empty() ? entry.name : relative_path + "/" + entry.name;
    const auto path = path_join(start, name);
    VSTATE_TRY_ASSIGN(const auto passed, pass_over(path, entry, name, prefix, source));
    if (passed) {
      needs_archive = needs_archive || *passed;
      continue;
    }
    bool is_directory = entry.type == FileInfo::Type::directory;
    if (entry.type == FileInfo::Type::link && prefix.empty()) {
      VSTATE_TRY_ASSIGN(is_directory, is_followed(path, entry.name));
      if (is_directory) source.links.followed.insert(name);
    }
    bool rest = false;
    if (is_directory) {
      VSTATE_TRY_ASSIGN(rest, read_files_below(start, name, prefix, source));
      if (!rest) source.expressed.insert(name);
    } else {
      VSTATE_TRY_ASSIGN(rest, read_file(path, entry, name, prefix, source));
    }
    needs_archive = needs_archive || rest;
  }
  if (entries.empty() && !relative_path.empty())
    VSTATE_TRY(read_empty_directory(path_join(start, relative_path), relative_path, prefix));
  return needs_archive;
}

Status Inspector::read_rest() {
  out_.domain_archive = source_of(directory(), "");
  // Of the names that were looked at for what they are: one that came since would be taken for a
  // plain file.
  VSTATE_TRY_ASSIGN(const bool needs_archive,
                    read_entries(directory(), "", "", entries_, *out_.domain_archive));
  if (!needs_archive) out_.domain_archive.reset();
  return {};
}

}  // namespace vstate
