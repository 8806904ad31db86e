// How things are written in one domain: with its owner, by rename, only where something differs,
// and not over what a person has changed since the plan was made. No program locks these files, so
// they are looked at just before.

#include "domain/site.h"

#include <algorithm>

#include <fmt/format.h>

#include "domain/home.h"
#include "sys/path.h"
#include "vstate/base/text.h"

namespace vstate {

Durability Site::durability_of(const Condition& condition) {
  const bool is_known = std::any_of(condition.published.begin(), condition.published.end(),
                                    [](const auto& published) {
                                      const auto& place = published.second;
                                      return place.in_assign || place.in_assign_cdb ||
                                             place.in_virtualdomains || place.in_rcpthosts;
                                    });
  return is_known ? Durability::now : Durability::batch;
}

Result<std::string> Site::expanded(std::string_view text) const { return expand(text, paths); }

Result<std::string> Site::path_of(const std::string& file) const {
  VSTATE_TRY_ASSIGN(auto path, expanded(file));
  return path.starts_with('/') ? path : in_domain(path);
}

Status Site::write(const std::string& path, std::string_view bytes, unsigned mode) {
  return replace_unless_same(system, path, bytes, owned(mode), durability);
}

Status Site::make_directories(const std::string& path) {
  // The domain's directory itself is made by create_domain and by nothing else.
  if (path.size() <= directory.size()) return {};
  VSTATE_TRY_ASSIGN(const bool is_there, system.exists(path));
  if (is_there) return {};
  VSTATE_TRY(make_directories(std::string(path_parent(path))));
  VSTATE_TRY(ensure_directory(system, path, owned(0700)));
  return {};
}

bool Site::is_of_home(const std::string& path) const {
  for (const auto& [mailbox, home] : paths.homes)
    for (const auto part : k_home_directories)
      if (path == home + std::string(part)) return true;
  return false;
}

bool Site::keeps_directory(const std::string& path) const {
  return is_of_home(path) ||
         std::any_of(desired.files.begin(), desired.files.end(), [&](const auto& file) {
           const auto place = path_of(file.first);
           // What has no place here has not this one.
           return file.second.kind == File::Kind::directory && place && *place == path;
         });
}

Status Site::remove_empty_directories(std::string path, const std::string& top) {
  for (; path.size() > top.size() && is_within(path, top); path = path_parent(path)) {
    VSTATE_TRY_ASSIGN(const auto found, system.look(path));
    if (!found) continue;
    // Hash directories come and go with the homes in them.
    const bool is_hash = top == directory && path_name(path).size() == 1;
    if (!found->is_directory() || is_hash || keeps_directory(path)) return {};
    VSTATE_TRY_ASSIGN(const auto entries, system.list(path));
    if (!entries.empty()) return {};
    VSTATE_TRY(system.remove_directory(path));
  }
  return {};
}

Status Site::check_undisturbed(const std::string& path, const std::optional<std::string>& before,
                               const std::optional<std::string>& after) {
  // A last newline is no difference to any program that reads such a file.
  const auto ended = [](std::string text) {
    if (!text.empty() && text.back() != '\n') text.push_back('\n');
    return text;
  };
  const auto bytes_of = [&](const std::optional<std::string>& text) -> Result<std::string> {
    VSTATE_TRY_ASSIGN(auto literal, expanded(text.value_or("")));
    return ended(std::move(literal));
  };
  VSTATE_TRY_ASSIGN(const auto bytes, system.read_if_there(path));
  const auto now = bytes ? std::optional(ended(*bytes)) : std::nullopt;
  VSTATE_TRY_ASSIGN(const auto wanted, bytes_of(after));
  // A stopped run has written it already, or a person has done the same.
  if (now.value_or("") == wanted) return {};
  // Nothing is in the file's place, or an empty one, which says nothing.
  if (!before && now.value_or("").empty()) return {};
  // What the plan saw it saw as a template; the same text again is the same template.
  if (before && now) {
    VSTATE_TRY_ASSIGN(const auto seen, bytes_of(before));
    if (*now == seen || Templater(paths).to_template(*now) == ended(*before)) return {};
  }
  return fail(Errc::conflict,
              fmt::format("{}: was changed by somebody else meanwhile; run it again", path));
}

Status Site::check_lines_undisturbed(const std::string& path,
                                     const std::optional<DeliveryLines>& before,
                                     const std::optional<DeliveryLines>& after) {
  const auto text_of = [](const std::optional<DeliveryLines>& lines) {
    return lines ? std::optional(join_lines(*lines)) : std::nullopt;
  };
  return check_undisturbed(path, text_of(before), text_of(after));
}

Result<std::string> Site::literal_lines(const DeliveryLines& lines) const {
  std::string text;
  for (const auto& line : lines) {
    VSTATE_TRY_ASSIGN(const auto literal, expanded(line));
    text += literal + "\n";
  }
  return text;
}

Status Site::write_lines(const std::string& path, const DeliveryLines& lines, unsigned mode) {
  VSTATE_TRY_ASSIGN(const auto text, literal_lines(lines));
  return write(path, text, mode);
}

}  // namespace vstate
