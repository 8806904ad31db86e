// What a dump says to a person. The file itself is the answer and goes to standard output, so all
// of this goes to standard error. Counts and notes are talk, which --quiet leaves out; what was
// left out of the file is an error and is always said.

#include "cli/view/dump_view.h"

#include <fmt/format.h>

#include "dump/list.h"
#include "vstate/base/text.h"
#include "vstate/model/server.h"

namespace vstate::cli {

namespace {

void show_counts(const Console& console, const std::string& domain,
                 const engine::DumpCounts& counts) {
  console.say(fmt::format("{}: {} entries in the file, {} in archives, {} rebuilt on the target",
                          domain, with_thousands(counts.expressed), with_thousands(counts.archived),
                          with_thousands(counts.rebuilt)));
  for (const auto& [reason, number] : counts.reasons)
    console.say(fmt::format("{}: rebuilt: {} ({})", domain, with_thousands(number), reason));
  for (const auto& followed : counts.followed)
    console.say(fmt::format("{}: {}; carried", domain, followed));
  if (counts.not_dumped > 0)
    console.say(fmt::format(
        "{}: not dumped: {} entries of mail and list archives; --mail DIR takes them along", domain,
        with_thousands(counts.not_dumped)));
}

std::string left_out_line(const std::string& domain, const LeftOut& item) {
  const auto mail = item.messages == 0
                        ? std::string()
                        : fmt::format(" ({} message{}, {})", with_thousands(item.messages),
                                      item.messages == 1 ? "" : "s", human_bytes(item.bytes));
  // Names come from the server's files, and may hold what would move the cursor.
  return fmt::format("{}: left out: {}{}: {}", domain, visible(item.address), mail,
                     visible(item.why));
}

}  // namespace

void show_dump(const Console& console, const DomainName& name, const engine::DumpReport& report) {
  show_counts(console, name.text(), report.counts);
  show_source(console, name, report);
  if (report.has_changed) show_change_of_source(name);
}

void show_source(const Console& console, const DomainName& name, const engine::DumpReport& report) {
  const auto& domain = name.text();
  for (const auto& note : report.notes) console.say(fmt::format("{}: {}", domain, visible(note)));
  auto remarks = report.remarks;
  // A sticky bit that was there before is a domain whose mail somebody holds off, or forgot to let
  // go.
  if (report.is_frozen && !report.is_frozen_by_us) remarks.emplace_back(k_frozen_remark);
  for (const auto& remark : remarks)
    console.warning(fmt::format("{}: warning: {}", domain, visible(remark)));
  for (const auto& item : report.left_out) Console::error(left_out_line(domain, item));
}

void show_change_of_source(const DomainName& name) {
  Console::error(fmt::format("{}: changed while it was read; run it again", name.text()));
}

void show_changed_while_copied() {
  Console::error("the source changed while it was copied; run it again before the final switch");
}

void say_what_is_left_alone(const Console& console, const engine::Session& session) {
  for (const auto& domain : engine::foreign_domains(*session.qmail))
    console.say(fmt::format("{}: left alone: users/assign gives it to {} in {}", domain.name,
                            domain.of, domain.directory));
}

}  // namespace vstate::cli
