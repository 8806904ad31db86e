// What the things of a domain share while it is looked at. Each claims the paths that it has
// understood; the accounting is relative to the domain's directory, so that it can be compared
// between servers.

#include "domain/inspection.h"

#include <algorithm>

#include "format/legible.h"
#include "sys/path.h"
#include "vstate/base/text.h"

namespace vstate {

std::string Inspection::in_domain(std::string_view entry) const {
  return path_join(directory(), entry);
}

std::string Inspection::relative(std::string_view path) const {
  if (path.size() > directory().size() && path.substr(0, directory().size()) == directory() &&
      path[directory().size()] == '/')
    return std::string(path.substr(directory().size() + 1));
  return std::string(path);
}

bool Inspection::is_claimed(std::string_view path) const {
  const auto below = relative(path);
  return out.accounting.expressed.contains(below) || out.accounting.rebuilt.contains(below);
}

/// Names a temporary that a stopped apply left.
Status Inspection::check_temporary(const std::string& path) {
  VSTATE_TRY_ASSIGN(const auto found, files.look(path));
  if (!found) return {};
  rebuild(path, "temporary of a stopped apply");
  out.condition.defects.push_back(
      {DefectKind::temporary, relative(path), "left by a stopped apply"});
  return {};
}

Result<std::optional<std::string>> Inspection::read_listed(const std::string& path,
                                                           std::size_t limit) {
  auto bytes = files.read(path, limit);
  if (bytes) return std::optional(*std::move(bytes));
  if (bytes.error().code == Errc::unsupported) return std::nullopt;
  if (bytes.error().code != Errc::not_found) return propagate(bytes);
  // A look that met this is taken again by inspect_domain.
  out.has_changed = true;
  return std::nullopt;
}

Result<std::optional<std::string>> Inspection::read_text(const std::string& path,
                                                         std::size_t limit) {
  VSTATE_TRY_ASSIGN(const auto bytes, read_listed(path, limit));
  if (!bytes || !looks_like_text(*bytes)) return std::nullopt;
  return std::optional(templater->to_template(*bytes));
}

ArchiveSource Inspection::source_of(std::string walked, std::string own) const {
  return {.directory = std::move(walked),
          .expressed = {},
          .links = {.followed = {}, .places = home_places, .own = std::move(own), .bounds = bounds},
          .is_partial = false};
}

}  // namespace vstate
