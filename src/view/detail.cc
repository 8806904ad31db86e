// The words behind the name of an action, from the same values as its fields. Secrets appear as the
// name of their scheme at most. The text plan and the JSON plan both take their words from here.

#include "view/detail.h"

#include <fmt/format.h>

#include "model/fields.h"
#include "vstate/base/text.h"

namespace vstate::view {

namespace {

std::string count_text(std::size_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", with_thousands(count), count == 1 ? one : many);
}

std::string words_of(const Mailbox& mailbox) {
  std::string out;
  if (!mailbox.quota.is_unlimited()) out += fmt::format("quota {}, ", to_text(mailbox.quota));
  out += mailbox.password.empty() ? "no password"
                                  : fmt::format("password {}", scheme_of(mailbox.password));
  const auto denials = denials_of(mailbox.flags);
  if (!denials.empty()) out += fmt::format(", without {}", join(denials, ", "));
  if (!mailbox.deliver.empty()) out += fmt::format(", delivers to {}", join(mailbox.deliver, "; "));
  return out;
}
/// A file without lines makes qmail-local use the delivery that qmail-start was given.
std::string words_of(const Alias& alias) {
  return alias.deliver.empty() ? "default delivery" : join(alias.deliver, "; ");
}
std::string words_of(const DeliveryLines& lines) { return join(lines, "; "); }
std::string words_of(const Autoresponder& robot) {
  return fmt::format("at most {} in {} s{}", count_text(robot.replies, "reply", "replies"),
                     robot.seconds,
                     robot.copy_to.empty() ? "" : ", copy to " + join(robot.copy_to, ", "));
}
std::string words_of(const List& list) {
  std::vector<std::string> parts;
  for (const auto& [directory, addresses] : list.addresses) {
    // Subscribers are told even where there are none, since a list is about them.
    if (directory.empty())
      parts.push_back(count_text(addresses.size(), "subscriber", "subscribers"));
    else if (directory == "mod" && !addresses.empty())
      parts.push_back(count_text(addresses.size(), "moderator", "moderators"));
    else if (!addresses.empty())
      parts.push_back(fmt::format("{} in {}", with_thousands(addresses.size()), directory));
  }
  return join(parts, ", ");
}
std::string words_of(const File& file) {
  const auto fields = fields_of(file);
  // The first field says what the file is; of a text its size is enough.
  return fields.front().name == "content"
             ? fields.front().value
             : fmt::format("{} {}", fields.front().name, fields.front().value);
}
std::string words_of(const Limits& limits) { return count_text(limits.size(), "limit", "limits"); }

/// What stands behind the name of an action.
struct Detail {
  std::string operator()(const CreateDomain& create) const { return create.directory; }
  std::string operator()(const AlterStore& alter) const {
    return fmt::format("{} ({})", alter.statement, alter.reason);
  }
  std::string operator()(const Repair& repair) const { return repair.detail; }
  template <class Value>
  std::string operator()(const Change<Value>& change) const {
    // What is taken away needs no words: its name and sign say it.
    return change.after ? words_of(*change.after) : std::string();
  }
  std::string operator()(const CopyArchive& copy) const {
    std::vector<std::string> parts;
    // Only what there is to do is named, in the order in which it counts for people.
    if (copy.messages > 0) parts.push_back(count_text(copy.messages, "message", "messages"));
    if (copy.changed > 0)
      parts.push_back(count_text(copy.changed, "message", "messages") + " marked or moved since");
    if (copy.files > 0) parts.push_back(count_text(copy.files, "other entry", "other entries"));
    if (!copy.replaced.empty()) parts.push_back("replaces " + join(copy.replaced, ", "));
    if (!copy.left_over.empty())
      parts.push_back("removes what a stopped run left: " + join(copy.left_over, ", "));
    if (copy.bytes > 0) parts.push_back(human_bytes(copy.bytes));
    return join(parts, ", ");
  }
  std::string operator()(const CopyFeed& feed) const {
    return "what is missing here, from " + feed.source;
  }
  std::string operator()(const ConvertMail&) const {
    return "UIDs, keywords, and subscriptions of Courier's as Dovecot's";
  }
  std::string operator()(const Publish& publish) const {
    // The places are named in the order in which they will be written.
    const auto& found = publish.found;
    std::vector<std::string> places;
    if (!found.in_assign) places.emplace_back("users/assign");
    if (!found.in_assign_cdb) places.emplace_back("users/cdb");
    if (!found.in_store) places.emplace_back("the table of alias domains");
    if (!found.in_virtualdomains) places.emplace_back("virtualdomains");
    if (found.in_locals) places.emplace_back("out of locals");
    if (!found.in_morercpthosts_cdb) places.emplace_back("morercpthosts.cdb");
    if (!found.in_rcpthosts) places.emplace_back("rcpthosts");
    return (publish.is_alias ? "alias domain: " : "") + join(places, ", ");
  }
  std::string operator()(const Unpublish&) const { return {}; }
};

}  // namespace

std::string detail_of(const Action& action) { return std::visit(Detail{}, action); }

}  // namespace vstate::view
