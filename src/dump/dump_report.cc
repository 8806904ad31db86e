// What a dump tells besides its text. It is made in one place for files, streams and pulls, so that
// all three say the same of a domain.

#include <algorithm>

#include <fmt/format.h>

#include "dump/dump.h"
#include "sys/far_side.h"
#include "vstate/base/text.h"
#include "vstate/document/document.h"

namespace vstate::engine {

void DumpCounts::add(const TreeCount& tree, const std::string& label) {
  rebuilt += tree.rebuilt;
  for (const auto& [reason, number] : tree.rebuilt_reasons) reasons[reason] += number;
  for (const auto& link : tree.followed) followed.push_back(fmt::format("{}: {}", label, link));
}

/// The accounting is of the domain as a whole, while the trees are added one by one.
void DumpCounts::add(const Accounting& accounting) {
  expressed = accounting.expressed.size();
  rebuilt += accounting.rebuilt.size();
  for (const auto& [path, reason] : accounting.rebuilt) ++reasons[reason];
}

std::string why_not_a_source(const Observation& found) {
  const auto& directory = found.condition.directory;
  if (!found.condition.has_directory)
    return fmt::format(
        "{} is in users/assign and is not there; if it is on a disk of its own, mount it",
        directory);
  if (!found.accounts.empty()) return {};
  return fmt::format(
      "no account of it can be found in {}; if the directory is on a disk of its own, mount it",
      directory);
}

Result<Observation> inspect_source(Session& session, const DomainName& name,
                                   const Selection& selection, const Renaming& renaming) {
  VSTATE_TRY_ASSIGN(auto observation, inspect(session, name, selection));
  if (!observation.state) return fail(Errc::not_found, "there is no such domain on this server");
  // A dump of an unmounted disk would be an empty file, and its apply with --prune a disaster.
  if (auto why = why_not_a_source(observation); !why.empty())
    return fail(Errc::invalid, std::move(why), Scope::domain);
  VSTATE_TRY_ASSIGN(auto renamed, rename_domain(*std::move(observation.state), renaming));
  observation.state = std::move(renamed.state);
  for (const auto& kept : renamed.kept)
    observation.condition.remarks.push_back(
        fmt::format("{}: names {} still: {}", kept.address, name.text(), kept.why));
  return observation;
}

namespace {

/// They are left out here and not while reading, so that the report can say how many there are.
void leave_clear_passwords_out(State& state, ClearPasswords clear_passwords) {
  if (clear_passwords == ClearPasswords::take) return;
  for (auto& [key, mailbox] : state.mailboxes) mailbox.clear_password.reset();
}

}  // namespace

std::string document_of(State state, ClearPasswords clear_passwords) {
  leave_clear_passwords_out(state, clear_passwords);
  return document::write(state);
}

document::SplitText split_document_of(State state, ClearPasswords clear_passwords) {
  leave_clear_passwords_out(state, clear_passwords);
  return document::write_split(state);
}

void leave_out(std::vector<LeftOut>& out, const std::string& address, const TreeCount& tree) {
  for (const auto* all : {&tree.refused, &tree.lost})
    for (const auto& what : *all) out.push_back({address, what, 0, 0});
}

std::vector<BoxSource> boxes_of(const Observation& observation) {
  std::vector<BoxSource> boxes;
  for (const auto& [name, source] : observation.mailbox_archives)
    boxes.push_back({{Box::Kind::mailbox, name.text()}, &source});
  for (const auto& [name, source] : observation.list_archives)
    boxes.push_back({{Box::Kind::list, name.text()}, &source});
  if (observation.domain_archive)
    boxes.push_back({{Box::Kind::files, ""}, &*observation.domain_archive});
  return boxes;
}

void expect_walks(const Files& files, const std::vector<BoxSource>& boxes,
                  const Selection& selection) {
  const auto* far = files.far_side();
  if (far == nullptr) return;
  std::vector<std::string> walks;
  for (const auto& [box, source] : boxes)
    // What a view shows is not all that is below its directory.
    if (source->view == nullptr && !selection.excludes(address_of_contents(box)))
      walks.push_back(source->directory);
  far->expect_walks(walks);
}

DumpReport report_of(const Observation& observation, ClearPasswords clear_passwords) {
  DumpReport report;
  report.remarks = observation.condition.remarks;
  for (const auto& defect : observation.condition.defects)
    report.remarks.push_back(defect.subject.empty()
                                 ? defect.detail
                                 : fmt::format("{}: {}", defect.subject, defect.detail));
  // Notes are no warnings: what is carried from elsewhere is carried.
  report.notes = observation.notes;
  report.is_frozen = observation.condition.is_frozen;
  report.has_changed = observation.has_changed;
  report.left_out = observation.state->left_out;
  const auto& mailboxes = observation.state->mailboxes;
  const auto clear = std::count_if(mailboxes.begin(), mailboxes.end(), [](const auto& item) {
    return item.second.clear_password.has_value();
  });
  if (clear > 0 && clear_passwords == ClearPasswords::leave_out)
    report.remarks.push_back(fmt::format(
        "{} clear-text password{} left out, without which CRAM-MD5 and APOP do not work; "
        "--clear-passwords takes them along",
        with_thousands(static_cast<std::uint64_t>(clear)), clear == 1 ? " is" : "s are"));
  return report;
}

void end_freeze(DeliveryFreeze* freeze, DumpReport& report) {
  if (!freeze) return;
  // A domain that was frozen before stays so: whoever froze it ends it.
  report.is_frozen_by_us = freeze->is_ours();
  if (const auto ended = freeze->end(); !ended) report.still_frozen = ended.error();
}

}  // namespace vstate::engine
