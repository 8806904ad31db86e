// What Courier keeps of a folder, and its conversion to Dovecot's files. Sections:
// courierimapuiddb, courierpop3dsizelist, courierimapkeywords/:list, one further file there, and
// the messages.

#include "format/imap/uid_files.h"
#include "format/maildir_name.h"
#include "fuzz.h"
#include "vstate/base/text.h"

using namespace vstate;

VSTATE_FUZZ_TARGET(courier_files) {
  fuzz::Input input(bytes);
  uid_files::CourierFolder folder;
  folder.uids = input.section();
  folder.pop3 = input.section();
  folder.keyword_list = input.section();
  const std::string update(input.line());
  folder.keyword_updates[update] = std::string(input.section());
  std::set<std::string> uniques;
  for (const auto name : split_lines(input.rest()))
    if (!name.empty() && name.front() != '.' &&
        name.find_first_of(std::string_view("/\0", 2)) == std::string_view::npos &&
        uniques.insert(std::string(parse_message_name(name).unique)).second)
      folder.names.emplace_back(name);
  folder.identity = "example.com/alice";

  if (const auto uids = uid_files::parse_courier_uids(*folder.uids))
    for (const auto& message : uids->messages) VSTATE_ASSERT(message.uid < uids->next);
  if (const auto pop3 = uid_files::parse_courier_pop3(*folder.pop3))
    for (const auto& message : pop3->messages) (void)uid_files::courier_uidl(message);

  const auto dovecot = uid_files::convert_courier_folder(folder);
  if (dovecot.uidlist.empty()) return;
  const auto list = uid_files::parse_dovecot_uids(dovecot.uidlist);
  VSTATE_ASSERT(list && list->problems.empty());
  // Each message has a number, and nothing else has.
  VSTATE_ASSERT(list->messages.size() == uniques.size());
  for (const auto& message : list->messages) VSTATE_ASSERT(uniques.contains(message.name));
  for (const auto& [from, to] : dovecot.renames)
    VSTATE_ASSERT(parse_message_name(from).unique == parse_message_name(to).unique);
}
