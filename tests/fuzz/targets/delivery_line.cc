// A delivery line, as both readers of such lines and as a shell take it.

#include "vstate/model/delivery.h"

#include "fuzz.h"
#include "qmail/route_shell.h"
#include "vstate/base/result.h"

using namespace vstate;

VSTATE_FUZZ_TARGET(delivery_line) {
  const auto local = parse_delivery(bytes, LineReader::qmail_local, false);
  const auto first = parse_delivery(bytes, LineReader::qmail_local, true);
  const auto there = parse_delivery(bytes, LineReader::vdelivermail, false);
  if (first.kind != DeliveryKind::broken)
    VSTATE_ASSERT(first.kind == local.kind && first.argument == local.argument);
  for (const auto* line : {&local, &first, &there})
    VSTATE_ASSERT((line->kind == DeliveryKind::broken) == !line->problem.empty());
  if (is_read_alike(bytes) && bytes.find('\n') == std::string_view::npos)
    VSTATE_ASSERT(local.kind == there.kind && local.argument == there.argument);
  if (there.kind == DeliveryKind::program) VSTATE_ASSERT(runs_program({std::string(bytes)}));
  (void)runs_vdelivermail({std::string(bytes)});
  (void)programs_run(bytes);
  const auto line = parse_shell(bytes, {{"EXT", "sales"}, {"HOST", "example.com"}});
  for (const auto& command : line.commands)
    VSTATE_ASSERT(&command == &line.commands.front() || !command.joined_by.empty());
}
