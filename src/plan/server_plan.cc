// Server settings are compared key by key. Most of what a server is set to is its own business:
// what the file does not name is kept, what is of one machine is left, and what belongs to a domain
// of vpopmail's is not touched at all, since a line in the wrong file would take its mail away.

#include "vstate/plan/server_plan.h"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "vstate/base/text.h"

namespace vstate {

namespace {

/// "control/smtproutes": the file as people know it.
std::string file_title(const std::string& file) {
  auto out = file;
  out[out.find('.')] = '/';
  return out;
}

std::string setting_title(const std::string& file, const std::string& key) {
  const auto known = setting_file(file);
  // What a dot-qmail file or a file of one line holds has no name of its own.
  const bool is_plain = !known || known->shape == Shape::line || known->shape == Shape::delivery;
  if (is_plain) return file_title(file);
  const bool is_default =
      key.empty() && (known->shape == Shape::map || known->shape == Shape::rules);
  const auto shown = is_default ? "(all others)" : visible(key);
  return file_title(file) + (shown.empty() ? "" : " ") + shown;
}

/// The part of its file's memory that is about a key, which may be empty.
std::string part_of(const std::string& key) { return "=" + key; }

/// A dot-qmail file is said whole, and not key by key.
bool is_one_thing(const std::string& file) {
  const auto known = setting_file(file);
  return known && known->shape == Shape::delivery;
}

/// What mail is delivered by comes before what brings it.
int rank_of(const std::string& file) {
  if (file == k_rcpthosts) return 3;
  if (file == k_locals) return 2;
  return file == k_virtualdomains ? 1 : 0;
}

/// qmail-send looks into locals first.
void warn_of_locals(const ServerPlanInput& input, ServerPlan& plan) {
  const auto routed = input.desired.files.find(std::string(k_virtualdomains));
  if (routed == input.desired.files.end()) return;
  for (const auto& [key, user] : routed->second)
    if (!input.facts.served.contains(key) && (input.actual.find(k_locals, key) != nullptr ||
                                              input.desired.find(k_locals, key) != nullptr))
      plan.notes.push_back({NoteKind::warning, "mail", setting_title(routed->first, key),
                            "is in locals too, which counts before virtualdomains"});
}

/// A file that lost its content looks like one whose owner wants nothing more.
void guard_deletions(const ServerPlanInput& input, ServerPlan& plan) {
  std::uint64_t here = 0;
  for (const auto& [file, settings] : input.actual.files) here += settings.size();
  const auto removed = summary_of(plan).remove;
  constexpr std::uint64_t few = 10;
  if (removed < few || removed * 3 <= here || removed <= input.options.max_delete) return;
  plan.problems.push_back(fmt::format("would delete {} of {} settings; --max-delete {} allows it",
                                      with_thousands(removed), with_thousands(here), removed));
}

class ServerPlanner {
 public:
  explicit ServerPlanner(const ServerPlanInput& input) : input_(input) {}

  ServerPlan run();

 private:
  void compare_file(const std::string& file, const Settings& wanted);
  void compare(const std::string& file, const std::string& key, const std::string& wanted);
  void compare_absent(const std::string& file, const std::string& key, const std::string& here);
  void compare_others(const std::string& file, const Settings& here);
  [[nodiscard]] Verdict judge(const std::string& file, const std::string& key,
                              const std::string* in_file, const std::string* here) const;
  void keep_or_remove(const std::string& file, const std::string& key, const std::string& value,
                      bool is_ours);
  void settle(Verdict, SettingChange);
  void make_rcpthosts();
  void make_locals();
  void make_limits();
  void change(SettingChange);
  void note(NoteKind kind, const std::string& file, const std::string& key, std::string text) {
    plan_.notes.push_back({kind, "setting", setting_title(file, key), std::move(text)});
  }
  void remember(const std::string& file, const std::string& key, std::optional<std::string> text) {
    plan_.memory[file].insert_or_assign(part_of(key), std::move(text));
  }
  /// Said of what is the target's own, whatever a file says.
  [[nodiscard]] bool is_left_to_domains(const std::string& file, const std::string& key) const;
  [[nodiscard]] bool is_selected(const std::string& file) const {
    return input_.options.selection.takes("server." + file);
  }
  [[nodiscard]] bool is_writable(const std::string& file) const {
    return is_selected(file) && !input_.facts.links.contains(file);
  }
  [[nodiscard]] bool is_taken_away(const std::string& file) const;
  [[nodiscard]] bool is_here(std::string_view file) const {
    return input_.actual.files.contains(std::string(file));
  }

  const ServerPlanInput& input_;
  ServerPlan plan_;
};

void ServerPlanner::change(SettingChange change) {
  if (!is_selected(change.file)) {
    ++plan_.left_out;
    return;
  }
  // A file in the link's place would undo what somebody made, and what is behind it may be nobody's
  // to write.
  if (const auto link = input_.facts.links.find(change.file); link != input_.facts.links.end())
    return note(
        NoteKind::warning, change.file, change.key,
        fmt::format("is not written: the file is a link to {}; change that by hand", link->second));
  plan_.changes.push_back(std::move(change));
}

bool ServerPlanner::is_left_to_domains(const std::string& file, const std::string& key) const {
  return (file == k_rcpthosts || file == k_locals || file == k_virtualdomains) &&
         input_.facts.served.contains(key);
}

void ServerPlanner::compare(const std::string& file, const std::string& key,
                            const std::string& wanted) {
  const auto* here = input_.actual.find(file, key);
  const bool is_same = here != nullptr && *here == wanted;
  if (!input_.options.takes_machine_keys && is_of_one_machine(input_.desired, file, key, wanted)) {
    if (!is_same)
      note(NoteKind::kept, file, key,
           fmt::format("{}{}of one machine; left (--take-machine-keys takes it)",
                       shown_value(file, wanted), wanted.empty() ? "" : ": "));
    return;
  }
  if (is_left_to_domains(file, key)) {
    if (file != k_rcpthosts)
      note(NoteKind::warning, file, key,
           "is a domain of vpopmail's here, whose mail this would take away; left");
    return;
  }
  if (is_same) return remember(file, key, wanted);
  // A name that stands in the text, and not in what is compiled of it, nobody took out.
  const bool is_lost = file == k_rcpthosts && input_.facts.uncompiled.contains(key);
  settle(is_lost ? Verdict::take_file : judge(file, key, &wanted, here),
         {.file = file,
          .key = key,
          .before = here == nullptr ? std::nullopt : std::optional(*here),
          .after = wanted});
}

/// A key that is new in the file is taken as by a first apply, whatever is known of others.
Verdict ServerPlanner::judge(const std::string& file, const std::string& key,
                             const std::string* in_file, const std::string* here) const {
  const bool is_known =
      in_file == nullptr ? input_.memory.knows(file) : input_.memory.knows(file, part_of(key));
  return is_known ? input_.memory.judge(file, part_of(key), in_file, here) : Verdict::take_file;
}

/// What a dot-qmail file has, and the file says that it has not.
void ServerPlanner::compare_absent(const std::string& file, const std::string& key,
                                   const std::string& here) {
  settle(judge(file, key, nullptr, &here),
         {.file = file, .key = key, .before = here, .after = std::nullopt});
}

void ServerPlanner::settle(Verdict verdict, SettingChange wanted) {
  const auto file = wanted.file, key = wanted.key;
  if (verdict == Verdict::take_file || input_.options.overwrite) {
    if (!is_writable(file))
      remember(file, key, std::nullopt);
    else if (wanted.after)
      remember(file, key, wanted.after);
    return change(std::move(wanted));
  }
  remember(file, key, std::nullopt);
  const std::string what = wanted.before ? "was changed here" : "was removed here";
  if (verdict == Verdict::kept)
    note(NoteKind::kept, file, key, what + " after the last apply; kept");
  else
    note(NoteKind::conflict, file, key,
         what +
             " and changed in the file since the last apply; kept (--overwrite takes the file's)");
}

/// What the server has besides: kept, unless the last apply wrote it and it is asked to go.
void ServerPlanner::compare_others(const std::string& file, const Settings& here) {
  const auto wanted = input_.desired.files.find(file);
  const bool is_wanted = wanted != input_.desired.files.end();
  const bool is_whole = is_one_thing(file);
  if (is_wanted && is_whole) return;
  // Of a dot-qmail file nothing goes as long as one thing of it is another than was left.
  const bool is_as_left = std::all_of(here.begin(), here.end(), [&](const auto& item) {
    return input_.memory.left(file, part_of(item.first), item.second);
  });
  for (const auto& [key, value] : here) {
    if (is_wanted && wanted->second.contains(key)) continue;
    // The name of this machine is nobody else's business.
    if (!input_.options.takes_machine_keys && is_of_one_machine(input_.actual, file, key, value))
      continue;
    const bool is_ours = is_whole ? is_as_left : input_.memory.left(file, part_of(key), value);
    keep_or_remove(file, key, value, is_ours);
  }
}

/// `is_ours`: the last apply left it so.
void ServerPlanner::keep_or_remove(const std::string& file, const std::string& key,
                                   const std::string& value, bool is_ours) {
  const bool is_removed = is_ours && input_.options.prune;
  // What was written once stays known, so that a later --prune may remove it.
  if (input_.memory.knows(file) && !(is_removed && is_writable(file)))
    remember(file, key, std::nullopt);
  if (is_removed) return change({.file = file, .key = key, .before = value, .after = std::nullopt});
  note(NoteKind::here_only, file, key,
       is_ours ? "here, not in the file; kept (--prune deletes)" : "here, not in the file; kept");
}

/// Whether somebody took a whole file away after the last apply, where that says something by
/// itself: part of it would be another decision than all of it or none.
bool ServerPlanner::is_taken_away(const std::string& file) const {
  return (file == k_rcpthosts || file == k_locals) && !is_here(file) && input_.memory.knows(file) &&
         !input_.options.overwrite;
}

void ServerPlanner::compare_file(const std::string& file, const Settings& wanted) {
  // Known from now on, also with nothing in it.
  plan_.memory[file].insert_or_assign("file", "");
  if (is_taken_away(file)) {
    note(NoteKind::kept, file, "",
         "was removed here after the last apply; kept (--overwrite makes it anew)");
    for (const auto& [key, value] : wanted) remember(file, key, std::nullopt);
    return;
  }
  for (const auto& [key, value] : wanted) compare(file, key, value);
  const auto here = input_.actual.files.find(file);
  if (!is_one_thing(file) || here == input_.actual.files.end()) return;
  for (const auto& [key, value] : here->second)
    if (!wanted.contains(key)) compare_absent(file, key, value);
}

/// Without the file every recipient is accepted. It is made whole: with the names of the domains
/// here, which nobody had to list so far.
void ServerPlanner::make_rcpthosts() {
  const std::string file(k_rcpthosts);
  if (is_here(file) || !input_.desired.files.contains(file) || is_taken_away(file)) return;
  for (const auto& name : input_.facts.served)
    change({.file = file, .key = name, .before = std::nullopt, .after = ""});
  const bool has_names = std::any_of(plan_.changes.begin(), plan_.changes.end(),
                                     [&](const SettingChange& item) { return item.file == file; });
  if (!has_names)
    change({.file = file, .key = "", .before = std::nullopt, .after = "", .makes_file = true});
  note(NoteKind::warning, file, "",
       "is missing here, so that mail for every host is accepted; once it is made, only mail for "
       "the names in it is");
}

/// Without the file vpopmail's tools refuse to work; an empty one limits nothing.
void ServerPlanner::make_limits() {
  const std::string file(k_limits_default);
  const auto wanted = input_.desired.files.find(file);
  if (wanted != input_.desired.files.end() && wanted->second.empty() && !is_here(file))
    change({.file = file, .key = "", .before = std::nullopt, .after = "", .makes_file = true});
}

/// Without the file the server's own name is local, and stays so.
void ServerPlanner::make_locals() {
  const std::string file(k_locals);
  const auto& name = input_.facts.implied_local;
  const auto is_of_file = [&](const SettingChange& item) { return item.file == file; };
  const bool is_made =
      !is_here(file) && std::any_of(plan_.changes.begin(), plan_.changes.end(), is_of_file);
  const bool is_named =
      std::any_of(plan_.changes.begin(), plan_.changes.end(),
                  [&](const SettingChange& item) { return is_of_file(item) && item.key == name; });
  if (!is_made || is_named || name.empty() || input_.facts.served.contains(name)) return;
  change({.file = file, .key = name, .before = std::nullopt, .after = ""});
  note(NoteKind::warning, file, name,
       "is local here while locals is missing; it stays so in the file that is made");
}

ServerPlan ServerPlanner::run() {
  plan_.server_line = server_line_of(input_.server);
  plan_.evidence = input_.server.evidence;
  for (const auto& [file, wanted] : input_.desired.files) compare_file(file, wanted);
  for (const auto& [file, here] : input_.actual.files) compare_others(file, here);
  make_rcpthosts();
  make_locals();
  make_limits();
  guard_deletions(input_, plan_);
  std::stable_sort(plan_.changes.begin(), plan_.changes.end(),
                   [](const SettingChange& one, const SettingChange& other) {
                     const auto order = [](const SettingChange& item) {
                       return std::tuple(rank_of(item.file), item.file, item.key);
                     };
                     return order(one) < order(other);
                   });
  if (input_.desired.files.contains(std::string(k_tcp_smtp)) && !input_.facts.stale_rules.empty())
    plan_.notes.push_back({NoteKind::warning, "setting", file_title(std::string(k_tcp_smtp)),
                           input_.facts.stale_rules});
  warn_of_locals(input_, plan_);
  for (const auto& obstacle : input_.facts.obstacles)
    plan_.notes.push_back(
        {NoteKind::warning, "mail", setting_title(obstacle.file, obstacle.key), obstacle.what});
  for (const auto& remark : input_.facts.remarks)
    plan_.notes.push_back({NoteKind::warning, "server", "", remark});
  for (const auto& item : input_.desired.left_out)
    plan_.notes.push_back({NoteKind::warning, "left out", item.address, item.why});
  return std::move(plan_);
}

}  // namespace

std::string title_of(const SettingChange& change) {
  return change.makes_file ? file_title(change.file) : setting_title(change.file, change.key);
}

std::string address_of(const SettingChange& change) { return "server." + change.file; }

Verb verb_of(const SettingChange& change) {
  if (!change.before) return Verb::create;
  return change.after ? Verb::update : Verb::remove;
}

Summary summary_of(const ServerPlan& plan) {
  Summary out;
  for (const auto& change : plan.changes) switch (verb_of(change)) {
      case Verb::create:
        ++out.add;
        break;
      case Verb::remove:
        ++out.remove;
        break;
      case Verb::update:
      case Verb::read:
        ++out.change;
        break;
    }
  for (const auto& note : plan.notes) ++(note.kind == NoteKind::warning ? out.warnings : out.kept);
  out.left_out = plan.left_out;
  return out;
}

std::string server_line_of(const Server& server) {
  return fmt::format("vpopmail {} {}, {}; qmail {}",
                     server.version == VpopmailVersion::v54 ? "5.4" : "5.6", server.backend,
                     server.vpopmail_dir, server.qmail_dir);
}

ServerPlan make_server_plan(const ServerPlanInput& input) { return ServerPlanner(input).run(); }

}  // namespace vstate
