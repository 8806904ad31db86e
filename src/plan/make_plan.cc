// From two states to a list of actions, in the order in which they will run. The function is pure:
// what only the target can tell stands in the input. For each part of each item there are up to
// three sides, and the rule is that a person's change on the server is never undone in silence: it
// is kept and noted.

#include <algorithm>

#include <fmt/format.h>

#include "vstate/base/text.h"
#include "vstate/plan/plan.h"
#include "vstate/plan/server_plan.h"

namespace vstate {

namespace {

/// As address_of names the action for it.
std::string item_address(const std::string& kind, const std::string& name) {
  return name.empty() ? kind : kind + "." + name;
}

template <class Key>
const std::string& text_of(const Key& key) {
  if constexpr (requires { key.text(); })
    return key.text();
  else
    return key;
}

struct ThreeSided {
  const std::string& part;
  const std::string *file, *server;  ///< null: it is not there
};

/// Where file and server agree there is nothing to choose, whatever was there before.
Verdict judge_part(const PlanInput& input, const std::string& item, const ThreeSided& sides) {
  const auto& [part, file, server] = sides;
  const bool are_alike = file != nullptr && server != nullptr && *file == *server;
  if (input.options.overwrite || are_alike) return Verdict::take_file;
  return input.memory.judge(item, part, file, server);
}

class Planner {
 public:
  explicit Planner(const PlanInput& input) : input_(input), plan_{.domain = input.desired.name} {}

  Plan run();

 private:
  [[nodiscard]] bool is_there() const { return input_.actual != nullptr; }
  void note(NoteKind kind, std::string subject, std::string name, std::string text) {
    plan_.notes.push_back({kind, std::move(subject), std::move(name), std::move(text)});
  }

  /// One kind of named parts: `effective(name, desired, actual)` is what the target shall have.
  template <class Map, class Effective>
  void compare(const Map& desired, const Map* actual, std::string_view kind, Effective effective);
  template <class Value>
  void compare_single(std::string_view kind, const std::optional<Value>& desired,
                      const std::optional<Value>& actual);
  /// What only the server has.
  template <class Map>
  void keep_or_prune(const Map& desired, const Map& actual, const std::string& kind);

  /// The file's value, with what a person changed on the server since the last apply taken from
  /// there. Notes what that is, and what the ledger shall know.
  template <class Value>
  Value merged(const std::string& kind, const std::string& name, Value wanted, const Value& now);
  /// Whose text of a part counts; nullptr: that side does not have the part.
  /// True if the server shall go without an item that the file has: a person removed it.
  template <class Value>
  bool stays_removed(const std::string& kind, const std::string& name, const Value& wanted);
  /// A file of a mailbox whose home root has not put where it is.
  [[nodiscard]] bool is_in_home_elsewhere(std::string_view kind, std::string_view path) const;
  void note_kept(Verdict, const std::string& kind, const std::string& name,
                 const std::string& what);
  [[nodiscard]] Mailbox effective_mailbox(const Mailbox& desired, const Mailbox* actual) const;
  [[nodiscard]] List effective_list(const std::string& name, const List& desired,
                                    const List* actual);
  void add_domain();
  void add_misfits();
  void add_repairs();
  void add_archives(Box::Kind kind);
  void add_conversions();
  void add_publication();
  void add_left_out();
  void filter();

  const PlanInput& input_;
  Plan plan_;
};

bool Planner::is_in_home_elsewhere(std::string_view kind, std::string_view path) const {
  const auto& elsewhere = input_.condition.homes_elsewhere;
  return kind == "file" && std::any_of(elsewhere.begin(), elsewhere.end(), [&](const auto& name) {
           return path.starts_with(mailbox_placeholder(name) + "/");
         });
}

void Planner::note_kept(Verdict verdict, const std::string& kind, const std::string& name,
                        const std::string& what) {
  if (verdict == Verdict::kept)
    note(NoteKind::kept, kind, name, what + " here after the last apply; kept");
  else
    note(NoteKind::conflict, kind, name,
         what +
             " here and changed in the file since the last apply; kept (--overwrite takes the "
             "file's)");
}

template <class Value>
bool Planner::stays_removed(const std::string& kind, const std::string& name, const Value& wanted) {
  const auto item = item_address(kind, name);
  // An item that the server lacks was either never made or was removed there; only the memory tells
  // them apart.
  const auto verdict = is_there() && !input_.options.overwrite
                           ? input_.memory.judge_removed(item, parts_of(wanted))
                           : Verdict::take_file;
  if (verdict == Verdict::take_file) {
    if (input_.options.remembers)
      for (auto& [part, text] : parts_of(wanted)) plan_.memory[item][part] = std::move(text);
    return false;
  }
  note_kept(verdict, kind, name, "was removed");
  // Mail for what a person has removed must not be delivered either.
  plan_.unplaced.insert(item);
  return true;
}

template <class Value>
Value Planner::merged(const std::string& kind, const std::string& name, Value wanted,
                      const Value& now) {
  // The usual case of a large domain: nothing differs, and no texts have to be made to see it.
  if constexpr (std::is_same_v<Value, Mailbox>)
    if (!input_.options.remembers && have_same_parts(wanted, now)) return wanted;
  const auto item = item_address(kind, name);
  std::map<std::string, std::optional<std::string>> left;
  const auto in_file = parts_of(wanted), on_server = parts_of(now);
  std::map<Verdict, std::vector<std::string>> kept;
  const auto settle = [&](const std::string& part, const std::string* file,
                          const std::string* server) {
    const auto verdict = judge_part(input_, item, {part, file, server});
    if (verdict == Verdict::take_file) {
      if (file != nullptr) left[part] = *file;
      return;
    }
    // The server's part goes into what is wanted, so the action that follows leaves it as it is.
    take_part(wanted, now, part);
    left[part] = std::nullopt;
    kept[verdict].push_back(part_title(part));
  };
  // Parts of both sides are judged: one that the file lacks may have been added by a person here.
  for (const auto& [part, text] : in_file) {
    const auto found = on_server.find(part);
    settle(part, &text, found == on_server.end() ? nullptr : &found->second);
  }
  for (const auto& [part, text] : on_server)
    if (!in_file.contains(part)) settle(part, nullptr, &text);
  if (input_.options.remembers) plan_.memory[item] = std::move(left);
  for (const auto& [verdict, parts] : kept)
    note_kept(verdict, kind, name,
              join(parts, ", ") + (parts.size() == 1 ? " was changed" : " were changed"));
  return wanted;
}

template <class Map, class Effective>
void Planner::compare(const Map& desired, const Map* actual, std::string_view kind,
                      Effective effective) {
  using Value = typename Map::mapped_type;
  for (const auto& [key, value] : desired) {
    const Value* found = nullptr;
    if (actual != nullptr)
      if (const auto at = actual->find(key); at != actual->end()) found = &at->second;
    auto wanted = effective(text_of(key), value, found);
    if (found == nullptr) {
      if (!stays_removed(std::string(kind), text_of(key), wanted))
        plan_.actions.push_back(Change<Value>{text_of(key), std::nullopt, std::move(wanted)});
      continue;
    }
    // The server's value goes through the same rules, so that what does not count on one side does
    // not count on the other.
    auto now = effective(text_of(key), *found, static_cast<const Value*>(nullptr));
    wanted = merged(std::string(kind), text_of(key), std::move(wanted), now);
    if (!(now == wanted))
      plan_.actions.push_back(Change<Value>{text_of(key), std::move(now), std::move(wanted)});
  }
  if (actual != nullptr) keep_or_prune(desired, *actual, std::string(kind));
}

template <class Map>
void Planner::keep_or_prune(const Map& desired, const Map& actual, const std::string& kind) {
  for (const auto& [key, value] : actual) {
    if (desired.contains(key)) continue;
    if (is_in_home_elsewhere(kind, text_of(key))) {
      note(NoteKind::kept, kind, text_of(key), "here, outside the domain; kept");
    } else if (input_.options.prune) {
      if (kind == "mailbox" && input_.condition.homes_elsewhere.contains(text_of(key)))
        note(NoteKind::warning, kind, text_of(key),
             "its home is outside the domain's directory; it is left as it is");
      plan_.actions.push_back(Change<typename Map::mapped_type>{text_of(key), value, std::nullopt});
      plan_.memory[item_address(kind, text_of(key))] = {};
    } else
      note(NoteKind::here_only, kind, text_of(key),
           "here, not in the file; kept (--prune deletes)");
  }
}

template <class Value>
void Planner::compare_single(std::string_view kind, const std::optional<Value>& desired,
                             const std::optional<Value>& actual) {
  if (desired && actual) {
    auto wanted = merged(std::string(kind), "", *desired, *actual);
    if (wanted != *actual) plan_.actions.push_back(Change<Value>{{}, actual, std::move(wanted)});
  } else if (desired) {
    if (!stays_removed(std::string(kind), "", *desired))
      plan_.actions.push_back(Change<Value>{{}, actual, desired});
  } else if (actual && input_.options.prune && kind == "limits") {
    plan_.actions.push_back(Change<Value>{{}, actual, std::nullopt});
  } else if (actual) {
    note(NoteKind::here_only, std::string(kind), "", "here, not in the file; kept");
  }
}

/// What the target shall have: the file's mailbox, with what changes by itself taken from the
/// target, and without what the target cannot keep (refusals.cc names that).
Mailbox Planner::effective_mailbox(const Mailbox& desired, const Mailbox* actual) const {
  Mailbox wanted = desired;
  wanted.mail.reset();
  if (!input_.server.stores_clear_passwords) wanted.clear_password.reset();
  if (actual == nullptr) return wanted;
  // A login that is newer here is the truth; an older one in the file would set it back.
  if (actual->last_login && (!wanted.last_login || wanted.last_login->at <= actual->last_login->at))
    wanted.last_login = actual->last_login;
  // A clear-text password belongs to its hash: it stays with it, and goes when the hash changes.
  if (!wanted.clear_password && wanted.password == actual->password)
    wanted.clear_password = actual->clear_password;
  return wanted;
}

List Planner::effective_list(const std::string& name, const List& desired, const List* actual) {
  List wanted = desired;
  wanted.archive.reset();
  if (actual == nullptr) return wanted;
  // Files and links that only the server has stay: ezmlm takes many of its settings from their
  // being there.
  for (const auto& [file, text] : actual->files) wanted.files.emplace(file, text);
  for (const auto& [suffix, target] : actual->links) wanted.links.emplace(suffix, target);
  if (wanted.key.empty()) wanted.key = actual->key;
  // People subscribe by themselves; addresses that are only here are theirs.
  std::size_t only_here = 0;
  for (const auto& [directory, addresses] : actual->addresses) {
    auto& here = wanted.addresses[directory];
    for (const auto& address : addresses)
      if (!here.contains(address)) {
        ++only_here;
        if (!input_.options.prune) here.insert(address);
      }
  }
  if (only_here > 0 && !input_.options.prune)
    note(NoteKind::here_only, "list", name,
         fmt::format("{} address{} only here; kept (--prune deletes)", only_here,
                     only_here == 1 ? " is" : "es are"));
  return wanted;
}

void Planner::add_misfits() {
  for (const auto& misfit : input_.facts.misfits) {
    if (input_.options.alter && !misfit.remedy.empty())
      plan_.actions.push_back(AlterStore{misfit.remedy, to_text(misfit)});
    else
      plan_.problems.push_back(
          to_text(misfit) +
          (misfit.remedy.empty() ? "" : fmt::format("; --alter runs {}", misfit.remedy)));
  }
}

void Planner::add_repairs() {
  for (const auto& defect : input_.condition.defects) {
    // A mailbox that the file does not name is not this apply's business, unless the whole is.
    const auto name = MailboxName::parse(defect.subject);
    const bool is_mailbox = defect.kind == DefectKind::home ||
                            (defect.kind == DefectKind::ownership && !defect.subject.empty());
    if (is_mailbox && name && !input_.desired.mailboxes.contains(*name)) continue;
    plan_.actions.push_back(Repair{defect.kind, defect.subject, defect.detail});
  }
}

void Planner::add_archives(Box::Kind kind) {
  for (const auto& report : input_.facts.archives) {
    if (report.box.kind != kind || plan_.unplaced.contains(address_of_owner(report.box))) continue;
    const char* title = kind == Box::Kind::list ? "archive" : "mail";
    if (report.messages > 0 || report.files > 0 || report.changed > 0 || !report.replaced.empty() ||
        !report.left_over.empty())
      plan_.actions.push_back(CopyArchive{.box = report.box,
                                          .archive = report.archive,
                                          .messages = report.messages,
                                          .bytes = report.bytes,
                                          .files = report.files,
                                          .changed = report.changed,
                                          .replaced = report.replaced,
                                          .left_over = report.left_over,
                                          .identity = report.identity,
                                          .repeated = report.repeated,
                                          .known = report.known});
    if (!report.kept.empty())
      note(NoteKind::kept, title, report.box.name,
           fmt::format("{} file{} changed on this server; kept: {}", report.kept.size(),
                       report.kept.size() == 1 ? " was" : "s were", join(report.kept, ", ")));
    for (const auto& refused : report.refused)
      note(NoteKind::warning, title, report.box.name, "not delivered: " + refused);
  }
}

/// Where it is to be done now, and where mail comes that makes it necessary.
void Planner::add_conversions() {
  if (!input_.options.to_dovecot) return;
  auto names = input_.facts.to_convert;
  // A conversion works on what is there, so mail that comes in this run makes one necessary.
  for (const auto& action : plan_.actions)
    if (const auto* copy = std::get_if<CopyArchive>(&action);
        copy != nullptr && copy->box.kind == Box::Kind::mailbox)
      for (const auto& report : input_.facts.archives)
        if (report.box == copy->box && report.has_courier_files) names.insert(copy->box.name);
  for (const auto& name : names) plan_.actions.push_back(ConvertMail{name});
}

void Planner::add_publication() {
  const auto publish = [&](const DomainName& name, bool is_alias) {
    const auto found = input_.condition.published.find(name);
    const auto place = found == input_.condition.published.end() ? Publication{} : found->second;
    // All places are compared, so a name that somebody took out of one of them is put back.
    if (!place.is_complete()) plan_.actions.push_back(Publish{name, is_alias, place});
  };
  publish(input_.desired.name, false);
  for (const auto& alias : input_.desired.aliases) publish(alias, true);
  if (!is_there()) return;
  for (const auto& alias : input_.actual->aliases) {
    if (input_.desired.aliases.contains(alias)) continue;
    if (input_.options.prune)
      plan_.actions.push_back(Unpublish{alias});
    else
      note(NoteKind::here_only, "alias domain", alias.text(),
           "here, not in the file; kept (--prune deletes)");
  }
}

void Planner::filter() {
  const auto is_out = [&](const Action& action) {
    return !input_.options.selection.takes(address_of(action));
  };
  const auto before = plan_.actions.size();
  for (const auto& action : plan_.actions) {
    if (!is_out(action)) continue;
    // What is not done is not remembered as done.
    plan_.memory.erase(address_of(action));
    const auto* mailbox = std::get_if<Change<Mailbox>>(&action);
    const auto* list = std::get_if<Change<List>>(&action);
    // A mailbox that is not made has no home for its mail.
    if ((mailbox != nullptr && !mailbox->before) || (list != nullptr && !list->before))
      plan_.unplaced.insert(address_of(action));
  }
  std::erase_if(plan_.actions, [&](const Action& action) {
    const auto* copy = std::get_if<CopyArchive>(&action);
    return is_out(action) ||
           (copy != nullptr && plan_.unplaced.contains(address_of_owner(copy->box)));
  });
  plan_.left_out = before - plan_.actions.size();
  if (const auto left_out = plan_.left_out; left_out > 0)
    note(NoteKind::kept, "domain", input_.desired.name.text(),
         fmt::format("{} change{} left out by --only", left_out, left_out == 1 ? "" : "s"));
}

/// What the file says that it has not: whoever applies it shall know. And of which mailboxes here
/// vstate cannot see the mail.
void Planner::add_left_out() {
  constexpr std::string_view of_mail = "mail.";
  if (is_there())
    for (const auto& item : input_.actual->left_out)
      if (item.address.starts_with(of_mail))
        note(NoteKind::warning, "mail", item.address.substr(of_mail.size()), visible(item.why));
  for (const auto& item : input_.desired.left_out) {
    const auto dot = item.address.find('.');
    const auto kind = item.address.substr(0, dot);
    const auto name = dot == std::string::npos ? std::string() : item.address.substr(dot + 1);
    const auto mail = item.messages == 0
                          ? std::string()
                          : fmt::format(" ({} message{}, {})", with_thousands(item.messages),
                                        item.messages == 1 ? "" : "s", human_bytes(item.bytes));
    note(NoteKind::warning, kind, name,
         fmt::format("is not in the file{}: {}", mail, visible(item.why)));
  }
}

void Planner::add_domain() {
  if (input_.condition.directory.empty()) {
    plan_.actions.push_back(
        CreateDomain{input_.facts.new_directory, input_.facts.new_directory_is_hashed});
  } else if (!input_.condition.has_directory) {
    // It has its place in users/assign and in the domains' counter already.
    plan_.actions.push_back(CreateDomain{input_.condition.directory, false});
  }
}

Plan Planner::run() {
  const auto& desired = input_.desired;
  const State* actual = input_.actual;
  plan_.server_line = server_line_of(input_.server);
  plan_.evidence = input_.server.evidence;
  // Refusals are found whatever else the plan holds, so that all of them are shown before anything
  // is written.
  plan_.problems = find_refusals(input_);
  plan_.notes = find_warnings(input_);
  add_domain();
  // Tables are altered, and repairs made, before values go in that need them.
  add_misfits();
  add_repairs();
  const auto as_it_is = [](const std::string&, const auto& value, const auto*) { return value; };
  // The order of these lines is the order of execution, in which accounts come before mail and mail
  // before what delivers to them.
  compare_single("limits", desired.limits, is_there() ? actual->limits : std::nullopt);
  compare(desired.mailboxes, is_there() ? &actual->mailboxes : nullptr, "mailbox",
          [&](const std::string&, const Mailbox& value, const Mailbox* other) {
            return effective_mailbox(value, other);
          });
  compare(desired.files, is_there() ? &actual->files : nullptr, "file", as_it_is);
  add_archives(Box::Kind::mailbox);
  add_archives(Box::Kind::files);
  if (!input_.facts.feed.empty()) plan_.actions.push_back(CopyFeed{input_.facts.feed});
  add_conversions();
  compare(desired.autoresponders, is_there() ? &actual->autoresponders : nullptr, "autoresponder",
          as_it_is);
  compare(desired.alias, is_there() ? &actual->alias : nullptr, "alias", as_it_is);
  compare(desired.lists, is_there() ? &actual->lists : nullptr, "list",
          [&](const std::string& name, const List& value, const List* other) {
            return effective_list(name, value, other);
          });
  add_archives(Box::Kind::list);
  auto catch_all = desired.default_delivery;
  const auto now = is_there() ? actual->default_delivery : std::nullopt;
  // Without the line nobody would receive mail, so a new domain gets vpopmail's own.
  if (!catch_all && !now)
    catch_all = DeliveryLines{"| {vpopmail}/bin/vdelivermail '' bounce-no-mailbox"};
  compare_single("default", catch_all, now);
  add_publication();
  if (input_.condition.is_frozen)
    note(NoteKind::warning, "domain", desired.name.text(), k_frozen_remark);
  for (const auto& remark : input_.condition.remarks)
    note(NoteKind::warning, "domain", desired.name.text(), remark);
  add_left_out();
  // Selection is last but for the guard, which judges what would really be done.
  filter();
  plan_.mail_here = input_.facts.mail_here;
  for (auto& refusal : mass_deletions(deletions_of(plan_), input_))
    plan_.problems.push_back(std::move(refusal));
  return std::move(plan_);
}

}  // namespace

std::string address_of(const Action& action) {
  // Each address is unique within a plan, since the ledger and the report go by it.
  struct Addresses {
    std::string operator()(const CreateDomain&) const { return "domain"; }
    std::string operator()(const AlterStore&) const { return "alter"; }
    std::string operator()(const Repair& repair) const {
      return repair.subject.empty() ? "repair" : "repair." + repair.subject;
    }
    std::string operator()(const Change<Limits>&) const { return "limits"; }
    std::string operator()(const Change<Mailbox>& change) const { return "mailbox." + change.name; }
    std::string operator()(const Change<File>& change) const { return "file." + change.name; }
    std::string operator()(const CopyArchive& copy) const { return address_of_contents(copy.box); }
    std::string operator()(const CopyFeed&) const { return "mail"; }
    std::string operator()(const ConvertMail& convert) const { return "convert." + convert.name; }
    std::string operator()(const Change<Autoresponder>& change) const {
      return "autoresponder." + change.name;
    }
    std::string operator()(const Change<Alias>& change) const { return "alias." + change.name; }
    std::string operator()(const Change<List>& change) const { return "list." + change.name; }
    std::string operator()(const Change<DeliveryLines>&) const { return "default"; }
    std::string operator()(const Publish& publish) const {
      return "publish." + publish.name.text();
    }
    std::string operator()(const Unpublish& publish) const {
      return "publish." + publish.name.text();
    }
  };
  return std::visit(Addresses{}, action);
}

std::set<std::string> disputed_items(const State& desired, const State* actual) {
  std::set<std::string> items;
  // A domain that is not there is made as the file says.
  if (actual == nullptr) return items;
  const auto add = [&](const std::string& kind, const auto& wanted, const auto& now, auto is_same) {
    for (const auto& [key, value] : wanted) {
      const auto found = now.find(key);
      if (found == now.end() || !is_same(value, found->second))
        items.insert(item_address(kind, text_of(key)));
    }
  };
  const auto is_equal = [](const auto& one, const auto& other) { return one == other; };
  add("mailbox", desired.mailboxes, actual->mailboxes, have_same_parts);
  add("file", desired.files, actual->files, is_equal);
  add("autoresponder", desired.autoresponders, actual->autoresponders, is_equal);
  add("alias", desired.alias, actual->alias, is_equal);
  // What is only on the server becomes part of what is wanted.
  add("list", desired.lists, actual->lists, [](const List&, const List&) { return false; });
  items.insert({"limits", "default"});
  return items;
}

Plan make_plan(const PlanInput& input) { return Planner(input).run(); }

}  // namespace vstate
