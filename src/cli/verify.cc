#include <iterator>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/patterns.h"
#include "cli/session.h"
#include "cli/tally.h"
#include "delivery/deliver.h"
#include "engine/archives.h"
#include "engine/live_check.h"
#include "qmail/router.h"
#include "view/plan_view.h"
#include "vstate/base/text.h"

namespace vstate::cli {

namespace {

/// What is not as the file says, of one domain.
struct Verification {
  std::vector<std::string> problems;
  std::vector<std::string> kept;  ///< what a person changed here after the last apply
  std::uint64_t addresses = 0, archives = 0;
  void add(std::vector<std::string> more) {
    problems.insert(problems.end(), std::make_move_iterator(more.begin()),
                    std::make_move_iterator(more.end()));
  }
};

std::vector<std::string> differences(const std::string& domain, const Plan& plan) {
  std::vector<std::string> out;
  const auto json = view::to_json(plan);
  for (const auto& change : json["changes"]) {
    const auto detail = change.value("detail", "");
    out.push_back(fmt::format("{}: {} is not as the file says{}", domain,
                              change["address"].get<std::string>(),
                              detail.empty() ? "" : ": " + detail));
  }
  for (const auto& text : plan.problems) out.push_back(fmt::format("{}: {}", domain, text));
  return out;
}

Status check_mail(Session& session, const DomainFile& file, const Prepared& prepared, bool is_deep,
                  Verification& result) {
  for (const auto& report : prepared.facts.archives) {
    const auto target =
        archive_target(report.kind, report.name, prepared.observation.condition.paths);
    if (!target) continue;  // told as a missing mailbox
    VSTATE_TRY_ASSIGN(
        const auto found,
        check_archive(*session.system, archive_files(file.archive_root, report.archive), *target,
                      is_deep, report.has_dovecot_folders));
    ++result.archives;
    for (const auto& line : found)
      result.problems.push_back(fmt::format("{}: {}: {}", file.state.name.text(),
                                            report.name.empty() ? "files" : report.name, line));
  }
  return {};
}

/// What the source had and the file has not is not here either.
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

/// Reads both sides again and tries every address: nothing that an apply reported is believed.
Result<Verification> verify(Session& session, const DomainFile& file, const Prepared& prepared,
                            bool is_deep) {
  Verification result;
  VSTATE_TRY_ASSIGN(const auto wanted, without_removed(file.state, session, prepared));
  VSTATE_TRY_ASSIGN(auto live, check_live(*session.system, session.server, *session.store, wanted,
                                          prepared.observation));
  result.addresses = live.addresses;
  const bool is_there = live.addresses > 0;
  if (is_there) result.add(differences(file.state.name.text(), prepared.plan));
  result.add(std::move(live.problems));
  if (is_there) VSTATE_TRY(check_mail(session, file, prepared, is_deep, result));
  for (const auto& note : prepared.plan.notes)
    if (note.kind == NoteKind::kept || note.kind == NoteKind::conflict)
      result.kept.push_back(visible(fmt::format(
          "{}{} {}", note.subject_kind, note.name.empty() ? "" : " " + note.name, note.text)));
  for (const auto& item : file.state.left_out) result.problems.push_back(left_out_line(file, item));
  return result;
}

/// False if it could not be said.
bool print(const Console& console, const std::string& domain, const Verification& result,
           bool is_deep) {
  std::string lines;
  for (const auto& kept : result.kept) lines += fmt::format("  = {}\n", kept);
  for (const auto& problem : result.problems) lines += fmt::format("  ! {}\n", problem);
  const auto count = result.problems.size();
  if (count == 0)
    return console.tell(
        lines + fmt::format("{} is whole{}: {} addresses routed, {} archives checked{}.\n", domain,
                            result.kept.empty() ? "" : " but for what was changed here",
                            with_thousands(result.addresses), with_thousands(result.archives),
                            is_deep ? " by content" : ""));
  lines += fmt::format("{}: {} thing{} not as the file says.\n", domain, with_thousands(count),
                       count == 1 ? " is" : "s are");
  return console.tell(lines);
}

Exit verify_file(const CommonOptions& common, const PlanOptionsText& options, Session& session,
                 const DomainFile& file) {
  const auto& domain = file.state.name.text();
  auto chosen = plan_options(common, options);
  chosen.remembers = false;
  chosen.reads_all_archives = true;
  Diagnostics diagnostics;
  const auto prepared = prepare(session, file, chosen, diagnostics);
  const Console console(common);
  console.report(diagnostics);
  if (!prepared) return Console::fail(prepared.error().in(domain));
  if (diagnostics.has_errors()) return Exit::error;
  const auto verified = verify(session, file, *prepared, options.deep);
  if (!verified) return Console::fail(verified.error().in(domain));
  if (!print(console, domain, *verified, options.deep))
    return Console::fail(Error{Errc::io, "standard output: cannot write", Scope::run});
  return verified->problems.empty() ? Exit::done : Exit::differences;
}

}  // namespace

Exit run_verify(const CommonOptions& common, const PlanOptionsText& options) {
  auto session = open_session(common, Access::read);
  if (!session) return Console::fail(session.error());
  const Console console(common);
  Tally tally;
  std::vector<DomainFile> files;
  for (const auto& name : options.files) {
    Diagnostics diagnostics;
    auto file = read_domain_file(name, options.mail, diagnostics, common.selection);
    console.report(diagnostics);
    if (file)
      files.push_back(*std::move(file));
    else
      tally.add(name, Exit::error);
  }
  if (!are_spelt_well(misspelt_patterns(common.selection, &*session, files))) return Exit::error;
  for (const auto& file : files)
    tally.add(file.state.name.text(), verify_file(common, options, *session, file));
  if (const auto summary = tally.summary(); !summary.empty()) console.say(summary);
  return tally.exit(false);
}

Exit run_route(const CommonOptions& common, const std::vector<std::string>& addresses) {
  const auto session = open_session(common, Access::read);
  if (!session) return Console::fail(session.error());
  auto router = Router::load(*session->system, session->server, *session->store);
  if (!router) return Console::fail(router.error());
  const Console console(common);
  Exit result = Exit::done;
  for (const auto& address : addresses) {
    const auto route = router->trace(address);
    if (!route) return Console::fail(route.error());
    auto lines = address + "\n";
    for (const auto& step : route->steps) lines += fmt::format("  {}\n", step);
    for (const auto& end : route->ends)
      lines += fmt::format("  {} {}: {}\n", is_good(end.outcome) ? "=" : "!", to_text(end.outcome),
                           end.text);
    if (!console.tell(lines))
      return Console::fail(Error{Errc::io, "standard output: cannot write", Scope::run});
    if (!route->is_good()) result = Exit::differences;
  }
  return result;
}

}  // namespace vstate::cli
