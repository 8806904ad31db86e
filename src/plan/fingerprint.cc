// A saved plan is compared by this digest with one that is made anew just before it is carried out.
// So everything enters that changes what would be done, and nothing that does not: messages of the
// archive are in its digest, and how the server was detected makes no difference.

#include "vstate/plan/fingerprint.h"

#include "vstate/base/digest.h"
#include "vstate/model/parts.h"

namespace vstate {

namespace {

/// Texts enter with their lengths, lists with their number: no two plans look alike.
class Fingerprint {
 public:
  void add(std::string_view text) {
    sum_.update_little_endian(text.size());
    sum_.update(text);
  }
  void add(std::uint64_t number) { sum_.update_little_endian(number); }
  void add_all(const std::vector<std::string>& texts) {
    add(texts.size());
    for (const auto& text : texts) add(text);
  }
  void add(const Parts& parts) {
    add(parts.size());
    for (const auto& [name, text] : parts) {
      add(name);
      add(text);
    }
  }

  void operator()(const CreateDomain& create) {
    add(create.directory);
    add(std::uint64_t{create.is_hashed});
  }
  void operator()(const AlterStore& alter) { add_all({alter.statement, alter.reason}); }
  void operator()(const Repair& repair) {
    add(static_cast<std::uint64_t>(repair.kind));
    add_all({repair.subject, repair.detail});
  }
  template <class Value>
  void operator()(const Change<Value>& change) {
    // Both sides enter: the same wish on another server state is another change.
    for (const auto* value : {&change.before, &change.after}) {
      add(std::uint64_t{value->has_value()});
      if (*value) add(parts_of(**value));
    }
  }
  void operator()(const CopyArchive& copy) {
    copy.archive.for_each([&](const ArchivePart& part) { add(part.sha256); });
    for (const auto number : {copy.messages, copy.bytes, copy.files, copy.changed}) add(number);
    add_all(copy.replaced);
    add_all(copy.left_over);
  }
  void operator()(const CopyFeed& feed) { add(feed.source); }
  // The name of the mailbox is in the address, and there is nothing else to say.
  void operator()(const ConvertMail&) {}
  void operator()(const Publish& publish) {
    add(std::uint64_t{publish.is_alias});
    const auto& found = publish.found;
    for (const bool is_so :
         {found.in_assign, found.in_assign_cdb, found.in_virtualdomains, found.in_locals,
          found.in_rcpthosts, found.in_morercpthosts_cdb, found.in_store})
      add(std::uint64_t{is_so});
  }
  void operator()(const Unpublish&) {}

  /// They are part of what a person agreed to: what was kept, and what nobody decided.
  void add(const std::vector<Note>& notes) {
    add(notes.size());
    for (const auto& note : notes) {
      add(static_cast<std::uint64_t>(note.kind));
      add_all({note.subject_kind, note.name, note.text});
    }
  }
  void add(const SettingChange& change) {
    add_all({change.file, change.key});
    add(std::uint64_t{change.makes_file});
    for (const auto* value : {&change.before, &change.after}) {
      add(std::uint64_t{value->has_value()});
      if (*value) add(**value);
    }
  }

  std::string finish() { return sum_.finish_hex(); }

 private:
  Sha256 sum_;
};

}  // namespace

std::string fingerprint_of(const Plan& plan) {
  Fingerprint out;
  // The same changes on another kind of server are another plan.
  out.add_all({plan.domain.text(), plan.server_line});
  out.add(plan.actions.size());
  for (const auto& action : plan.actions) {
    // The kind of an action is not always told by its address.
    out.add(action.index());
    out.add(address_of(action));
    std::visit(out, action);
  }
  out.add(plan.notes);
  out.add_all(plan.problems);
  return out.finish();
}

std::string fingerprint_of(const ServerPlan& plan) {
  Fingerprint out;
  out.add(plan.server_line);
  out.add(plan.changes.size());
  for (const auto& change : plan.changes) out.add(change);
  out.add(plan.notes);
  out.add_all(plan.problems);
  return out.finish();
}

}  // namespace vstate
