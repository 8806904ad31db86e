// The words of a switch. Signs are those of a plan: what comes, what goes, what is in the way.

#include "cli/view/switch_view.h"

#include <fmt/format.h>

#include "model/fields.h"
#include "vstate/base/text.h"

namespace vstate::cli {

namespace {

constexpr std::string_view k_how_to_tell =
    "svc -h of its service, or kill -HUP of its process, makes it read them";

std::string count_of(std::uint64_t count) {
  return fmt::format("{} message{}", with_thousands(count), count == 1 ? "" : "s");
}

}  // namespace

std::string text_of(const cutover::SwitchPlan& plan, std::string_view title) {
  std::string out;
  for (const auto& part : plan.domains) {
    out += fmt::format("{}{}\n", part.domain.text(), title);
    for (const auto& line : part.lines)
      out += fmt::format("  {} {:<15} {}\n", line.kind == LineEdit::Kind::add ? '+' : '-',
                         to_text(line.file), visible(line.text));
    for (const auto& refused : part.refused) out += fmt::format("  # {}\n", visible(refused));
    for (const auto& warning : part.warnings) out += fmt::format("  ! {}\n", visible(warning));
  }
  if (plan.tells_qmail_send) out += "then qmail-send is told to read its files again (HUP)\n";
  return out;
}

void say_told(const Console& console, cutover::Told told) {
  if (told == cutover::Told::not_running)
    console.say("qmail-send is not running there; it reads its files when it starts");
  if (told == cutover::Told::cannot)
    console.warning(
        fmt::format("qmail-send could not be told from here, and works by virtualdomains "
                    "and locals as they were: {}",
                    k_how_to_tell));
}

std::string text_of(const cutover::DomainStatus& status) {
  const auto& journal = status.journal;
  const auto began = to_utc_text(journal.began);
  std::string out =
      fmt::format("{} → {}, since {}\n", journal.domain.text(), visible(journal.to), began);
  if (journal.stage == cutover::Journal::Stage::begun)
    out += "  ! was stopped before its end; run it again, or --undo\n";
  if (journal.stage == cutover::Journal::Stage::undoing)
    out += "  ! was being taken back, and stopped before the end; run --undo again\n";
  if (!journal.is_told)
    out += fmt::format("  ! qmail-send could not be told from here: {}\n", k_how_to_tell);
  for (const auto& changed : status.changed)
    out += fmt::format("  # {}; mail for it may stay here\n", changed);
  if (!status.waiting) return out + fmt::format("  ! the queue: {}\n", status.queue_problem);
  const auto& waiting = *status.waiting;
  if (waiting.is_empty()) return out + "  = nothing waits in the queue here\n";
  const auto count = [&](std::uint64_t number, std::string_view what) {
    if (number > 0) out += fmt::format("  ~ {} {}\n", count_of(number), what);
  };
  count(waiting.here, "in the queue here, still to be delivered on this server");
  count(waiting.elsewhere, "in the queue here, on the way to another host");
  count(waiting.unprocessed, "in the queue here, which qmail-send has not looked at");
  return out;
}

}  // namespace vstate::cli
