// Nothing that an apply reported is believed: both sides are read again, a plan is made that should
// be empty, every address is followed, and each message is looked for. What the owner of a mailbox
// changed or deleted since is no fault, and the ledger tells it apart.

#include "engine/verify.h"

#include <iterator>

#include <fmt/format.h>

#include "apply/archives.h"
#include "delivery/check.h"
#include "engine/prepare.h"
#include "inspect/live_check.h"
#include "vstate/base/text.h"

namespace vstate::engine {

namespace {

Status check_mail(const Session& session, const DomainFile& file, const Prepared& prepared,
                  Depth depth, Verification& result) {
  for (const auto& report : prepared.facts.archives) {
    const auto target = archive_target(report.box, prepared.observation.condition.paths);
    if (!target) continue;  // the mailbox is missing, which is a difference already
    VSTATE_TRY_ASSIGN(
        const auto found,
        check_archive(
            *session.system, archive_files(file.archive_root, report.archive), *target,
            depth == Depth::content ? CheckDepth::contents : CheckDepth::sizes,
            report.has_dovecot_folders ? FolderNames::of_dovecot : FolderNames::as_they_are));
    ++result.archives;
    for (const auto& line : found)
      result.problems.push_back(fmt::format("{}: {}: {}", file.state.name.text(),
                                            report.box.name.empty() ? "files" : report.box.name,
                                            line));
  }
  return {};
}

/// What the source had and the file does not have is not here either.
std::string left_out_line(const DomainFile& file, const LeftOut& item) {
  const auto mail = item.messages == 0
                        ? std::string()
                        : fmt::format(" ({} messages, {})", with_thousands(item.messages),
                                      human_bytes(item.bytes));
  return fmt::format("{}: {}{} was left out by the dump: {}", file.state.name.text(),
                     visible(item.address), mail, visible(item.why));
}

/// What somebody took away here after the last apply is not missed, unless something of it still
/// gets mail.
Result<State> without_removed(State state, const Session& session, const Prepared& prepared) {
  const auto& directory = prepared.observation.condition.directory;
  Status looked;
  const auto drop = [&](const std::string& kind, auto& map) {
    std::erase_if(map, [&](const auto& item) {
      const auto& name = item.first.text();
      if (!prepared.plan.unplaced.contains(kind + "." + name)) return false;
      const auto lines = session.system->look(path_join(directory, dot_qmail_name(name)));
      if (!lines) looked = tl::unexpected<Error>(lines.error());
      // A file that still answers to the name would still get its mail.
      return lines && (!*lines || kind == "mailbox");
    });
  };
  drop("mailbox", state.mailboxes);
  drop("alias", state.alias);
  drop("autoresponder", state.autoresponders);
  drop("list", state.lists);
  VSTATE_TRY(looked);
  return state;
}

void add_differences(const std::string& domain, const Plan& plan, Verification& result) {
  result.differences = plan.actions;
  for (const auto& problem : plan.problems)
    result.problems.push_back(fmt::format("{}: {}", domain, problem));
}

}  // namespace

Result<Verification> verify(Session& session, const DomainFile& file, PlanOptions options,
                            Depth depth, Diagnostics& diagnostics) {
  // The plan is only looked at, and no archive is believed to be in because the ledger says so.
  options.remembers = false;
  options.reads_all_archives = true;
  Verification result;
  VSTATE_TRY_ASSIGN(const auto prepared, prepare(session, file, options, diagnostics));
  if (diagnostics.has_errors()) return result;
  VSTATE_TRY_ASSIGN(const auto wanted, without_removed(file.state, session, prepared));
  VSTATE_TRY_ASSIGN(auto live, check_live(*session.system, session.server, *session.store, wanted,
                                          prepared.observation));
  result.addresses = live.addresses;
  // Of a domain that is not there one line is enough, and not one for each thing that it lacks.
  const bool is_there = live.addresses > 0;
  if (is_there) add_differences(file.state.name.text(), prepared.plan, result);
  result.problems.insert(result.problems.end(), std::make_move_iterator(live.problems.begin()),
                         std::make_move_iterator(live.problems.end()));
  if (is_there) VSTATE_TRY(check_mail(session, file, prepared, depth, result));
  for (const auto& note : prepared.plan.notes)
    if (note.kind == NoteKind::kept || note.kind == NoteKind::conflict) result.kept.push_back(note);
  for (const auto& item : file.state.left_out) result.problems.push_back(left_out_line(file, item));
  return result;
}

}  // namespace vstate::engine
