// What a dump could not say stands in the file, so that who applies it knows what is missing. The
// version of the format is read here too, since both kinds of files have both.

#include <fmt/format.h>

#include "document/read/read_parts.h"

namespace vstate::document {

/// What the source had and this file has not.
std::vector<LeftOut> read_left_out(Table& top) {
  std::vector<LeftOut> all;
  const auto* node = top.node().get("left_out");
  if (node == nullptr) return all;
  const auto* items = node->as_array();
  if (items == nullptr || !items->is_array_of_tables()) {
    top.error("left_out", "is not an array of tables", "write [[left_out]]");
    return all;
  }
  for (const auto& item : *items) {
    auto table = top.open(*item.as_table(), "left_out", k_left_out_keys);
    LeftOut out;
    // Addresses and reasons may hold any byte that a server's names hold.
    if (table.require("what")) out.address = table.bytes("what").value_or("");
    if (table.require("why")) out.why = table.bytes("why").value_or("");
    out.messages = static_cast<std::uint64_t>(table.number("messages").value_or(0));
    out.bytes = static_cast<std::uint64_t>(table.number("bytes").value_or(0));
    all.push_back(std::move(out));
  }
  return all;
}

void check_version(Table& top, std::string_view key) {
  // The rest is read as well: a wrong number may be the only fault.
  if (!top.require(key)) return;
  const auto version = top.number(key);
  if (version && *version < 1)
    top.error(key, "there is no format version 0", "write 1");
  else if (version && *version != 1)
    top.error(key, fmt::format("format version {} is not known to this program", *version),
              "use a newer vstate");
}

}  // namespace vstate::document
