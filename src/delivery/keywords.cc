// A letter in a message's name means what its folder's dovecot-keywords says, and that file comes
// after the messages. So names with letters wait until both sides are known, and are then
// translated by what each side's file says.

#include "delivery/keywords.h"

#include <fmt/format.h>

#include "format/maildir_name.h"

namespace vstate::mail {

void Keywords::set_source(const std::string& folder, std::string_view text) {
  folders_[folder].source = uid_files::parse_dovecot_keywords(text).names;
}

void Keywords::set_target(const std::string& folder, std::string_view text) {
  folders_[folder].target = uid_files::parse_dovecot_keywords(text).names;
}

std::string Keywords::translated(const std::string& folder, const std::string& name) {
  const auto found = folders_.find(folder);
  // Without a file of its own the target takes over the source's, and the letters mean the same.
  if (found == folders_.end() || !found->second.target) return name;
  // The target's list is its server's: no letter is added to it.
  uid_files::Problems left_out;
  auto target = *found->second.target;
  auto out = uid_files::translate_keywords(name, found->second.source, target, false, left_out);
  for (const auto& problem : left_out)
    delivery_.count.refused.push_back(fmt::format("{}/{}: {}", folder, name, problem.what));
  return out;
}

std::uint64_t Keywords::translated_marks(const std::string& folder, std::uint64_t marks) {
  constexpr std::uint64_t others = k_mark_new | k_mark_gone;
  // Only names are translated; a name that has nothing but these flags stands for them.
  const auto name = translated(folder, "x:2," + flags_of(marks & ~others));
  // Marks that are no flags, such as that of `new`, stay beside the translated ones.
  return marks_of(parse_message_name(name).flags) | (marks & others);
}

}  // namespace vstate::mail
