#include <fmt/format.h>

#include "document/read_parts.h"
#include "vstate/model/delivery.h"

namespace vstate::document {

Autoresponder read_autoresponder(Table& table) {
  Autoresponder robot;
  if (table.require("message")) robot.message = table.text("message").value_or("");
  robot.copy_to = table.lines("copy_to");
  robot.program = table.text("program").value_or("");
  if (has_line_end(robot.program)) table.error("program", "is more than one line");
  if (table.require("limit")) {
    if (const auto* node = table.table("limit")) {
      auto limit = table.open(*node, table.title() + ".limit", k_limit_keys);
      if (limit.require("replies"))
        robot.replies = static_cast<std::uint64_t>(limit.number("replies").value_or(0));
      if (limit.require("seconds"))
        robot.seconds = static_cast<std::uint64_t>(limit.number("seconds").value_or(0));
    }
  }
  for (const auto& line : robot.copy_to)
    if (parse_delivery(line, LineReader::qmail_local, false).kind != DeliveryKind::forward)
      table.error("copy_to", fmt::format("\"{}\" is not a forward", line));
  return robot;
}

}  // namespace vstate::document
