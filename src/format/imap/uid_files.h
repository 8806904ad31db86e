/// \file
/// The files in which Courier and Dovecot keep what clients know messages by: UIDVALIDITY, UIDs,
/// POP3 UIDLs, keywords, subscriptions; and the way from Courier's to Dovecot's, so that no client
/// downloads anything again. Text in, text out: nothing here knows a disk.
///
// clang-format off
/// Courier (imapscanclient, pop3dserver, maildirkeywords; versions 0.x to 5.x):
///
/// | file, per folder             | content                                                              |
/// |------------------------------|----------------------------------------------------------------------|
/// | courierimapuiddb             | `1 UIDVALIDITY UIDNEXT`, then `UID NAME` with NAME up to its ":"     |
/// | courierpop3dsizelist         | only in the INBOX. NAME has its flags of then, and may hold blanks   |
/// |   version 0                  | `NAME SIZE`, no header                                               |
/// |   version 1                  | `/1 NEXT`, `NAME SIZE N`                                             |
/// |   version 2                  | `/2 NEXT VALIDITY`, `NAME SIZE N:VALIDITY`                           |
/// |   version 3                  | `/3 …`, `NAME SIZE N:VALIDITY:UTF8`                                  |
/// | courierimapkeywords/:list    | keywords, a line each; an empty line; `NAME:I I…`, I counted from 0  |
/// | courierimapkeywords/NAME     | the keywords of one message, a line each; counts more than :list     |
/// | courierimapkeywords/.N.NAME  | the same, older; the largest N counts, and NAME counts more than it  |
/// | courierimapsubscribed        | a folder a line, `INBOX` or `INBOX.Folder.Sub`. Only in the INBOX    |
///
/// A UIDL of pop3d is `UIDN-VALIDITY`, `UIDN` where VALIDITY is 0 (version 1), and where N is 0
/// (version 0) the NAME with `+XX` for "+", quotes, and what is no visible ASCII.
///
/// Dovecot (maildir-uidlist, maildir-keywords, subscription-file; 2.0 to 2.4):
///
/// | file                         | content                                                              |
/// |------------------------------|----------------------------------------------------------------------|
/// | dovecot-uidlist, per folder  | `3 VUIDVALIDITY NUIDNEXT GGUID`, then `UID FIELD… :NAME` in the      |
/// |                              | order of UIDs. FIELD is a capital letter and a value without blanks: |
/// |                              | `P` POP3 UIDL (empty: NAME itself), `O` place in the POP3 list, `W`, |
/// |                              | `S` sizes, `G` GUID. Version 1 is Courier's courierimapuiddb         |
/// | dovecot-keywords, per folder | `INDEX NAME`; 0 to 25 are the flags `a` to `z` of a file name        |
/// | subscriptions, in the INBOX  | version 1: a folder a line, "." between levels, without the          |
/// |                              | namespace's prefix; version 2: `V<tab>2`, an empty line, a tab       |
/// |                              | between levels                                                       |
// clang-format on
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vstate/base/result.h"

namespace vstate::uid_files {

/// Something of a file that the value read from it does not hold.
struct Problem {
  std::string file;
  std::size_t line = 0;  ///< from 1; 0 is the file as a whole
  std::string what;
  friend bool operator==(const Problem&, const Problem&) = default;
};
/// "FILE: line N: WHAT".
[[nodiscard]] std::string to_text(const Problem&);
using Problems = std::vector<Problem>;

// Readers. A text without a valid header fails with `invalid` ("line 1: …"): the servers then
// start anew, with other UIDs. A line that cannot be read is skipped and named in `problems`, as
// the servers skip it in silence.

struct CourierUids {
  struct Message {
    std::uint32_t uid = 0;
    std::string name;  ///< without flags
    friend bool operator==(const Message&, const Message&) = default;
  };
  std::uint32_t validity = 0;
  std::uint32_t next = 1;  ///< greater than every UID, whatever the header says
  std::vector<Message> messages;
  Problems problems;
};
/// Lines in any order. Of a name with two UIDs the lower one counts, of a UID with two names the
/// first; the other line is a problem.
[[nodiscard]] Result<CourierUids> parse_courier_uids(std::string_view text);

struct CourierPop3 {
  struct Message {
    std::string name;  ///< without flags
    std::uint64_t size = 0;
    std::uint64_t number = 0;    ///< 0: the UIDL is made of the name
    std::uint64_t validity = 0;  ///< 0: the UIDL has none
    friend bool operator==(const Message&, const Message&) = default;
  };
  unsigned version = 0;
  std::uint64_t next = 1;
  std::uint64_t validity = 0;  ///< of the header, for messages to come; 0 if it has none
  std::vector<Message> messages;
  Problems problems;
};
/// A last line without its newline is a problem: pop3d does not read it.
[[nodiscard]] Result<CourierPop3> parse_courier_pop3(std::string_view text);
/// What pop3d answers to UIDL for this message.
[[nodiscard]] std::string courier_uidl(const CourierPop3::Message&);

struct CourierKeywords {
  /// Keywords of each message that has some, by its name without flags. Characters that IMAP does
  /// not allow in a keyword are "_", as imapd shows them.
  std::map<std::string, std::vector<std::string>> messages;
  Problems problems;
};
/// `list` is the text of ":list", empty if there is none; `updates` are the other files of
/// courierimapkeywords by their name. Files of other names (".tmp.…") are not imapd's last word on
/// any message and count for nothing. Of keywords that differ only in capitals the first stands for
/// all, as they are one to IMAP.
[[nodiscard]] CourierKeywords parse_courier_keywords(
    std::string_view list, const std::map<std::string, std::string>& updates);

struct DovecotUids {
  struct Message {
    std::uint32_t uid = 0;
    std::vector<std::string> fields;  ///< letter and value, in their order
    std::string name;                 ///< without flags
    /// The value of the field with this letter, if the message has one.
    [[nodiscard]] std::optional<std::string_view> field(char letter) const;
    friend bool operator==(const Message&, const Message&) = default;
  };
  std::uint32_t validity = 0;
  std::uint32_t next = 1;           ///< greater than every UID, whatever the header says
  std::string guid;                 ///< 32 hexadecimal digits; empty if the header has none
  std::vector<std::string> others;  ///< further fields of the header, letter and value
  std::vector<Message> messages;    ///< in the order of UIDs
  Problems problems;
};
/// Versions 1 and 3. UIDs that do not rise make Dovecot throw the file away; here such a line is a
/// problem. Of a name that stands twice the later UID counts, as with Dovecot, which writes so when
/// a message comes back.
[[nodiscard]] Result<DovecotUids> parse_dovecot_uids(std::string_view text);
/// Version 3, as maildir-uidlist writes it. Reading the text back gives an equal value.
[[nodiscard]] std::string dovecot_uids_text(const DovecotUids&);

constexpr std::size_t k_dovecot_keywords = 26;
/// Index 0 is the letter "a". An empty name is a letter that is free.
using KeywordLetters = std::array<std::string, k_dovecot_keywords>;
struct DovecotKeywords {
  KeywordLetters names;
  Problems problems;
};
[[nodiscard]] DovecotKeywords parse_dovecot_keywords(std::string_view text);
/// Empty without any keyword; Dovecot then has no file.
[[nodiscard]] std::string dovecot_keywords_text(const KeywordLetters&);

/// A message's file name with the keywords that its letters mean by `from` as letters of `to`. Two
/// servers that have both given letters in a folder agree about none of them: a name that goes from
/// one to the other as it is would change what a message is marked with. A keyword that `to` lacks
/// gets a free letter there if `may_add`, and is otherwise left out and named in `left_out`; so is
/// a letter that `from` does not know. All other flags stay, and so does a name without letters.
[[nodiscard]] std::string translate_keywords(std::string_view file_name, const KeywordLetters& from,
                                             KeywordLetters& to, bool may_add, Problems& left_out);

/// Version 1, which every Dovecot reads.
[[nodiscard]] std::string dovecot_subscriptions_text(const std::vector<std::string>& folders);

// From Courier to Dovecot.

/// A folder's name ("Sent.2024", without a leading dot) as Dovecot's default has it on disk:
/// modified UTF-7. Courier 5 writes UTF-8, older ones modified UTF-7: a name that is valid modified
/// UTF-7 stays. Fails with `invalid` on what is neither.
[[nodiscard]] Result<std::string> dovecot_folder_name(std::string_view courier_name);

struct Subscriptions {
  std::vector<std::string> folders;  ///< in Courier's order, each once
  Problems left_out;  ///< shared folders ("#shared.…") and what is no folder's name
};
/// Of courierimapsubscribed: without "INBOX.", which is the prefix of Courier's one namespace, and
/// with names as Dovecot has them. "INBOX" itself stays.
[[nodiscard]] Subscriptions convert_courier_subscriptions(std::string_view text);

/// What Courier has for one folder; a text is nothing where there is no such file.
struct CourierFolder {
  std::optional<std::string_view> uids;  ///< courierimapuiddb
  std::optional<std::string_view> pop3;  ///< courierpop3dsizelist; only the INBOX has one
  std::string_view keyword_list;         ///< courierimapkeywords/:list; empty if there is none
  std::map<std::string, std::string> keyword_updates;  ///< the other files of courierimapkeywords
  std::vector<std::string> names;  ///< the files in new and cur, flags included, in any order
  /// What names the folder for ever, like "example.com/alice/Sent": its GUID is a digest of this
  /// and the UIDVALIDITY.
  std::string_view identity;
  /// Letters that an earlier conversion, or the target's Dovecot, gave: they stay.
  KeywordLetters letters;
};

struct DovecotFolder {
  /// The text of dovecot-uidlist; empty if Courier never gave a message of this folder a number.
  std::string uidlist;
  KeywordLetters letters;
  /// CourierKeywords::messages, of messages that are not there too.
  std::map<std::string, std::vector<std::string>> keywords;
  /// File names that change, old to new: `a` to `z` of the flags are the message's keywords, all
  /// other flags stay. Letters that are no keyword of Courier's go, or Dovecot would show a keyword
  /// that nobody gave.
  std::map<std::string, std::string> renames;
  /// What Courier had and Dovecot will not: lines that cannot be read, numbers beyond 32 bits,
  /// keywords beyond 26. Lines about messages that are not there are not among them.
  Problems left_out;
};
/// Same UIDVALIDITY, UIDs, and UIDNEXT. Messages without a UID get those that imapd's next look at
/// the folder gives them: after the others, by the number in front of their name, then by bytes.
/// Messages that pop3d knows keep their UIDL (`P`), and their place in its list (`O`) where that
/// is not the order of UIDs. Without a UIDVALIDITY of IMAP's, that of pop3d's list is taken, or 1:
/// no IMAP client has seen the folder.
///
/// Of more than 26 keywords those go along that stand on the most messages. Equal input gives equal
/// bytes.
[[nodiscard]] DovecotFolder convert_courier_folder(const CourierFolder&);

}  // namespace vstate::uid_files
