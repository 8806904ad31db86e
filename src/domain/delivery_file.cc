// Delivery lines are read alike wherever they stand: as a template, with the file claimed for the
// State. A link to such a file is read through, since what mail gets is what the link leads to.

#include "domain/delivery_file.h"

#include <fmt/format.h>

#include "domain/inspection.h"
#include "sys/path.h"
#include "vstate/base/text.h"

namespace vstate {

Result<std::optional<DeliveryLines>> read_lines(Inspection& in, const std::string& path) {
  constexpr std::size_t longest = std::size_t{1} << 22;
  VSTATE_TRY_ASSIGN(const auto bytes, in.read_listed(path, longest));
  if (!bytes && !in.out.has_changed)
    in.leave_out("file." + spell_bytes(in.relative(path)),
                 "it is larger than 4 MiB, which no delivery file is; it is not carried");
  // Claimed all the same, or it would be carried once more as a plain file.
  if (!bytes) {
    in.rebuild(path, "it cannot be read as a delivery file");
    return std::nullopt;
  }
  DeliveryLines lines;
  for (const auto line : split_lines(*bytes)) lines.push_back(in.templater->to_template(line));
  in.express(path);
  return std::optional(std::move(lines));
}

Result<std::optional<FileInfo>> delivery_file(Inspection& in, const DirEntry& entry,
                                              const std::string& path) {
  if (entry.type != FileInfo::Type::regular && entry.type != FileInfo::Type::link)
    return std::nullopt;
  VSTATE_TRY_ASSIGN(auto behind, look_behind(in.files, path));
  if (entry.type == FileInfo::Type::regular) {
    if (behind.info) return behind.info;
    // If another comes in its place, that is for the next look.
    in.out.has_changed = true;
    in.rebuild(path, "gone while it was read");
    return std::nullopt;
  }
  // Where a link leads is its owner's doing; what it leads to is what mail gets.
  if (behind.is_directory()) return std::nullopt;
  if (behind.info && behind.info->is_regular()) {
    // The limit of 0 makes this a mere question whether it can be read: what is not empty is then
    // "unsupported".
    const auto bytes = in.files.read(path, 0);
    if (bytes || bytes.error().code == Errc::unsupported) return behind.info;
    if (bytes.error().code != Errc::denied) return propagate(bytes);
    // A link to what its owner may not read is a way of asking root for it.
    behind.why = "which cannot be read";
  }
  VSTATE_TRY_ASSIGN(const auto target, in.files.link_target(path));
  in.leave_out("file." + spell_bytes(in.relative(path)),
               fmt::format("it is a link to {}, {}", visible(target), behind.why));
  in.express(path);
  return std::nullopt;
}

}  // namespace vstate
