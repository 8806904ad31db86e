// The limits of a domain, or of a server. A domain with limits of its own takes nothing from
// vlimits.default, so an empty table says something else than none. What each kind of limit may be
// is what vpopmail's programs give a meaning to.

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "document/read/read_parts.h"
#include "vstate/model/limits.h"

namespace vstate::document {

namespace {

/// The keys come from the list by which the server's files and tables are read.
Keys keys_of_limits() {
  Keys out{"disable"};
  for (const auto& name : limit_names())
    if (name.kind != LimitKind::denial) out.push_back(name.document_key);
  return out;
}

/// The services that the domain is denied are one list of words here.
void read_denials(Table& table, Limits& limits) {
  const auto& names = limit_names();
  for (const auto& item : table.strings("disable")) {
    const auto found = std::find_if(names.begin(), names.end(), [&](const LimitName& name) {
      return name.kind == LimitKind::denial && name.document_key == item.text;
    });
    if (found == names.end())
      table.error_at(item.place, fmt::format("{}.disable: there is no service \"{}\"",
                                             table.title(), item.text));
    else
      limits[std::string(found->file_key)] = 1;
  }
}

}  // namespace

std::optional<Limits> read_limits(Table& owner) {
  const auto* node = owner.table("limits");
  if (node == nullptr) return std::nullopt;
  static const Keys keys = keys_of_limits();
  auto table = owner.open(*node, owner.title() + ".limits", keys);
  Limits limits;
  for (const auto& name : limit_names()) {
    if (name.kind == LimitKind::denial) continue;
    const auto value = table.number(name.document_key, name.kind == LimitKind::count ? -1 : 0);
    if (!value) continue;
    // vpopmail keeps counts in an int; amounts of mail are of 64 bits.
    constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
    if (name.kind == LimitKind::count && *value > most)
      table.error(name.document_key, fmt::format("is {}, vpopmail counts to {}", *value, most));
    if (name.maximum > 0 && *value > name.maximum)
      table.error(name.document_key,
                  fmt::format("is {}, at most {} has a meaning", *value, name.maximum));
    // A limit at its default is as if it were not named, as a server's file may or may not have it.
    if (*value != name.unset) limits[std::string(name.file_key)] = *value;
  }
  read_denials(table, limits);
  return limits;
}

}  // namespace vstate::document
