// What is to be changed in a file is worked out from its bytes as they are under its lock, and goes
// into the journals before it is done. So whatever a stop leaves, the journals know at least of
// what was done, and the next run sees which of it was not.

#include "cutover/cutover.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "cutover/control.h"
#include "cutover/switchboard.h"
#include "vstate/base/text.h"

namespace vstate::cutover {

namespace {

constexpr std::array k_order{ControlName::smtproutes, ControlName::virtualdomains,
                             ControlName::locals};

std::chrono::sys_seconds now() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

bool is_this_machine(std::string_view host) {
  return host == "localhost" || host.starts_with("127.") || host.starts_with("[127.");
}

void show(std::vector<Line>& lines, ControlName file, const std::vector<LineEdit>& edits) {
  for (const auto& edit : edits) lines.push_back({file, edit.kind, edit.line});
}

/// A route that leads elsewhere is taken back as if it had never been, so that what stood there
/// before it is what an undoing brings.
void take_back_routes(FileRecord& record, EditableLines& lines, const Relay& relay,
                      std::vector<Line>& shown) {
  for (auto i = record.edits.size(); i > 0; --i) {
    const auto edit = record.edits[i - 1];
    if (edit.kind != LineEdit::Kind::add || edit.line.ends_with(":" + relay.text())) continue;
    (void)lines.take_back(edit);
    record.edits.erase(record.edits.begin() + static_cast<std::ptrdiff_t>(i - 1));
    shown.push_back({ControlName::smtproutes, LineEdit::Kind::remove, edit.line});
  }
}

bool is_made_by_cutovers(ControlName file, const std::map<DomainName, Journal>& journals) {
  return std::any_of(journals.begin(), journals.end(), [&](const auto& entry) {
    const auto found = entry.second.files.find(file);
    return found != entry.second.files.end() && found->second.was_made;
  });
}

}  // namespace

Result<Cutover> Cutover::begin(Switchboard& board, const std::vector<DomainName>& names,
                               const Relay& relay) {
  Cutover out(board, relay);
  VSTATE_TRY_ASSIGN(out.me_, own_name(*board.system, board.server));
  const auto host = to_lower(relay.host());
  // qmail-remote takes a route as it is, and a message would come back for ever.
  if (host == out.me_ || is_this_machine(host))
    return fail(
        Errc::invalid,
        fmt::format("{}: is this server itself; its mail would run in a circle", relay.text()));
  VSTATE_TRY_ASSIGN(out.journals_.all, Journals(*board.system, board.server).load());
  for (const auto& name : names) out.add(name);
  return out;
}

void Cutover::add(const DomainName& domain) {
  journals_.chosen.push_back(domain);
  auto [entry, is_new] = journals_.all.try_emplace(
      domain, Journal{.domain = domain, .to = relay_.text(), .names = {}, .began = now()});
  auto& journal = entry->second;
  // An alias domain that came since moves too.
  std::vector<std::string> names{domain.text()};
  for (const auto& alias : board_.qmail.aliases_of(domain.text())) names.push_back(alias);
  for (const auto& name : names)
    if (std::find(journal.names.begin(), journal.names.end(), name) == journal.names.end())
      journal.names.push_back(name);
  // Nothing has to be told of what nothing was done for.
  if (is_new) journal.is_told = true;
}

std::vector<std::string> Cutover::warnings_of(const Journal& journal) const {
  std::vector<std::string> out;
  const auto* assigned = board_.qmail.find(journal.domain.text());
  for (const auto& name : journal.names) {
    const auto found = board_.qmail.publication_of(*board_.system, name, journal.domain.text(),
                                                   assigned == nullptr ? "" : assigned->directory);
    if (!found.in_rcpthosts || !found.in_morercpthosts_cdb)
      out.push_back(fmt::format("rcpthosts does not have {}: mail for it is refused here", name));
  }
  return out;
}

/// Returns what the file should hold.
std::optional<std::string> Cutover::edit(ControlName file, const std::optional<std::string>& bytes,
                                         Journaled& journals, SwitchPlan& plan) const {
  auto lines = EditableLines::parse(bytes ? std::string_view(*bytes) : std::string_view());
  const bool is_made = !bytes || is_made_by_cutovers(file, journals.all);
  bool makes_file = bytes.has_value();
  for (const auto& domain : journals.chosen) {
    auto& journal = journals.all.at(domain);
    auto& record = journal.files[file];
    auto& shown = part_of(plan, domain).lines;
    drop_unmade(record, lines);
    if (file == ControlName::smtproutes) take_back_routes(record, lines, relay_, shown);
    for (const auto& name : journal.names) {
      const auto edits = turn_away(file, lines, name, relay_);
      show(shown, file, edits);
      record.edits.insert(record.edits.end(), edits.begin(), edits.end());
      // Without the file, qmail-send takes this server's own name for a local one.
      const bool is_implied = file == ControlName::locals && !bytes && name == me_;
      if (is_implied) shown.push_back({file, LineEdit::Kind::remove, name});
      record.was_made = record.was_made || is_implied || (is_made && !edits.empty());
      makes_file = makes_file || is_implied || !edits.empty();
    }
  }
  return makes_file ? std::optional(lines.bytes()) : std::nullopt;
}

Result<SwitchPlan> Cutover::plan() const {
  auto journals = journals_;
  auto plan = begin_plan(journals);
  for (const auto file : k_order) {
    VSTATE_TRY_ASSIGN(const auto bytes, read_control(*board_.system, board_.server, file));
    (void)edit(file, bytes, journals, plan);
  }
  for (auto& part : plan.domains) {
    const auto& journal = journals_.all.at(part.domain);
    part.warnings = warnings_of(journal);
    plan.tells_qmail_send = plan.tells_qmail_send || !journal.is_told ||
                            std::any_of(part.lines.begin(), part.lines.end(), [](const auto& line) {
                              return line.file != ControlName::smtproutes;
                            });
  }
  return plan;
}

Status Cutover::change(ControlName file, SwitchPlan& plan) {
  VSTATE_TRY_ASSIGN(auto control, LockedControl::open(*board_.system, board_.server, file));
  const auto before = journals_.all;
  const auto after = edit(file, control.bytes(), journals_, plan);
  if (after == control.bytes()) return {};
  Journals journals(*board_.system, board_.server);
  for (const auto& domain : journals_.chosen) {
    auto& journal = journals_.all.at(domain);
    if (journal.files == before.at(domain).files) continue;
    journal.stage = Journal::Stage::begun;
    journal.to = relay_.text();
    if (file != ControlName::smtproutes) journal.is_told = false;
    VSTATE_TRY(journals.keep(journal));
  }
  return control.replace(after);
}

Result<SwitchReport> Cutover::run() {
  SwitchReport report{.done = begin_plan(journals_), .told = Told::not_needed};
  for (const auto file : k_order) VSTATE_TRY(change(file, report.done));
  const auto is_untold = [&](const DomainName& name) { return !journals_.all.at(name).is_told; };
  if (std::any_of(journals_.chosen.begin(), journals_.chosen.end(), is_untold)) {
    VSTATE_TRY_ASSIGN(report.told, tell_qmail_send(board_));
  }
  Journals journals(*board_.system, board_.server);
  for (const auto& domain : journals_.chosen) {
    auto& journal = journals_.all.at(domain);
    part_of(report.done, domain).warnings = warnings_of(journal);
    // One that was turned away by hand has no edits, and is asked about and taken back like others.
    if (journal.stage == Journal::Stage::done && journal.is_told) continue;
    journal.stage = Journal::Stage::done;
    journal.is_told = journal.is_told || report.told != Told::cannot;
    VSTATE_TRY(journals.keep(journal));
  }
  return report;
}

}  // namespace vstate::cutover
