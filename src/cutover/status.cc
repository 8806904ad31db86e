// How things stand is asked of the control files as they are, and not of what a journal says was
// done: it is the lines that decide where mail goes.

#include <set>

#include <fmt/format.h>

#include "cutover/control.h"
#include "cutover/cutover.h"
#include "cutover/switchboard.h"
#include "vstate/base/text.h"

namespace vstate::cutover {

namespace {

/// What would have to be changed again for mail to leave.
Result<std::vector<std::string>> what_changed(const Switchboard& board, const Journal& journal) {
  std::vector<std::string> out;
  VSTATE_TRY_ASSIGN(const auto relay, Relay::parse(journal.to));
  for (const auto file :
       {ControlName::smtproutes, ControlName::virtualdomains, ControlName::locals}) {
    VSTATE_TRY_ASSIGN(const auto bytes, read_control(*board.system, board.server, file));
    auto lines = EditableLines::parse(bytes ? std::string_view(*bytes) : std::string_view());
    for (const auto& name : journal.names)
      for (const auto& edit : turn_away(file, lines, name, relay))
        out.push_back(
            fmt::format("{}: {} {}", to_text(file), visible(edit.line),
                        edit.kind == LineEdit::Kind::add ? "is not there" : "stands there"));
  }
  return out;
}

}  // namespace

bool DomainStatus::is_settled() const {
  return journal.stage == Journal::Stage::done && changed.empty() && waiting && waiting->is_empty();
}

Result<std::vector<DomainStatus>> status_of(Switchboard& board,
                                            const std::vector<DomainName>& names) {
  VSTATE_TRY_ASSIGN(const auto journals, chosen_journals(board, names));
  std::vector<DomainStatus> out;
  for (const auto& domain : journals.chosen) {
    DomainStatus status{
        .journal = journals.all.at(domain), .changed = {}, .waiting = {}, .queue_problem = {}};
    VSTATE_TRY_ASSIGN(status.changed, what_changed(board, status.journal));
    const std::set<std::string> hosts(status.journal.names.begin(), status.journal.names.end());
    const auto waiting = count_queue(*board.system, board.server, hosts);
    if (waiting)
      status.waiting = *waiting;
    else
      status.queue_problem = waiting.error().message;
    out.push_back(std::move(status));
  }
  return out;
}

}  // namespace vstate::cutover
