// What a plan amounts to, in verbs and numbers. The deletions are what the guard judges and what is
// asked about on a terminal, so they are counted by what a person loses: addresses of lists and
// messages, and not only actions.

#include <fmt/format.h>

#include "vstate/base/text.h"
#include "vstate/plan/plan.h"

namespace vstate {

namespace {

/// Addresses that a list loses.
std::uint64_t addresses_removed(const List& before, const List& after) {
  std::uint64_t removed = 0;
  for (const auto& [directory, addresses] : before.addresses) {
    // A sub-list that is not named any more has lost all of its addresses.
    const auto now = after.addresses.find(directory);
    for (const auto& address : addresses)
      if (now == after.addresses.end() || !now->second.contains(address)) ++removed;
  }
  return removed;
}

template <class Value>
Verb verb_of_change(const Change<Value>& change) {
  if (!change.before) return Verb::create;
  return change.after ? Verb::update : Verb::remove;
}

/// A name that stands in most of qmail's places is mended, not made.
Verb verb_of_publication(const Publication& found) {
  constexpr int most = 4;
  // Being in locals is what is wrong there, so it counts the other way round than the rest.
  const int missing = !found.in_assign + !found.in_assign_cdb + !found.in_store +
                      !found.in_virtualdomains + found.in_locals + !found.in_morercpthosts_cdb +
                      !found.in_rcpthosts;
  return missing < most ? Verb::update : Verb::create;
}

struct VerbOf {
  Verb operator()(const CreateDomain&) const { return Verb::create; }
  Verb operator()(const AlterStore&) const { return Verb::update; }
  Verb operator()(const Repair&) const { return Verb::update; }
  template <class Value>
  Verb operator()(const Change<Value>& change) const {
    return verb_of_change(change);
  }
  Verb operator()(const CopyArchive&) const { return Verb::create; }
  // A feed is asked for what is new; what that is, nobody knows before.
  Verb operator()(const CopyFeed&) const { return Verb::read; }
  Verb operator()(const ConvertMail&) const { return Verb::update; }
  Verb operator()(const Publish& publish) const { return verb_of_publication(publish.found); }
  Verb operator()(const Unpublish&) const { return Verb::remove; }
};

std::string counted(std::uint64_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", with_thousands(count), count == 1 ? one : many);
}

void count_removal(Deletions& out, const Action& action, const Plan& plan) {
  if (const auto* mailbox = std::get_if<Change<Mailbox>>(&action)) {
    ++out.mailboxes;
    // The mail was counted when the plan was made, and only for mailboxes that might go.
    if (const auto mail = plan.mail_here.find(mailbox->name); mail != plan.mail_here.end()) {
      out.messages += mail->second.messages;
      out.bytes += mail->second.bytes;
    }
  }
  if (std::holds_alternative<Change<Alias>>(action) ||
      std::holds_alternative<Change<Autoresponder>>(action))
    ++out.aliases;
  if (std::holds_alternative<Change<List>>(action)) ++out.lists;
  if (std::holds_alternative<Change<File>>(action)) ++out.files;
  if (std::holds_alternative<Change<Limits>>(action)) ++out.limits;
  if (std::holds_alternative<Unpublish>(action)) ++out.alias_domains;
}

}  // namespace

Verb verb_of(const Action& action) { return std::visit(VerbOf{}, action); }

Deletions deletions_of(const Plan& plan) {
  Deletions out;
  for (const auto& action : plan.actions) {
    // A list that goes takes all of its addresses, and one that stays may lose some.
    if (const auto* list = std::get_if<Change<List>>(&action); list != nullptr && list->before)
      out.subscribers += addresses_removed(*list->before, list->after ? *list->after : List{});
    if (verb_of(action) == Verb::remove) count_removal(out, action, plan);
  }
  return out;
}

std::string to_text(const Deletions& deletions) {
  std::vector<std::string> parts;
  const auto add = [&](std::uint64_t count, std::string_view one, std::string_view many) {
    if (count > 0) parts.push_back(counted(count, one, many));
  };
  // What hurts most stands first.
  add(deletions.mailboxes, "mailbox", "mailboxes");
  if (deletions.messages > 0)
    parts.back() += fmt::format(" with {} ({})", counted(deletions.messages, "message", "messages"),
                                human_bytes(deletions.bytes));
  add(deletions.aliases, "alias", "aliases");
  add(deletions.lists, "list", "lists");
  add(deletions.subscribers, "address of a list", "addresses of lists");
  add(deletions.files, "file", "files");
  add(deletions.alias_domains, "alias domain", "alias domains");
  add(deletions.limits, "set of limits", "sets of limits");
  return join(parts, ", ");
}

Summary summary_of(const Plan& plan) {
  Summary out;
  for (const auto& action : plan.actions) {
    switch (verb_of(action)) {
      case Verb::create:
        ++out.add;
        break;
      case Verb::update:
        ++out.change;
        break;
      case Verb::remove:
        ++out.remove;
        break;
      case Verb::read:
        break;
    }
    // Who is taken off a list that stays is a deletion of its own.
    if (const auto* list = std::get_if<Change<List>>(&action);
        list != nullptr && list->before && list->after)
      out.removed_addresses += addresses_removed(*list->before, *list->after);
    if (const auto* copy = std::get_if<CopyArchive>(&action)) {
      out.messages += copy->messages;
      out.bytes += copy->bytes;
    }
  }
  out.remove += out.removed_addresses;
  // Everything that is noted and is no warning is something that stays as it is.
  for (const auto& note : plan.notes) ++(note.kind == NoteKind::warning ? out.warnings : out.kept);
  out.left_out = plan.left_out;
  return out;
}

}  // namespace vstate
