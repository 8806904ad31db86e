// dovecot-uidlist and dovecot-keywords.

#include "format/imap/uid_files.h"
#include "fuzz.h"

using namespace vstate;

VSTATE_FUZZ_TARGET(dovecot_files) {
  if (auto uids = uid_files::parse_dovecot_uids(bytes)) {
    std::uint32_t last = 0;
    for (const auto& message : uids->messages) {
      VSTATE_ASSERT(message.uid > last && message.uid < uids->next);
      last = message.uid;
      (void)message.field('P');
    }
    const auto text = uid_files::dovecot_uids_text(*uids);
    const auto again = uid_files::parse_dovecot_uids(text);
    VSTATE_ASSERT(again && again->problems.empty());
    VSTATE_ASSERT(again->messages == uids->messages && again->next == uids->next);
    VSTATE_ASSERT(again->validity == uids->validity && again->guid == uids->guid);
    VSTATE_ASSERT(again->others == uids->others);
  }
  const auto keywords = uid_files::parse_dovecot_keywords(bytes);
  const auto text = uid_files::dovecot_keywords_text(keywords.names);
  const auto again = uid_files::parse_dovecot_keywords(text);
  VSTATE_ASSERT(again.names == keywords.names && again.problems.empty());
  for (const auto& problem : keywords.problems) (void)to_text(problem);

  auto letters = keywords.names;
  uid_files::Problems left_out;
  const auto name = uid_files::translate_keywords("1.M1.host,S=9:2,FSabz", keywords.names, letters,
                                                  true, left_out);
  VSTATE_ASSERT(name.starts_with("1.M1.host,S=9:2,"));
  VSTATE_ASSERT(letters == keywords.names);
}
