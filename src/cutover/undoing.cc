// The way back goes in the other order: the server takes the domain's mail again before the route
// goes, so that at no moment mail is sent out without one.

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>

#include "cutover/control.h"
#include "cutover/cutover.h"
#include "cutover/switchboard.h"
#include "vstate/base/text.h"

namespace vstate::cutover {

namespace {

constexpr std::array k_back{ControlName::virtualdomains, ControlName::locals,
                            ControlName::smtproutes};

/// One file that is on its way back, for one domain after the other.
class TakingBack {
 public:
  TakingBack(ControlName file, const std::optional<std::string>& bytes)
      : file_(file),
        was_there_(bytes.has_value()),
        lines_(EditableLines::parse(bytes ? std::string_view(*bytes) : std::string_view())) {}

  /// Leaves in the record what could not be taken back.
  void take_back(FileRecord& record, DomainSwitch& part) {
    there_.clear();
    for (const auto& line : lines_.all()) ++there_[line];
    own_.clear();
    for (const auto& edit : record.edits) own_.insert(edit.line);
    std::vector<LineEdit> left;
    for (auto edit = record.edits.rbegin(); edit != record.edits.rend(); ++edit) {
      const bool is_back =
          edit->kind == LineEdit::Kind::add ? take_out(*edit, part) : put_back(*edit, part);
      if (!is_back) left.insert(left.begin(), *edit);
    }
    record.edits = std::move(left);
    // Somebody else's lines keep the file.
    is_unmade_ = is_unmade_ || (record.was_made && lines_.all().empty());
    record.was_made = false;
  }
  /// nullopt: there was none.
  [[nodiscard]] std::optional<std::string> bytes() const {
    if ((is_unmade_ && lines_.all().empty()) || (!was_there_ && lines_.all().empty()))
      return std::nullopt;
    return lines_.bytes();
  }

 private:
  /// The line of this key that is none of the domain's own edits; empty if there is none.
  [[nodiscard]] std::string other_line(const std::string& line) const {
    const auto key = key_of_line(file_, line);
    for (const auto& other : lines_.all())
      if (key && key_of_line(file_, other) == key && !own_.contains(other)) return other;
    return {};
  }
  void refuse(DomainSwitch& part, const std::string& line, const std::string& why) const {
    part.refused.push_back(fmt::format("{}: {}: {}", to_text(file_), visible(line), why));
  }
  bool take_out(const LineEdit& edit, DomainSwitch& part) {
    if (lines_.take_back(edit)) {
      part.lines.push_back({file_, LineEdit::Kind::remove, edit.line});
      return true;
    }
    const auto other = other_line(edit.line);
    if (other.empty()) return true;  // somebody has taken it out
    refuse(part, edit.line, fmt::format("{} stands there by now, and is left", visible(other)));
    return false;
  }
  bool put_back(const LineEdit& edit, DomainSwitch& part) {
    auto& count = there_[edit.line];
    if (count > 0) {  // somebody has put it back, or it was never taken out
      --count;
      return true;
    }
    const auto other = other_line(edit.line);
    if (!other.empty()) {
      refuse(part, edit.line,
             fmt::format("is not put back, since {} stands there by now", visible(other)));
      return false;
    }
    (void)lines_.take_back(edit);
    part.lines.push_back({file_, LineEdit::Kind::add, edit.line});
    return true;
  }

  ControlName file_;
  bool was_there_, is_unmade_ = false;
  EditableLines lines_;
  std::map<std::string, std::size_t> there_;  ///< lines from before that were not accounted for
  std::set<std::string> own_;
};

std::optional<std::string> edited(ControlName file, const std::optional<std::string>& bytes,
                                  Journaled& journals, SwitchPlan& plan) {
  TakingBack taking(file, bytes);
  // The last that was switched first: its lines were taken from between those of the others.
  for (auto domain = journals.chosen.rbegin(); domain != journals.chosen.rend(); ++domain) {
    auto& files = journals.all.at(*domain).files;
    if (const auto record = files.find(file); record != files.end())
      taking.take_back(record->second, part_of(plan, *domain));
  }
  return taking.bytes();
}

bool concerns_qmail_send(const SwitchPlan& plan) {
  return std::any_of(plan.domains.begin(), plan.domains.end(), [](const auto& part) {
    return std::any_of(part.lines.begin(), part.lines.end(),
                       [](const auto& line) { return line.file != ControlName::smtproutes; });
  });
}

}  // namespace

Result<Undoing> Undoing::begin(Switchboard& board, const std::vector<DomainName>& names) {
  Undoing out(board);
  VSTATE_TRY_ASSIGN(out.journals_, chosen_journals(board, names));
  return out;
}

Result<SwitchPlan> Undoing::plan() const {
  auto journals = journals_;
  auto plan = begin_plan(journals);
  for (const auto file : k_back) {
    VSTATE_TRY_ASSIGN(const auto bytes, read_control(*board_.system, board_.server, file));
    (void)edited(file, bytes, journals, plan);
  }
  plan.tells_qmail_send = concerns_qmail_send(plan);
  return plan;
}

Status Undoing::change(ControlName file, SwitchPlan& plan) {
  VSTATE_TRY_ASSIGN(auto control, LockedControl::open(*board_.system, board_.server, file));
  const auto after = edited(file, control.bytes(), journals_, plan);
  return after == control.bytes() ? Status() : control.replace(after);
}

/// The journals keep what was done until all of it is taken back: what a stopped run has taken back
/// already is seen by the next one.
Result<SwitchReport> Undoing::run() {
  Journals journals(*board_.system, board_.server);
  for (const auto& domain : journals_.chosen) {
    auto& journal = journals_.all.at(domain);
    if (journal.stage == Journal::Stage::undoing) continue;
    journal.stage = Journal::Stage::undoing;
    VSTATE_TRY(journals.keep(journal));
  }
  SwitchReport report{.done = begin_plan(journals_), .told = Told::not_needed};
  VSTATE_TRY(change(ControlName::virtualdomains, report.done));
  VSTATE_TRY(change(ControlName::locals, report.done));
  // It is told in any case: a stopped run may have come as far as here.
  VSTATE_TRY_ASSIGN(report.told, tell_qmail_send(board_));
  VSTATE_TRY(change(ControlName::smtproutes, report.done));
  for (const auto& domain : journals_.chosen) {
    auto& journal = journals_.all.at(domain);
    journal.stage = Journal::Stage::done;
    VSTATE_TRY(journal.has_edits() ? journals.keep(journal) : journals.remove(domain));
  }
  return report;
}

}  // namespace vstate::cutover
