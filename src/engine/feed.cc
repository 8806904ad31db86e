#include "engine/feed.h"

namespace vstate {

std::string_view kind_name(ArchiveKind kind) {
  switch (kind) {
    case ArchiveKind::mailbox:
      return "mailbox";
    case ArchiveKind::list:
      return "list";
    case ArchiveKind::files:
      return "files";
  }
  return "";
}

std::optional<ArchiveKind> kind_of(std::string_view name) {
  for (const auto kind : {ArchiveKind::mailbox, ArchiveKind::list, ArchiveKind::files})
    if (kind_name(kind) == name) return kind;
  return std::nullopt;
}

}  // namespace vstate
