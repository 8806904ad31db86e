// A server is opened without its accounts: the switch is a matter of qmail's files alone.

#include "cutover/switchboard.h"

#include <algorithm>

#include <fmt/format.h>

#include "inspect/detect.h"
#include "qmail/signal.h"
#include "remote/remote_control.h"
#include "vstate/base/text.h"

namespace vstate::cutover {

namespace {

/// A server of another machine is changed by SFTP, where only this use of it writes.
Result<std::unique_ptr<System>> open_files(const engine::ServerOptions& options,
                                           engine::Access access) {
  if (access == engine::Access::write)
    if (const auto place = engine::remote_place(options))
      return remote::RemoteControl::open(options.connecting, *place, options.stop);
  return engine::open_system(options, access);
}

}  // namespace

bool SwitchPlan::has_lines() const {
  return std::any_of(domains.begin(), domains.end(), [](const auto& domain) {
    return !domain.lines.empty() || !domain.refused.empty();
  });
}

Result<Switchboard> open_switchboard(const engine::ServerOptions& options, engine::Access access) {
  VSTATE_TRY_ASSIGN(auto system, open_files(options, access));
  VSTATE_TRY_ASSIGN(auto server, detect_server(*system, options.overrides));
  FileLock lock{Handle()};
  if (access == engine::Access::write && system->local() != nullptr) {
    VSTATE_TRY_ASSIGN(lock, engine::take_run_lock(*system));
  }
  if (access == engine::Access::write) VSTATE_TRY(Journals(*system, server).remove_left_over());
  VSTATE_TRY_ASSIGN(auto qmail, QmailFiles::load(*system, server));
  return Switchboard{.system = std::move(system),
                     .server = std::move(server),
                     .qmail = std::move(qmail),
                     .lock = std::move(lock)};
}

Result<std::string> own_name(const Files& files, const Server& server) {
  VSTATE_TRY_ASSIGN(const auto me, files.read_if_there(path_join(server.qmail_dir, "control/me")));
  const auto lines = split_lines(std::string_view(me ? *me : std::string_view()));
  return lines.empty() ? std::string() : to_lower(trim_end(lines.front()));
}

Result<std::vector<DomainName>> domains_to_switch(const Switchboard& board,
                                                  const std::vector<DomainName>& names) {
  for (const auto& name : names) {
    const auto* found = board.qmail.find(name.text());
    if (found == nullptr)
      return fail(Errc::not_found,
                  fmt::format("{}: there is no such domain on this server", name.text()));
    if (found->kind == AssignedDomain::Kind::foreign)
      return fail(Errc::unsupported,
                  fmt::format("{}: is no domain of vpopmail: users/assign gives it to {}",
                              name.text(), found->real));
    if (found->kind == AssignedDomain::Kind::alias)
      return fail(Errc::unsupported, fmt::format("{}: is another name of {}, with which it moves",
                                                 name.text(), found->real));
  }
  return names;
}

SwitchPlan begin_plan(const Journaled& journals) {
  SwitchPlan plan;
  for (const auto& domain : journals.chosen)
    plan.domains.push_back({.domain = domain, .lines = {}, .refused = {}, .warnings = {}});
  return plan;
}

DomainSwitch& part_of(SwitchPlan& plan, const DomainName& name) {
  const auto found = std::find_if(plan.domains.begin(), plan.domains.end(),
                                  [&](const auto& part) { return part.domain == name; });
  VSTATE_ASSERT(found != plan.domains.end());
  return *found;
}

Result<Journaled> chosen_journals(Switchboard& board, const std::vector<DomainName>& names) {
  Journaled out;
  VSTATE_TRY_ASSIGN(out.all, Journals(*board.system, board.server).load());
  out.chosen = names;
  if (names.empty())
    for (const auto& [name, journal] : out.all) out.chosen.push_back(name);
  for (const auto& name : out.chosen)
    if (!out.all.contains(name))
      return fail(Errc::not_found,
                  fmt::format("{}: no cutover of it is known on this server", name.text()));
  return out;
}

Result<Told> tell_qmail_send(Switchboard& board) {
  if (board.system->local() != nullptr) {
    VSTATE_TRY_ASSIGN(const int told, hup_qmail_send(*board.system, board.server.qmail_dir));
    return told > 0 ? Told::told : Told::not_running;
  }
  const auto* there = dynamic_cast<const remote::SftpFiles*>(board.system.get());
  // Processes of the machine have nothing to do with a server below some directory of it.
  const auto place = remote::parse_place(board.system->root());
  if (there == nullptr || !place || (!place->directory.empty() && place->directory != "/"))
    return Told::cannot;
  auto& channel = there->channel();
  const auto told = remote::hup_qmail_send_there(channel.connecting(), channel.host());
  if (!told) return Told::cannot;
  return *told > 0 ? Told::told : Told::not_running;
}

void drop_unmade(FileRecord& record, const EditableLines& lines) {
  std::map<std::string, std::size_t> there;
  for (const auto& line : lines.all()) ++there[line];
  std::erase_if(record.edits, [&](const LineEdit& edit) {
    auto& count = there[edit.line];
    if (edit.kind == LineEdit::Kind::remove) return count > 0;
    if (count == 0) return true;
    --count;
    return false;
  });
}

}  // namespace vstate::cutover
