// The settings of a server go the way of a domain: inspected on both sides, compared with what the
// last apply left, written a file at a time, and remembered. There is nothing to undo after a stop:
// each file is whole, and the next plan has what is missing. Only the signal to qmail-send leaves
// no trace in a file, so a run that did not come to its end is followed by one that sends it.

#include "engine/server_settings.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include <fmt/format.h>

#include "format/assign.h"
#include "qmail/control_editor.h"
#include "settings/inspect_settings.h"
#include "settings/places.h"
#include "settings/write_settings.h"
#include "sys/path.h"
#include "vstate/base/text.h"
#include "vstate/document/server_document.h"

namespace vstate::engine {

namespace {

constexpr std::string_view k_alias_prefix = "alias.";

/// The names of users that a prepended name can mean: itself, and what stands before each dash.
std::vector<std::string> users_meant(const std::string& prepended) {
  std::vector<std::string> names{prepended};
  for (auto dash = prepended.rfind('-'); dash != std::string::npos && dash > 0;
       dash = prepended.rfind('-', dash - 1))
    names.push_back(prepended.substr(0, dash));
  return names;
}

/// What stands in the way of settings that the file has.
class Obstacles {
 public:
  Obstacles(const Session& session, const ServerState& desired, const ServerObservation& here)
      : session_(session), desired_(desired), here_(here) {}

  Result<std::vector<ServerFacts::Obstacle>> find() {
    VSTATE_TRY_ASSIGN(const auto bytes, session_.system->read_if_there(
                                            path_join(session_.server.qmail_dir, "users/assign")));
    assigned_ = AssignFile::parse(bytes.value_or(".\n")).entries();
    for (const auto& [file, settings] : desired_.files) {
      if (const auto lines = settings.find("deliver"); lines != settings.end())
        VSTATE_TRY(look_at_programs(file, lines->second));
      if (file == k_virtualdomains) VSTATE_TRY(look_at_users(settings));
    }
    return std::move(found_);
  }

 private:
  Status look_at_programs(const std::string& file, const std::string& text) {
    // The lines are asked as those of an alias in any domain.
    State state(*DomainName::parse("settings.invalid"));
    Alias alias;
    for (const auto line : split_lines(text)) alias.deliver.emplace_back(line);
    state.alias.emplace(*AliasName::parse("settings"), std::move(alias));
    for (const auto& program : programs_of(state, paths_of(session_.server))) {
      VSTATE_TRY_ASSIGN(const bool is_there, is_executable(*session_.system, program));
      if (!is_there)
        found_.push_back({file, "", fmt::format("runs {}, which is not on this server", program)});
    }
    return {};
  }

  Status look_at_users(const Settings& settings) {
    std::set<std::string> told;
    for (const auto& [key, user] : settings) {
      if (user.empty() || !told.insert(user).second) continue;
      VSTATE_TRY_ASSIGN(const bool is_known, knows(to_lower(user)));
      if (!is_known)
        found_.push_back(
            {std::string(k_virtualdomains), key,
             fmt::format("goes to {}, which is no user here: its mail bounces", user)});
    }
    return {};
  }

  [[nodiscard]] Result<bool> knows(const std::string& user) const {
    const auto with_dash = user + "-";
    for (const auto& entry : assigned_)
      if (entry.wildcard && with_dash.starts_with(entry.key)) return true;
    const auto has_alias = [&](const std::string& name) {
      const auto file = std::string(k_alias_prefix) + name;
      return desired_.files.contains(file) || here_.state.files.contains(file);
    };
    if (has_alias("default")) return true;
    for (const auto& name : users_meant(user)) {
      // Who has no account in a system's files has qmail's own for the rest.
      if (name == "alias") return true;
      if (has_alias(name + "-default")) return true;
      VSTATE_TRY_ASSIGN(const auto account, session_.system->account(name));
      if (account) return true;
    }
    return false;
  }

  const Session& session_;
  const ServerState& desired_;
  const ServerObservation& here_;
  std::vector<AssignEntry> assigned_;
  std::vector<ServerFacts::Obstacle> found_;
};

std::set<std::string> items_of(const ServerState& desired, const ServerState& actual) {
  std::set<std::string> items;
  for (const auto* state : {&desired, &actual})
    for (const auto& [file, settings] : state->files) items.insert(file);
  return items;
}

/// What is excluded is as if it were not there, on either side.
ServerState without_excluded(ServerState state, const Selection& selection) {
  std::erase_if(state.files,
                [&](const auto& item) { return selection.excludes("server." + item.first); });
  std::erase_if(state.left_out,
                [&](const LeftOut& item) { return selection.excludes("server." + item.address); });
  return state;
}

Result<ServerObservation> inspect_here(Session& session, const Selection& selection) {
  VSTATE_TRY(look_at_qmail(session));
  VSTATE_TRY_ASSIGN(auto here, inspect_settings(*session.system, session.server, *session.qmail));
  here.state = without_excluded(std::move(here.state), selection);
  return here;
}

/// Files of a state that are links on the server.
Result<std::map<std::string, std::string>> links_of(const Session& session,
                                                    const ServerState& desired,
                                                    const ServerState& here) {
  std::map<std::string, std::string> links;
  for (const auto& file : items_of(desired, here)) {
    VSTATE_TRY_ASSIGN(const auto path, path_of_settings(*session.system, session.server, file));
    VSTATE_TRY_ASSIGN(const auto found, session.system->look(path));
    if (!found || !found->is_link()) continue;
    VSTATE_TRY_ASSIGN(auto target, session.system->link_target(path));
    links.emplace(file, visible(target));
  }
  return links;
}

Result<ServerPlan> plan_once(Session& session, const ServerFile& file,
                             const ServerPlanOptions& options) {
  VSTATE_TRY_ASSIGN(const auto here, inspect_here(session, options.selection));
  const auto desired = without_excluded(file.state, options.selection);
  ServerFacts facts{.served = here.served,
                    .uncompiled = here.uncompiled,
                    .implied_local = here.implied_local,
                    .remarks = here.remarks,
                    .obstacles = {},
                    .links = {},
                    .stale_rules = here.stale_rules};
  VSTATE_TRY_ASSIGN(facts.obstacles, Obstacles(session, desired, here).find());
  VSTATE_TRY_ASSIGN(facts.links, links_of(session, desired, here.state));
  Memory memory;
  if (session.memory) {
    VSTATE_TRY_ASSIGN(memory, session.memory->domains().memory_of(Subject::server(),
                                                                  items_of(desired, here.state)));
  }
  auto plan = make_server_plan({.desired = desired,
                                .actual = here.state,
                                .server = session.server,
                                .facts = facts,
                                .options = options,
                                .memory = std::move(memory)});
  if (!session.memory_problem.empty())
    plan.notes.push_back({NoteKind::warning, "ledger", "", session.memory_problem});
  return plan;
}

/// Whether the last run over the settings did not come to its end.
Result<bool> was_stopped(const Session& session) {
  if (!session.memory) return false;
  VSTATE_TRY_ASSIGN(const auto runs,
                    session.memory->runs().latest(Subject::server().text(), 1, false));
  return !runs.empty() && !runs.front().ended;
}

/// Carries out one plan, and keeps what became of it.
class ApplyingSettings {
 public:
  ApplyingSettings(Session& session, const ServerFile& file, const ServerPlan& plan)
      : session_(session), file_(file), plan_(plan) {}

  ServerOutcome run();

 private:
  Status apply(bool signals_at_least);
  Status write_files();
  Status remember_nothing_new();
  void tell_qmail_send();
  void add_remarks(const std::set<std::string>& written);
  void fail_file(const std::string& file, const std::string& message) {
    outcome_.failures.push_back({"server." + file, message});
    failed_.insert(file);
  }

  Session& session_;
  const ServerFile& file_;
  const ServerPlan& plan_;
  ServerOutcome outcome_;
  std::set<std::string> written_, failed_;
};

Status ApplyingSettings::write_files() {
  std::map<std::string, std::vector<SettingChange>> by_file;
  std::vector<std::string> order;
  for (const auto& change : plan_.changes) {
    auto& changes = by_file[change.file];
    if (changes.empty()) order.push_back(change.file);
    changes.push_back(change);
  }
  for (const auto& file : order) {
    // Mail that SMTP accepts must find its way.
    if (file == k_rcpthosts && !failed_.empty()) {
      fail_file(file, "waits until the other files are written");
      continue;
    }
    auto written = write_settings(*session_.system, session_.server, file, by_file[file],
                                  file_.state.rule_order);
    if (written)
      written_.insert(file);
    else if (written.error().ends_run())
      return written;
    else
      fail_file(file, written.error().message);
  }
  // A directory that was made, and a file that was removed, stay so after a loss of power.
  if (!written_.empty())
    for (const auto& place : {session_.server.qmail_dir, session_.server.vpopmail_dir})
      VSTATE_TRY(session_.system->sync(place));
  return {};
}

void ApplyingSettings::tell_qmail_send() {
  const auto told = ControlEditor(*session_.system, session_.server.qmail_dir).tell_qmail_send();
  if (!told)
    fail_file("control.virtualdomains", told.error().message);
  else if (!*told)
    outcome_.remarks.emplace_back(
        "qmail-send is not running here; it will read locals and virtualdomains when it starts");
}

void ApplyingSettings::add_remarks(const std::set<std::string>& written) {
  std::vector<std::string> restart;
  for (const auto& name : written) {
    const auto file = setting_file(name);
    if (file->effect == Effect::by_restart) restart.push_back(name.substr(name.find('.') + 1));
    if (file->effect != Effect::by_compiler) continue;
    const auto path = path_of_settings(*session_.system, session_.server, name);
    if (!path) continue;
    if (name == k_tcp_smtp)
      outcome_.remarks.push_back(
          fmt::format("{} takes effect once it is compiled: tcprules {}.cdb {}.tmp < {}", *path,
                      *path, *path, *path));
    else
      outcome_.remarks.push_back(fmt::format("{} takes effect once it is compiled", *path));
  }
  if (!restart.empty())
    outcome_.remarks.push_back(fmt::format("{} {} effect when qmail is started again",
                                           join(restart, ", "),
                                           restart.size() == 1 ? "takes" : "take"));
}

Status ApplyingSettings::apply(bool signals_at_least) {
  VSTATE_TRY_ASSIGN(auto ledger, open_ledger(session_));
  if (const auto& moved = ledger.moved_to(); !moved.empty())
    outcome_.remarks.push_back(
        fmt::format("the ledger was damaged; it is now {}, and a new one was made", moved));
  VSTATE_TRY_ASSIGN(const auto number, ledger.runs().begin("apply", Subject::server()));
  outcome_.ending = Ending::stopped;
  VSTATE_TRY(write_files());
  outcome_.has_changed = !written_.empty();
  const bool is_to_signal = std::any_of(
      written_.begin(), written_.end(),
      [](const std::string& name) { return setting_file(name)->effect == Effect::by_signal; });
  if (is_to_signal || signals_at_least) tell_qmail_send();
  add_remarks(written_);
  VSTATE_TRY(ledger.domains().remember(Subject::server(), plan_.memory, failed_, false));
  const auto sums = summary_of(plan_);
  outcome_.ending = failed_.empty() ? Ending::done : Ending::partly;
  outcome_.summary =
      failed_.empty()
          ? fmt::format("Applied: {} added, {} changed, {} deleted.", sums.add, sums.change,
                        sums.remove)
          : fmt::format(
                "Partly applied: {} file{} done, {} failed; run it again to take up what is "
                "missing.",
                written_.size(), written_.size() == 1 ? "" : "s", failed_.size());
  Run run;
  run.number = number;
  run.summary = outcome_.summary;
  for (const auto& name : written_) run.changes.push_back({"server." + name, ""});
  for (const auto& failure : outcome_.failures)
    run.changes.push_back({failure.address, failure.message});
  return ledger.runs().end(run);
}

/// The server is as the file says already, which the ledger may not know yet.
Status ApplyingSettings::remember_nothing_new() {
  outcome_.ending = Ending::unchanged;
  if (session_.memory) {
    VSTATE_TRY_ASSIGN(const bool is_news,
                      session_.memory->domains().is_news(Subject::server(), plan_.memory));
    if (!is_news && !session_.memory->has_journal()) return {};
  }
  VSTATE_TRY_ASSIGN(auto ledger, open_ledger(session_));
  return ledger.domains().remember(Subject::server(), plan_.memory, {}, false);
}

ServerOutcome ApplyingSettings::run() {
  const auto stopped = was_stopped(session_);
  const bool is_after_stop = stopped && *stopped;
  const auto done =
      !plan_.is_empty() || is_after_stop ? apply(is_after_stop) : remember_nothing_new();
  if (!done) outcome_.errors.push_back(done.error());
  if (!done && outcome_.ending == Ending::unchanged) outcome_.ending = Ending::refused;
  if (!done) outcome_.has_changed = !written_.empty();
  if (plan_.is_empty() && outcome_.ending == Ending::done) outcome_.ending = Ending::unchanged;
  return std::move(outcome_);
}

}  // namespace

Selection without_settings(Selection selection, const std::vector<ServerFile>& files) {
  std::vector<std::string> addresses;
  for (const auto& file : setting_files()) addresses.push_back("server." + std::string(file.name));
  for (const auto& file : files)
    for (const auto& [name, settings] : file.state.files) addresses.push_back("server." + name);
  const auto is_of_settings = [&](const std::string& pattern) {
    const Selection one{.only = {pattern}, .exclude = {}};
    // One that matches everything is about domains too.
    return pattern.starts_with("server.") &&
           std::any_of(addresses.begin(), addresses.end(),
                       [&](const std::string& address) { return one.takes(address); });
  };
  std::erase_if(selection.only, is_of_settings);
  std::erase_if(selection.exclude, is_of_settings);
  return selection;
}

Result<ServerDump> dump_settings(Session& session, const Selection& selection) {
  VSTATE_TRY_ASSIGN(auto found, inspect_here(session, selection));
  auto remarks = std::move(found.remarks);
  if (!found.stale_rules.empty()) remarks.push_back(std::move(found.stale_rules));
  return ServerDump{.text = document::write_server(found.state),
                    .remarks = std::move(remarks),
                    .left_out = std::move(found.state.left_out)};
}

Result<ServerPlan> plan_settings(Session& session, const ServerFile& file,
                                 const ServerPlanOptions& options) {
  auto plan = plan_once(session, file, options);
  // A damaged ledger is found out when it is asked; then all is done once more without it.
  return forgets_damaged_ledger(session) ? plan_once(session, file, options) : std::move(plan);
}

ServerOutcome apply_settings(Session& session, const ServerFile& file, const ServerPlan& plan) {
  return ApplyingSettings(session, file, plan).run();
}

}  // namespace vstate::engine
