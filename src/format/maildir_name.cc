// What the names in a Maildir say. The table below decides what does not travel; whatever it does
// not name is carried, since a file that is not known may be somebody's only copy.

#include "format/maildir_name.h"

#include <algorithm>
#include <array>

#include "vstate/base/text.h"

namespace vstate {

namespace {

enum class Match { whole, prefix, suffix };

struct Rule {
  Match match;
  std::string_view text;
  std::string_view reason;
};

constexpr std::string_view k_index = "index of the IMAP server, which builds it anew";
constexpr std::string_view k_lock = "lock file";
constexpr std::string_view k_temporary = "temporary file";

// Each of these is made anew by its own program, or is wrong on another machine: a quota counter
// counts what was there, an index is tied to the files that it was made of, and a lock to a
// process.
constexpr std::array k_dropped{
    Rule{Match::whole, "maildirsize", "quota counter, calculated anew"},
    Rule{Match::whole, "quotawarn", "time of the last quota warning"},
    Rule{Match::whole, "sqwebmail-pass", "copy of the password, written anew by vpopmail"},
    Rule{Match::whole, ".dovecot.lda-dupes", "message ids of recent deliveries"},
    Rule{Match::prefix, "dovecot.index", k_index},
    Rule{Match::prefix, "dovecot.list.index", k_index},
    Rule{Match::prefix, "dovecot.map.index", k_index},
    Rule{Match::prefix, "dovecot.mailbox.log", k_index},
    Rule{Match::prefix, "courierpop3dsizelist.", k_temporary},
    Rule{Match::suffix, ".lock", k_lock},
    Rule{Match::suffix, ".svbin", "compiled Sieve script, compiled anew"},
    Rule{Match::suffix, ".vstate-tmp", k_temporary},
};

bool matches(const Rule& rule, std::string_view name) {
  switch (rule.match) {
    case Match::whole:
      return name == rule.text;
    case Match::prefix:
      return name.starts_with(rule.text);
    case Match::suffix:
      return name.ends_with(rule.text);
  }
  return false;
}

/// A log-in to qmailadmin leaves "1700000000.qw" in the Maildir.
bool is_qmailadmin_session(std::string_view name) {
  constexpr std::string_view suffix = ".qw";
  if (!name.ends_with(suffix)) return false;
  name.remove_suffix(suffix.size());
  return !name.empty() && name.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

MessageName parse_message_name(std::string_view file_name) {
  MessageName out;
  const auto colon = file_name.find(':');
  out.unique = file_name.substr(0, colon);
  if (colon == std::string_view::npos) return out;
  out.has_info = true;
  // Only ":2," has flags of a known meaning; another kind of info is kept as it stands.
  const auto info = file_name.substr(colon + 1);
  if (info.starts_with("2,")) out.flags = info.substr(2);
  return out;
}

std::optional<std::uint64_t> size_in_name(std::string_view file_name) {
  // Sizes are part of the unique name, between commas; the flags' own comma is behind the colon and
  // not looked at.
  const auto parts = split(parse_message_name(file_name).unique, ',');
  for (std::size_t i = 1; i < parts.size(); ++i)
    if (parts[i].starts_with("S=")) return to_number(parts[i].substr(2));
  return std::nullopt;
}

bool is_uid_file(std::string_view file_name) {
  // Courier's keywords are a directory, which the walk knows; what stands here are files.
  constexpr std::array names{
      std::string_view("dovecot-uidlist"), std::string_view("dovecot-keywords"),
      std::string_view("courierimapuiddb"), std::string_view("courierpop3dsizelist")};
  return std::find(names.begin(), names.end(), file_name) != names.end() ||
         file_name.starts_with("dovecot-uidvalidity");
}

MaildirFile classify_maildir_file(std::string_view file_name) {
  for (const Rule& rule : k_dropped)
    if (matches(rule, file_name)) return {FileFate::drop, rule.reason};
  if (is_qmailadmin_session(file_name)) return {FileFate::drop, "a log-in to qmailadmin"};
  return {};
}

}  // namespace vstate
