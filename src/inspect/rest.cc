#include <fmt/format.h>

#include "inspector_impl.h"
#include "vstate/base/text.h"
#include "vstate/format/maildir_name.h"

namespace vstate {

namespace {

/// What System::temporary_of makes.
bool is_temporary(std::string_view name) {
  constexpr auto suffix = System::k_temporary_suffix;
  return name.rfind(".vstate-", 0) == 0 && name.size() > suffix.size() &&
         name.substr(name.size() - suffix.size()) == suffix;
}

}  // namespace

Result<bool> Inspector::read_file(const std::string& path, const DirEntry& entry,
                                  const std::string& relative_path, const std::string& prefix,
                                  ArchiveSource& source) {
  File file;
  if (entry.type == FileInfo::Type::link) {
    auto target = system_.link_target(path);
    if (!target) return tl::unexpected<Error>(target.error());
    file.kind = File::Kind::link;
    file.content = templater_->to_template(*target);
  } else if (entry.type == FileInfo::Type::regular) {
    const auto info = system_.info(path);
    if (!info || info->size > k_inline_text) return true;
    const auto bytes = system_.read(path, k_inline_text);
    if (!bytes && bytes.error().code == Errc::not_found) return false;
    if (!bytes) return tl::unexpected<Error>(bytes.error());
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
  VSTATE_TRY_ASSIGN(const auto entries,
                    system_.list(relative_path.empty() ? start : path_join(start, relative_path)));
  return read_entries(start, relative_path, prefix, entries, source);
}

Result<bool> Inspector::read_entries(const std::string& start, const std::string& relative_path,
                                     const std::string& prefix,
                                     const std::vector<DirEntry>& entries, ArchiveSource& source) {
  bool needs_archive = false;
  for (const auto& entry : entries) {
    const auto name = relative_path.empty() ? entry.name : relative_path + "/" + entry.name;
    const auto path = path_join(start, name);
    const auto from_domain = relative(path);
    if (source.expressed.contains(name) || is_claimed(path)) {
      source.expressed.insert(name);
      continue;
    }
    const bool is_elsewhere =
        prefix.empty() && (homes_.contains(from_domain) || list_directories_.contains(from_domain));
    if (is_elsewhere) {
      source.expressed.insert(name + "/");
      continue;
    }
    // A Maildir is mail, whatever lies in it.
    if (relative_path.empty() && entry.name == "Maildir" && prefix.front() == '{') {
      needs_archive = true;
      continue;
    }
    if (is_temporary(entry.name)) {
      check_temporary(path);
      source.expressed.insert(name);
      continue;
    }
    if (const auto fate = classify_maildir_file(entry.name);
        entry.type == FileInfo::Type::regular && fate.fate == FileFate::drop) {
      rebuild(path, std::string(fate.reason));
      source.expressed.insert(name);
      continue;
    }
    if (entry.type == FileInfo::Type::directory) {
      VSTATE_TRY_ASSIGN(const bool rest, read_files_below(start, name, prefix, source));
      if (!rest) source.expressed.insert(name);
      needs_archive = needs_archive || rest;
      continue;
    }
    VSTATE_TRY_ASSIGN(const bool rest, read_file(path, entry, name, prefix, source));
    needs_archive = needs_archive || rest;
  }
  // Hash directories come and go with the homes in them.
  const bool is_hash_directory = prefix.empty() && split(relative_path, '/').back().size() == 1;
  if (entries.empty() && is_hash_directory && !relative_path.empty()) {
    rebuild(path_join(start, relative_path), "hash directory");
  } else if (entries.empty() && !relative_path.empty()) {
    File directory;
    directory.kind = File::Kind::directory;
    directory.mode = 0700;
    if (const auto info = system_.info(path_join(start, relative_path)))
      directory.mode = info->mode & 0777U;
    state().files.emplace(prefix + templater_->to_template(relative_path), directory);
    express(path_join(start, relative_path));
  }
  return needs_archive;
}

Status Inspector::read_rest() {
  out_.domain_archive = ArchiveSource{directory(), {}};
  VSTATE_TRY_ASSIGN(const bool needs_archive,
                    read_files_below(directory(), "", "", *out_.domain_archive));
  if (!needs_archive) out_.domain_archive.reset();
  return {};
}

}  // namespace vstate
