// A robot of the file: the text that it answers with, who gets a copy, and how often one sender is
// answered. The program is kept only where a server has another than the usual one.

#include <fmt/format.h>

#include "document/read/read_parts.h"
#include "vstate/model/delivery.h"

namespace vstate::document {

Autoresponder read_autoresponder(Table& table) {
  Autoresponder robot;
  if (table.require("message")) robot.message = table.legible("message").value_or("");
  robot.copy_to = table.lines("copy_to");
  robot.program = table.text("program").value_or("");
  // It becomes the beginning of a delivery line, and what stood behind a line's end would be a
  // delivery of its own.
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
  // A robot's copies are forwards; with any other line it would be an alias that is no robot.
  for (const auto& line : robot.copy_to)
    if (parse_delivery(line, LineReader::qmail_local, false).kind != DeliveryKind::forward)
      table.error("copy_to", fmt::format("\"{}\" is not a forward", line));
  return robot;
}

}  // namespace vstate::document
