// A reference to archives of mail: a whole one and the increments after it. Only the text is
// checked here. The archives themselves are looked at by the engine, since a file may be checked
// far from them.

#include <algorithm>

#include <fmt/format.h>

#include "document/read/read_parts.h"
#include "vstate/base/text.h"

namespace vstate::document {

namespace {

ArchivePart read_part(Table& table, Places& places) {
  places[table.title()] = table.place("archive");
  ArchivePart part;
  if (table.require("archive")) part.archive = table.bytes("archive").value_or("");
  part.messages = static_cast<std::uint64_t>(table.number("messages").value_or(0));
  part.bytes = static_cast<std::uint64_t>(table.number("bytes").value_or(0));
  if (table.require("sha256")) part.sha256 = table.string("sha256").value_or("");
  const auto& path = part.archive;
  const auto names = split(path, '/');
  // The file may come from another server: no path of it leads out of the directory that the
  // command line named.
  if (table.has("archive") && (path.empty() || path.front() == '/' ||
                               std::find(names.begin(), names.end(), "..") != names.end()))
    table.error("archive", "must be a path below the archives' directory");
  if (path.find('\0') != std::string::npos) table.error("archive", "holds a NUL");
  const bool is_digest = part.sha256.size() == 64 &&
                         part.sha256.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (table.has("sha256") && !is_digest)
    table.error("sha256", "is not a digest of 64 lower-case hexadecimal digits");
  return part;
}

}  // namespace

std::optional<ArchiveRef> read_archive(Table& owner, std::string_view key, Places& places) {
  const auto* node = owner.table(key);
  if (node == nullptr) return std::nullopt;
  auto table = owner.open(*node, fmt::format("{}.{}", owner.title(), key), k_archive_keys);
  ArchiveRef archive{read_part(table, places), {}};
  const auto* increments = table.node().get("increments");
  if (increments == nullptr) return archive;
  // toml++ does not take an empty array for one of tables.
  if (!increments->is_array_of_tables() &&
      !(increments->is_array() && increments->as_array()->empty())) {
    table.error("increments", "is not an array of tables", "write [ { archive = … }, … ]");
    return archive;
  }
  for (const auto& item : *increments->as_array()) {
    auto part = table.open(
        *item.as_table(),
        fmt::format("{}.increments[{}]", table.title(), archive.increments.size()), k_part_keys);
    archive.increments.push_back(read_part(part, places));
  }
  return archive;
}

}  // namespace vstate::document
