// The plan as JSON, which is also what the text is made of: what a program reads and what a person
// sees cannot differ. Values come from the fields of the model, which hold nothing of a secret but
// its name; that is listed under "sensitive", and whether it changes is said without either value.

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "model/fields.h"
#include "view/detail.h"
#include "view/plan_view.h"
#include "vstate/base/text.h"

namespace vstate::view {

namespace {

using Json = nlohmann::ordered_json;

/// One entry of "changes". `detail` is what stands behind the name in the text.
Json entry(std::string kind, std::string name, std::string address) {
  Json out;
  out["kind"] = std::move(kind);
  out["name"] = std::move(name);
  out["address"] = std::move(address);
  out["actions"] = Json::array();
  return out;
}

Json to_json(const FieldData& data) {
  return std::visit([](const auto& value) { return Json(value); }, data);
}

Json to_object(const Fields& fields) {
  Json out = Json::object();
  for (const auto& field : fields)
    if (!field.is_sensitive) out[field.name] = to_json(field.data);
  return out;
}

/// A side that does not have the field is absent; its words are empty.
Json to_json(const FieldChange& field) {
  Json out{{"field", field.name}};
  // Not even words about the value go out: two schemes would tell something of it.
  if (field.is_sensitive) {
    out["sensitive"] = true;
    return out;
  }
  // The data is for programs and keeps its type; the texts are what people see.
  if (field.before_data) out["before"] = to_json(*field.before_data);
  if (field.after_data) out["after"] = to_json(*field.after_data);
  out["before_text"] = field.before;
  out["after_text"] = field.after;
  return out;
}

void add_sensitive(Json& out, const Fields& fields) {
  Json names = Json::array();
  for (const auto& field : fields)
    if (field.is_sensitive) names.push_back(field.name);
  if (!names.empty()) out["sensitive"] = std::move(names);
}

template <class Value>
std::vector<std::string> secrets_changed(const Value&, const Value&) {
  return {};
}
std::vector<std::string> secrets_changed(const Mailbox& before, const Mailbox& after) {
  return changed_secrets(before, after);
}
std::vector<std::string> secrets_changed(const List& before, const List& after) {
  return changed_secrets(before, after);
}

/// A member that only one side has.
FieldChange one_sided(const std::string& name, const std::string& before,
                      const std::string& after) {
  // An empty text is an absent side here, since no member is an empty text.
  FieldChange out{.name = name, .before = before, .after = after};
  if (!before.empty()) out.before_data = before;
  if (!after.empty()) out.after_data = after;
  return out;
}

/// A text that is too long to be shown, and has as many lines and bytes as the other.
FieldChange other_text(const std::string& name) {
  return {.name = name,
          .before = "other text",
          .after = "text of the file",
          .is_sensitive = false,
          .before_data = "other text",
          .after_data = "text of the file"};
}

/// Each address that comes or goes is a change of its own, which a person may want to read.
void add_addresses(std::vector<FieldChange>& changes, const std::string& title,
                   const std::set<std::string>& before, const std::set<std::string>& after) {
  for (const auto& address : after)
    if (!before.contains(address)) changes.push_back(one_sided(title, "", address));
  for (const auto& address : before)
    if (!after.contains(address)) changes.push_back(one_sided(title, address, ""));
}

/// Sets of addresses change in members that a count does not show.
template <class Value>
void add_detail(std::vector<FieldChange>&, const Value&, const Value&) {}
void add_detail(std::vector<FieldChange>& changes, const List& before, const List& after) {
  const std::set<std::string> none;
  for (const auto& [directory, addresses] : after.addresses) {
    // A sub-list that one side lacks is as good as an empty one.
    const auto found = before.addresses.find(directory);
    const auto& old = found == before.addresses.end() ? none : found->second;
    const auto title = directory.empty()    ? std::string("subscribers")
                       : directory == "mod" ? "moderators"
                                            : directory;
    add_addresses(changes, title, old, addresses);
  }
  for (const auto& [name, text] : after.files) {
    const auto old = before.files.find(name);
    const auto field = "files." + name;
    const bool is_shown = std::any_of(changes.begin(), changes.end(),
                                      [&](const FieldChange& c) { return c.name == field; });
    if (old != before.files.end() && old->second != text && !is_shown)
      changes.push_back(other_text(field));
  }
}
void add_detail(std::vector<FieldChange>& changes, const File& before, const File& after) {
  // Two long texts of one size look alike in words; that they differ must be seen all the same.
  if (changes.empty() && before.content != after.content) changes.push_back(other_text("content"));
}
void add_detail(std::vector<FieldChange>& changes, const Autoresponder& before,
                const Autoresponder& after) {
  if (before.message != after.message &&
      std::none_of(changes.begin(), changes.end(),
                   [](const FieldChange& c) { return c.name == "message"; }))
    changes.push_back(other_text("message"));
}
void add_detail(std::vector<FieldChange>& changes, const Mailbox& before, const Mailbox& after) {
  if (before.vacation && after.vacation && *before.vacation != *after.vacation &&
      std::none_of(changes.begin(), changes.end(),
                   [](const FieldChange& c) { return c.name == "vacation"; }))
    changes.push_back(other_text("vacation"));
}

class ActionJson {
 public:
  explicit ActionJson(const Action& action)
      : address_(address_of(action)), detail_(detail_of(action)) {}

  Json operator()(const CreateDomain&) const { return with_detail("domain", ""); }
  Json operator()(const AlterStore&) const { return with_detail("alter", ""); }
  Json operator()(const Repair& repair) const { return with_detail("repair", repair.subject); }
  Json operator()(const Change<Limits>& change) const { return changed("limits", change); }
  Json operator()(const Change<Mailbox>& change) const { return changed("mailbox", change); }
  Json operator()(const Change<File>& change) const { return changed("file", change); }
  Json operator()(const Change<Autoresponder>& change) const {
    return changed("autoresponder", change);
  }
  Json operator()(const Change<Alias>& change) const { return changed("alias", change); }
  Json operator()(const Change<List>& change) const { return changed("list", change); }
  Json operator()(const Change<DeliveryLines>& change) const { return changed("default", change); }
  Json operator()(const CopyArchive& copy) const {
    // Numbers stand beside the words, so that a program need not read those.
    auto out = entry(std::string(noun_of_contents(copy.box.kind)), copy.box.name, address_);
    out["messages"] = copy.messages;
    out["bytes"] = copy.bytes;
    out["files"] = copy.files;
    out["detail"] = detail_;
    return out;
  }
  Json operator()(const CopyFeed&) const { return with_detail("mail", ""); }
  Json operator()(const ConvertMail& convert) const { return with_detail("convert", convert.name); }
  Json operator()(const Publish& publish) const {
    return with_detail("publish", publish.name.text());
  }
  // The verb in "actions" tells it from a Publish.
  Json operator()(const Unpublish& unpublish) const {
    return entry("publish", unpublish.name.text(), address_);
  }

 private:
  [[nodiscard]] Json with_detail(std::string kind, std::string name) const {
    auto out = entry(std::move(kind), std::move(name), address_);
    out["detail"] = detail_;
    return out;
  }
  template <class Value>
  [[nodiscard]] Json changed(std::string kind, const Change<Value>& change) const {
    const bool is_new = !change.before, is_gone = !change.after;
    auto out = entry(std::move(kind), change.name, address_);
    if (change.before) out["before"] = to_object(fields_of(*change.before));
    if (change.after) {
      out["after"] = to_object(fields_of(*change.after));
      out["detail"] = detail_;
    }
    add_sensitive(out, fields_of(change.after ? *change.after : *change.before));
    // With one side only, there is nothing to compare.
    if (is_new || is_gone) return out;
    // The fields say what differs in general; what only shows in members is added behind.
    auto changes = changed_fields(fields_of(*change.before), fields_of(*change.after),
                                  secrets_changed(*change.before, *change.after));
    add_detail(changes, *change.before, *change.after);
    Json list = Json::array();
    for (const auto& field : changes) list.push_back(to_json(field));
    out["changed"] = std::move(list);
    return out;
  }

  std::string address_, detail_;
};

std::string_view note_word(NoteKind kind) {
  switch (kind) {
    case NoteKind::kept:
      return "kept";
    case NoteKind::conflict:
      return "conflict";
    case NoteKind::here_only:
      return "here_only";
    case NoteKind::warning:
      return "warning";
  }
  return "";
}

Json to_json(const Summary& summary) {
  Json out;
  out["add"] = summary.add;
  out["change"] = summary.change;
  out["delete"] = summary.remove;
  out["messages"] = summary.messages;
  out["bytes"] = summary.bytes;
  out["kept"] = summary.kept;
  out["warnings"] = summary.warnings;
  out["left_out"] = summary.left_out;
  return out;
}

/// How many changes of each kind there are, by what they do; the kinds are in the changes' order.
Json sums_by_kind(const Json& changes, const Summary& summary) {
  Json out{{"add", Json::object()}, {"change", Json::object()}, {"delete", Json::object()}};
  const auto count = [&](const char* sum, const std::string& kind, std::uint64_t number) {
    out[sum][kind] = out[sum].value(kind, std::uint64_t{0}) + number;
  };
  for (const auto& change : changes) {
    const auto& verb = change["actions"][0];
    const char* sum = verb == "create"   ? "add"
                      : verb == "update" ? "change"
                      : verb == "delete" ? "delete"
                                         : nullptr;
    // What only asks for news adds nothing that could be counted beforehand.
    if (sum != nullptr) count(sum, change["kind"].get<std::string>(), 1);
  }
  if (summary.removed_addresses > 0) count("delete", "address", summary.removed_addresses);
  return out;
}

std::string_view verb_word(Verb verb) {
  switch (verb) {
    case Verb::create:
      return "create";
    case Verb::update:
      return "update";
    case Verb::remove:
      return "delete";
    case Verb::read:
      return "read";
  }
  return "";
}

}  // namespace

namespace {

Json notes_of(const std::vector<Note>& notes) {
  auto out = Json::array();
  for (const auto& note : notes) {
    Json item;
    item["kind"] = note_word(note.kind);
    item["subject"] = note.subject_kind;
    item["name"] = note.name;
    item["text"] = note.text;
    out.push_back(std::move(item));
  }
  return out;
}

void add_summary(Json& out, const Summary& summary) {
  out["summary"] = to_json(summary);
  out["summary"]["by_kind"] = sums_by_kind(out["changes"], summary);
}

/// A setting's value as people see it: delivery lines in one line.
std::string words_of(const SettingChange& change, const std::string& value) {
  const auto shown = shown_value(change.file, value);
  std::vector<std::string> lines;
  for (const auto line : split_lines(shown)) lines.emplace_back(line);
  return change.key == "forwards_only" ? "forwards only" : join(lines, "; ");
}

Json to_json(const SettingChange& change) {
  auto out = entry("setting", title_of(change), address_of(change));
  out["actions"].push_back(verb_word(verb_of(change)));
  if (change.after) out["detail"] = words_of(change, *change.after);
  if (!change.before || !change.after) return out;
  auto before = words_of(change, *change.before), after = words_of(change, *change.after);
  // Two that differ in what is not shown must be seen to differ.
  if (before == after) after += " (another)";
  FieldChange field{.name = "value", .before = before, .after = after};
  field.before_data = before;
  field.after_data = after;
  out["changed"] = Json::array({to_json(field)});
  return out;
}

}  // namespace

Json to_json(const Plan& plan) {
  Json out;
  out["format_version"] = 2;
  out["domain"] = plan.domain.text();
  out["server"] = plan.server_line;
  // How the server was detected explains most of what looks wrong in a plan.
  out["evidence"] = plan.evidence;
  out["problems"] = plan.problems;
  out["changes"] = Json::array();
  for (const auto& action : plan.actions) {
    // The changes stand in the order in which they will run.
    auto item = std::visit(ActionJson(action), action);
    // A list, so that later versions may say more of one change.
    item["actions"] = Json::array({verb_word(verb_of(action))});
    if (item["kind"] == "domain") item["name"] = plan.domain.text();
    out["changes"].push_back(std::move(item));
  }
  out["notes"] = notes_of(plan.notes);
  add_summary(out, summary_of(plan));
  return out;
}

Json to_json(const ServerPlan& plan) {
  Json out;
  out["format_version"] = 2;
  out["document"] = "server";
  // No domain is called so.
  out["domain"] = "";
  out["server"] = plan.server_line;
  out["evidence"] = plan.evidence;
  out["problems"] = plan.problems;
  out["changes"] = Json::array();
  for (const auto& change : plan.changes) out["changes"].push_back(to_json(change));
  out["notes"] = notes_of(plan.notes);
  add_summary(out, summary_of(plan));
  return out;
}

}  // namespace vstate::view
