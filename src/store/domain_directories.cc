// Finds the directory of a domain that users/assign does not name: one that is built and not yet
// published, or one whose line was lost. vpopmail's counter puts domains up to two hash directories
// deep, and their one-character names are told from domains by their length.

#include <cctype>

#include "store/account_store.h"

namespace vstate {

/// Notes what a directory holds, and returns the hash directories in it.
Result<std::vector<std::string>> DomainDirectories::index_directory(const std::string& path) const {
  std::vector<std::string> hash_directories;
  // A hash directory may have been moved to another disk and linked, so links are followed.
  VSTATE_TRY_ASSIGN(const auto info, files_.look_followed(path));
  if (!info || !info->is_directory()) return hash_directories;
  VSTATE_TRY_ASSIGN(const auto entries, files_.list(path));
  for (const auto& entry : entries) {
    auto inner = path_join(path, entry.name);
    if (entry.name.size() == 1 && std::isalnum(static_cast<unsigned char>(entry.name.front())) != 0)
      hash_directories.push_back(std::move(inner));
    else
      places_[entry.name].push_back(std::move(inner));
  }
  return hash_directories;
}

Status DomainDirectories::index() const {
  places_.clear();
  VSTATE_TRY_ASSIGN(const auto first_level, index_directory(domains_dir_));
  for (const auto& hash : first_level) {
    VSTATE_TRY_ASSIGN(const auto second_level, index_directory(hash));
    for (const auto& inner : second_level) VSTATE_TRY(index_directory(inner));
  }
  is_indexed_ = true;
  return {};
}

Result<std::optional<DomainDirectories::Found>> DomainDirectories::find(
    const DomainName& name) const {
  if (!is_indexed_) VSTATE_TRY(index());
  const auto places = places_.find(name.text());
  if (places == places_.end()) return std::nullopt;
  // A name may stand in several places; the domains' directory itself comes first.
  for (const auto& path : places->second) {
    VSTATE_TRY_ASSIGN(const auto info, files_.look_followed(path));
    if (info && info->is_directory()) return std::optional(Found{path, {info->uid, info->gid}});
  }
  return std::nullopt;
}

void DomainDirectories::add(const std::string& path) {
  // Before the first question there is nothing to add to: the listing will find it.
  if (is_indexed_) places_[std::string(path_name(path))].push_back(path);
}

}  // namespace vstate
