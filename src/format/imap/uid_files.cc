// Readers and writers of the files that hold UIDs, UIDLs and keywords. The servers skip in silence
// what they cannot read, or throw the whole file away; each such case is followed and named here,
// since it means that a client will see other numbers than before.

#include "format/imap/uid_files.h"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "vstate/base/text.h"

namespace vstate::uid_files {

namespace {

constexpr std::string_view k_uids_file = "courierimapuiddb";
constexpr std::string_view k_pop3_file = "courierpop3dsizelist";
constexpr std::string_view k_list_file = "courierimapkeywords/:list";
constexpr std::string_view k_dovecot_uids_file = "dovecot-uidlist";
constexpr std::string_view k_dovecot_keywords_file = "dovecot-keywords";

/// Dovecot takes 2^32-1 for no UID.
constexpr std::uint64_t k_uid_maximum = std::numeric_limits<std::uint32_t>::max() - 1ULL;

/// The parts of a line between runs of blanks.
std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> out;
  for (const auto word : split(line, ' '))
    if (!word.empty()) out.push_back(word);
  return out;
}

/// UIDs start at 1 (RFC 3501, 2.3.1.1).
std::optional<std::uint32_t> to_uid(std::string_view text) {
  const auto number = to_number(text);
  if (!number || *number == 0 || *number > k_uid_maximum) return std::nullopt;
  return static_cast<std::uint32_t>(*number);
}

std::string_view without_flags(std::string_view name) { return name.substr(0, name.find(':')); }

/// Whether it can be the name of a message without its flags.
bool is_message_name(std::string_view name) {
  // Such bytes would end the name early in the lines of either server, and a name that begins with
  // a dot is no message to them.
  return !name.empty() && name.front() != '.' &&
         name.find_first_of(std::string_view("/:\n\0", 4)) == std::string_view::npos;
}

/// A problem of a file, a line.
class Reporter {
 public:
  Reporter(std::string_view file, Problems& problems) : file_(file), problems_(problems) {}
  void add(std::size_t line, std::string what) const {
    problems_.push_back({std::string(file_), line, std::move(what)});
  }

 private:
  std::string_view file_;
  Problems& problems_;
};

tl::unexpected<Error> bad_header(std::string_view what) {
  return fail(Errc::invalid, fmt::format("line 1: {}", what));
}

/// UIDVALIDITY and UIDNEXT, or what is wrong with them.
struct Header {
  std::uint32_t validity = 0;
  std::uint32_t next = 1;
};
Result<Header> header_of(std::string_view validity, std::string_view next) {
  const auto first = to_number(validity);
  const auto second = to_number(next);
  constexpr auto k_maximum = std::numeric_limits<std::uint32_t>::max();
  if (!first || *first == 0 || *first > k_maximum)
    return bad_header(
        fmt::format("UIDVALIDITY {} is no number of 1 to {}", visible(validity), k_maximum));
  if (!second || *second == 0 || *second > k_maximum)
    return bad_header(fmt::format("UIDNEXT {} is no number of 1 to {}", visible(next), k_maximum));
  return Header{static_cast<std::uint32_t>(*first), static_cast<std::uint32_t>(*second)};
}

}  // namespace

std::string to_text(const Problem& problem) {
  if (problem.line == 0) return fmt::format("{}: {}", problem.file, problem.what);
  return fmt::format("{}: line {}: {}", problem.file, problem.line, problem.what);
}

// Courier's files.

Result<CourierUids> parse_courier_uids(std::string_view text) {
  const auto lines = split_lines(text);
  const auto head = words_of(lines.empty() ? std::string_view() : lines.front());
  // Another version's lines mean something else, and no guess is better than new numbers.
  if (head.size() < 3 || head[0] != "1") return bad_header("\"1 UIDVALIDITY UIDNEXT\" expected");
  VSTATE_TRY_ASSIGN(const Header header, header_of(head[1], head[2]));
  CourierUids out;
  out.validity = header.validity;
  out.next = header.next;
  const Reporter report(k_uids_file, out.problems);
  std::map<std::string, std::size_t, std::less<>> by_name;  // to the place in `messages`
  std::set<std::uint32_t> taken;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const auto blank = lines[i].find(' ');
    const auto uid = to_uid(lines[i].substr(0, blank));
    const auto name =
        blank == std::string_view::npos ? std::string_view() : lines[i].substr(blank + 1);
    if (!uid || !is_message_name(name)) {
      report.add(i + 1, fmt::format("\"UID NAME\" expected: {}", visible(lines[i])));
      continue;
    }
    // A next UID that is in use already would give one number to two messages, which no client can
    // undo.
    if (*uid >= out.next) out.next = *uid + 1;
    if (!taken.insert(*uid).second) {
      report.add(i + 1, fmt::format("UID {} is another message's: {}", *uid, visible(name)));
      continue;
    }
    const auto [at, is_new] = by_name.emplace(name, out.messages.size());
    if (is_new) {
      out.messages.push_back({*uid, std::string(name)});
      continue;
    }
    auto& first = out.messages[at->second];
    report.add(i + 1, fmt::format("a second UID for {}: the lower one counts", visible(name)));
    first.uid = std::min(first.uid, *uid);
  }
  return out;
}

namespace {

/// What stands behind the size in a line: N, N:VALIDITY, N:VALIDITY:UTF8.
bool read_pop3_number(std::string_view text, unsigned version, CourierPop3::Message& message) {
  const auto parts = split(text, ':');
  // Versions differ in how many numbers are joined with colons: one, two, and three of which the
  // last may be missing.
  const std::size_t expected = version == 1 ? 1 : version;
  // Version 2 takes version 1's lines as they are.
  if (parts.size() > expected || (version == 3 && parts.size() < 2)) return false;
  const auto number = to_number(parts[0]);
  const auto validity = parts.size() > 1 ? to_number(parts[1]) : 0;
  if (!number || !validity || (parts.size() > 2 && !is_digits(parts[2]))) return false;
  message.number = *number;
  message.validity = *validity;
  return true;
}

/// Cuts the last word off, with the blank in front of it.
std::optional<std::string_view> cut_last_word(std::string_view& line) {
  const auto blank = line.rfind(' ');
  if (blank == std::string_view::npos) return std::nullopt;
  const auto word = line.substr(blank + 1);
  line = line.substr(0, blank);
  return word;
}

std::optional<CourierPop3::Message> read_pop3_line(std::string_view line, unsigned version) {
  CourierPop3::Message out;
  // The line is read from its end, since the name in front may hold blanks itself.
  if (version > 0) {
    const auto number = cut_last_word(line);
    if (!number || !read_pop3_number(*number, version, out)) return std::nullopt;
  }
  const auto size = cut_last_word(line);
  const auto bytes = size ? to_number(*size) : std::nullopt;
  if (!bytes || !is_message_name(without_flags(line))) return std::nullopt;
  out.size = *bytes;
  // The flags are those of the moment at which pop3d wrote the list, and say nothing now.
  out.name = without_flags(line);
  return out;
}

}  // namespace

Result<CourierPop3> parse_courier_pop3(std::string_view text) {
  auto lines = split_lines(text);
  CourierPop3 out;
  std::size_t first = 0;
  // Version 0 has no header: its first line is a message. No message's name begins with "/".
  if (text.starts_with('/')) {
    const auto head = words_of(lines.front().substr(1));
    const auto version = head.empty() ? std::nullopt : to_number(head[0]);
    const auto next = head.size() < 2 ? std::nullopt : to_number(head[1]);
    const auto validity = head.size() < 3 ? std::optional<std::uint64_t>(0) : to_number(head[2]);
    if (!version || *version < 1 || *version > 3 || !next || !validity)
      return bad_header("\"/VERSION NEXT VALIDITY\" of version 1 to 3 expected");
    out.version = static_cast<unsigned>(*version);
    out.next = *next;
    out.validity = *validity;
    first = 1;
  }
  const Reporter report(k_pop3_file, out.problems);
  std::set<std::string, std::less<>> seen;
  for (std::size_t i = first; i < lines.size(); ++i) {
    if (i + 1 == lines.size() && !text.ends_with('\n')) {
      report.add(i + 1, "the line has no end, and pop3d does not read it");
      break;
    }
    auto message = read_pop3_line(lines[i], out.version);
    if (!message)
      report.add(i + 1, fmt::format("no line of version {}: {}", out.version, visible(lines[i])));
    else if (!seen.insert(message->name).second)
      report.add(i + 1, fmt::format("a second line for {}", visible(message->name)));
    else
      out.messages.push_back(std::move(*message));
  }
  return out;
}

std::string courier_uidl(const CourierPop3::Message& message) {
  if (message.number != 0)
    return message.validity == 0 ? fmt::format("UID{}", message.number)
                                 : fmt::format("UID{}-{}", message.number, message.validity);
  std::string out;
  // The UIDL of a message without a number is its name, with the bytes escaped that POP3 or
  // Courier's own quoting would trip over.
  for (const char c : message.name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x21 || byte > 0x7e || c == '\'' || c == '"' || c == '+')
      out += fmt::format("+{:02X}", byte);
    else
      out.push_back(c);
  }
  return out;
}

namespace {

/// As imapd shows it: what its grammar does not allow is "_".
std::string shown_keyword(std::string_view keyword) {
  std::string out(keyword);
  for (char& c : out)
    if (std::string_view(" (){%*\"\\]").find(c) != std::string_view::npos) c = '_';
  return out;
}

/// Keywords of messages, each once, in their order.
class KeywordSet {
 public:
  /// The first spelling, which stands for all that differ in capitals only.
  const std::string& spelling_of(std::string_view raw) {
    auto keyword = shown_keyword(raw);
    auto lower = to_lower(keyword);
    return spellings_.emplace(std::move(lower), std::move(keyword)).first->second;
  }
  void add(std::vector<std::string>& keywords, std::string_view raw) {
    const auto& spelling = spelling_of(raw);
    if (std::find(keywords.begin(), keywords.end(), spelling) == keywords.end())
      keywords.push_back(spelling);
  }

 private:
  std::map<std::string, std::string> spellings_;
};

/// For each message the file that is imapd's last word on it.
std::map<std::string, std::string> newest_updates(const std::map<std::string, std::string>& files) {
  std::map<std::string, std::pair<std::uint64_t, std::string>> best;
  for (const auto& [file, text] : files) {
    std::string_view name = file;
    std::uint64_t age = std::numeric_limits<std::uint64_t>::max();  // NAME stands above .N.NAME
    if (name == ":list") continue;
    // A name that begins with a dot and has no number behind it is a temporary of imapd's.
    if (name.starts_with('.')) {
      const auto dot = name.find('.', 1);
      if (dot == std::string_view::npos) continue;
      const auto number = to_number(name.substr(1, dot - 1));
      if (!number || *number == 0) continue;
      age = *number;
      name = name.substr(dot + 1);
    }
    auto& known = best[std::string(without_flags(name))];
    if (age >= known.first) known = {age, file};
  }
  std::map<std::string, std::string> out;
  for (auto& [name, file] : best) out.emplace(name, std::move(file.second));
  return out;
}

/// What stands behind the ":" of a line of :list, below `count`.
std::vector<std::size_t> indexes_of(std::string_view text, std::size_t count,
                                    const Reporter& report, std::size_t line) {
  std::vector<std::size_t> out;
  for (const auto word : words_of(text)) {
    const auto number = to_number(word);
    if (number && *number < count)
      out.push_back(*number);
    else
      report.add(line, fmt::format("no keyword has the index {}", visible(word)));
  }
  return out;
}

}  // namespace

CourierKeywords parse_courier_keywords(std::string_view list,
                                       const std::map<std::string, std::string>& updates) {
  CourierKeywords out;
  KeywordSet spelling;
  const auto newest = newest_updates(updates);
  const Reporter report(k_list_file, out.problems);
  const auto lines = split_lines(list);
  std::vector<std::string_view> index;
  // The list begins with the keywords, to which the lines behind the empty one refer by their
  // place.
  std::size_t at = 0;
  for (; at < lines.size() && !lines[at].empty(); ++at) {
    index.push_back(lines[at]);
    // Each keyword is made known before any message has it, so that the list's spelling stands for
    // all.
    spelling.spelling_of(lines[at]);
  }
  for (++at; at < lines.size(); ++at) {
    const auto colon = lines[at].find(':');
    const std::string name(lines[at].substr(0, colon));
    // A message with a file of its own is not looked up in the list, which is older.
    if (colon == std::string_view::npos || !is_message_name(name))
      report.add(at + 1, fmt::format("\"NAME:INDEX…\" expected: {}", visible(lines[at])));
    else if (!newest.contains(name))
      for (const auto number :
           indexes_of(lines[at].substr(colon + 1), index.size(), report, at + 1))
        spelling.add(out.messages[name], index[number]);
  }
  for (const auto& [name, file] : newest)
    for (const auto line : split_lines(updates.at(file)))
      if (!line.empty()) spelling.add(out.messages[name], line);
  return out;
}

// Dovecot's files.

std::optional<std::string_view> DovecotUids::Message::field(char letter) const {
  for (const auto& text : fields)
    if (text.front() == letter) return std::string_view(text).substr(1);
  return std::nullopt;
}

namespace {

bool is_guid(std::string_view text) {
  return text.size() == 32 &&
         text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

Status read_dovecot_header(std::string_view line, unsigned version, DovecotUids& out) {
  auto words = words_of(line);
  words.erase(words.begin());
  std::string_view validity;
  std::string_view next;
  if (version == 1) {
    if (words.size() < 2) return bad_header("UIDVALIDITY, UIDNEXT expected");
    validity = words[0];
    next = words[1];
  } else {
    // Fields of a header may come in any order. Those that are not known are kept and written back:
    // a newer Dovecot may need them.
    for (const auto word : words) switch (word.front()) {
        case 'V':
          validity = word.substr(1);
          break;
        case 'N':
          next = word.substr(1);
          break;
        case 'G':
          if (!is_guid(word.substr(1)))
            return bad_header("the GUID is not of 32 hexadecimal digits");
          out.guid = word.substr(1);
          break;
        default:
          out.others.emplace_back(word);
      }
  }
  VSTATE_TRY_ASSIGN(const Header header, header_of(validity, next));
  out.validity = header.validity;
  out.next = header.next;
  return {};
}

/// Fields up to the ":"; false if one is none, or no name follows.
bool read_dovecot_fields(std::string_view rest, unsigned version, DovecotUids::Message& message) {
  // Version 1 has no fields, and its name begins right behind the UID.
  while (version == 3 && !rest.starts_with(':')) {
    const auto blank = rest.find(' ');
    if (blank == std::string_view::npos) return false;
    const auto field = rest.substr(0, blank);
    if (field.empty() || field.front() < 'A' || field.front() > 'Z') return false;
    message.fields.emplace_back(field);
    rest = rest.substr(std::min(rest.find_first_not_of(' ', blank), rest.size()));
  }
  if (version == 3) rest.remove_prefix(1);
  message.name = without_flags(rest);
  return is_message_name(message.name);
}

}  // namespace

Result<DovecotUids> parse_dovecot_uids(std::string_view text) {
  const auto lines = split_lines(text);
  const auto head = lines.empty() ? std::string_view() : lines.front();
  if (!head.starts_with("1 ") && !head.starts_with("3 "))
    return bad_header("version 1 or 3 expected");
  const unsigned version = head.front() == '1' ? 1 : 3;
  DovecotUids out;
  VSTATE_TRY(read_dovecot_header(head, version, out));
  const Reporter report(k_dovecot_uids_file, out.problems);
  std::map<std::string, std::size_t> last;  // the place in `all` of each name's last line
  std::vector<DovecotUids::Message> all;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const auto blank = std::min(lines[i].find(' '), lines[i].size());
    const auto uid = to_uid(lines[i].substr(0, blank));
    const auto rest = std::min(lines[i].find_first_not_of(' ', blank), lines[i].size());
    DovecotUids::Message message;
    if (!uid || !read_dovecot_fields(lines[i].substr(rest), version, message)) {
      report.add(i + 1, fmt::format("\"UID FIELD… :NAME\" expected: {}", visible(lines[i])));
      continue;
    }
    message.uid = *uid;
    // Also a line that is refused has shown that its UID was given away.
    if (*uid >= out.next) out.next = *uid + 1;
    if (!all.empty() && *uid <= all.back().uid) {
      report.add(i + 1, fmt::format("UID {} does not rise", *uid));
      continue;
    }
    last[message.name] = all.size();
    all.push_back(std::move(message));
  }
  // Of each name only its last line goes into the result, which leaves the UIDs rising.
  for (std::size_t i = 0; i < all.size(); ++i)
    if (last.at(all[i].name) == i) out.messages.push_back(std::move(all[i]));
  return out;
}

std::string dovecot_uids_text(const DovecotUids& uids) {
  auto out = fmt::format("3 V{} N{}", uids.validity, uids.next);
  if (!uids.guid.empty()) out.append(" G").append(uids.guid);
  for (const auto& other : uids.others) out.append(" ").append(other);
  out += '\n';
  for (const auto& message : uids.messages) {
    out += std::to_string(message.uid);
    for (const auto& field : message.fields) out.append(" ").append(field);
    out.append(" :").append(message.name).append("\n");
  }
  return out;
}

DovecotKeywords parse_dovecot_keywords(std::string_view text) {
  DovecotKeywords out;
  const Reporter report(k_dovecot_keywords_file, out.problems);
  std::set<std::string> seen;
  const auto lines = split_lines(text);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto blank = lines[i].find(' ');
    const auto index = to_number(lines[i].substr(0, blank));
    const auto name =
        blank == std::string_view::npos ? std::string_view() : lines[i].substr(blank + 1);
    // Only the first 26 keywords have a letter in file names; those beyond live in Dovecot's index,
    // which does not travel.
    if (!index || *index >= k_dovecot_keywords || name.empty())
      report.add(i + 1, fmt::format("\"INDEX NAME\" expected: {}", visible(lines[i])));
    else if (!seen.insert(to_lower(name)).second)
      report.add(i + 1, fmt::format("a second index for {}", visible(name)));
    else
      out.names.at(*index) = name;
  }
  return out;
}

std::string dovecot_keywords_text(const KeywordLetters& names) {
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i)
    if (!names.at(i).empty()) out += fmt::format("{} {}\n", i, names.at(i));
  return out;
}

}  // namespace vstate::uid_files
