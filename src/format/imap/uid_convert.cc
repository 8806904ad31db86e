// The way from Courier's files to Dovecot's for one folder. What clients know messages by must come
// out the same: UIDVALIDITY and UIDs for IMAP, UIDLs for POP3, keywords in the names of files. Any
// of them that changed would make a client download everything again. The result depends on the
// input alone, so that a repeated pass changes nothing.

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "format/imap/modified_utf7.h"
#include "format/imap/uid_files.h"
#include "format/maildir_name.h"
#include "vstate/base/digest.h"
#include "vstate/base/text.h"

namespace vstate::uid_files {

// Subscriptions and folders.

std::string dovecot_subscriptions_text(const std::vector<std::string>& folders) {
  return join_lines(folders);
}

Result<std::string> dovecot_folder_name(std::string_view courier_name) {
  // A name of plain ASCII is valid in both spellings and is the same in both; only Courier 5 writes
  // others in UTF-8.
  if (from_modified_utf7(courier_name)) return std::string(courier_name);
  if (!is_utf8(courier_name))
    return fail(Errc::invalid,
                fmt::format("folder {}: neither UTF-8 nor modified UTF-7", visible(courier_name)));
  return to_modified_utf7(courier_name);
}

Subscriptions convert_courier_subscriptions(std::string_view text) {
  Subscriptions out;
  std::set<std::string> seen;
  const auto lines = split_lines(text);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto refuse = [&](std::string what) {
      out.left_out.push_back({"courierimapsubscribed", i + 1, std::move(what)});
    };
    if (lines[i].empty()) continue;
    std::string name = "INBOX";
    // INBOX is the one name of IMAP that has no case.
    if (to_lower(lines[i]) != "inbox") {
      // Shared folders are in other namespaces, whose mail is not this mailbox's.
      if (!to_lower(lines[i]).starts_with("inbox.") || lines[i].size() == 6) {
        refuse(fmt::format("{}: not below INBOX, there is no such folder in the mailbox",
                           visible(lines[i])));
        continue;
      }
      auto folder = dovecot_folder_name(lines[i].substr(6));
      if (!folder) {
        refuse(folder.error().message);
        continue;
      }
      name = *std::move(folder);
    }
    if (seen.insert(name).second) out.folders.push_back(std::move(name));
  }
  return out;
}

// Keywords in file names.

namespace {

/// The flags that Dovecot reads: up to a second comma.
std::string_view dovecot_flags(const MessageName& name) {
  return name.flags.substr(0, name.flags.find(','));
}

bool is_letter(char c) { return c >= 'a' && c <= 'z'; }

/// The file name with exactly these letters among its flags; nothing if its info is not of the kind
/// ":2,". A name without info gets one only for letters.
std::optional<std::string> with_letters(std::string_view file, std::string_view letters) {
  const auto name = parse_message_name(file);
  const auto info = file.substr(name.unique.size());
  // A message in `new` has no info; without need it must not get one, since that would change its
  // name.
  if (info.empty() && letters.empty()) return std::string(file);
  if (!info.empty() && !info.starts_with(":2,")) return std::nullopt;
  std::string out(name.unique);
  out.append(":2,");
  const auto flags = dovecot_flags(name);
  for (const char c : flags)
    if (!is_letter(c)) out.push_back(c);
  // What is behind Dovecot's flags, with its comma, is somebody else's and stays.
  return out.append(letters).append(name.flags.substr(flags.size()));
}

/// The place of a keyword among the letters, in whatever capitals; their number if there is none.
std::size_t place_of(const KeywordLetters& letters, std::string_view keyword) {
  const auto lower = to_lower(keyword);
  const auto found = std::find_if(letters.begin(), letters.end(),
                                  [&](const auto& name) { return to_lower(name) == lower; });
  return static_cast<std::size_t>(found - letters.begin());
}

}  // namespace

std::string translate_keywords(std::string_view file_name, const KeywordLetters& from,
                               KeywordLetters& to, bool may_add, Problems& left_out) {
  std::string letters;
  bool has_letters = false;
  for (const char c : dovecot_flags(parse_message_name(file_name))) {
    if (!is_letter(c)) continue;
    has_letters = true;
    // A letter means what the folder that the name comes from says; the same letter may be another
    // keyword here.
    const auto& keyword = from.at(static_cast<std::size_t>(c - 'a'));
    if (keyword.empty()) {
      left_out.push_back({visible(file_name), 0, fmt::format("no keyword has the letter {}", c)});
      continue;
    }
    // An empty name is a free letter, and the first of them is taken.
    auto place = place_of(to, keyword);
    if (place == to.size() && may_add) {
      place = place_of(to, "");
      if (place != to.size()) to.at(place) = keyword;
    }
    if (place == to.size())
      left_out.push_back(
          {visible(file_name), 0, fmt::format("keyword {} has no letter here", visible(keyword))});
    else
      letters.push_back(static_cast<char>('a' + place));
  }
  if (!has_letters) return std::string(file_name);
  std::sort(letters.begin(), letters.end());
  // Two spellings of one keyword in the old folder have become one letter here.
  letters.erase(std::unique(letters.begin(), letters.end()), letters.end());
  return with_letters(file_name, letters).value();
}

// One folder.

namespace {

/// Courier's order of messages: the number in front, then bytes (fnamcmp of imapscanclient, cmpmsgs
/// of pop3dserver).
struct ByArrival {
  bool operator()(const std::string& a, const std::string& b) const {
    return std::pair(number(a), std::string_view(a)) < std::pair(number(b), std::string_view(b));
  }
  static std::uint64_t number(std::string_view name) {
    const auto end = std::min(name.find_first_not_of("0123456789"), name.size());
    if (end == 0) return 0;
    return to_number(name.substr(0, end)).value_or(std::numeric_limits<std::uint64_t>::max());
  }
};

class Converter {
 public:
  explicit Converter(const CourierFolder& folder) : folder_(folder) {}

  DovecotFolder run() {
    sort_names();
    read_courier();
    // A folder that no client ever saw needs no numbers from the old server; Dovecot makes its own.
    if (has_uids_ || !uidls_.empty()) {
      give_uids();
      add_uidls();
      out_.uidlist = dovecot_uids_text(uids_);
    }
    // Letters that are in use on the target stay what they are, and new keywords get free ones.
    out_.letters = folder_.letters;
    const auto letters = give_letters();
    for (const auto& [unique, files] : files_) {
      const auto found = letters.find(unique);
      for (const auto& file : files) rename(file, found == letters.end() ? "" : found->second);
    }
    return std::move(out_);
  }

 private:
  void leave_out(std::string_view file, std::string what) {
    out_.left_out.push_back({std::string(file), 0, std::move(what)});
  }
  void leave_out(const Problems& problems) {
    out_.left_out.insert(out_.left_out.end(), problems.begin(), problems.end());
  }

  /// The messages of the folder by the part of their names that never changes. One that has come to
  /// stand in both new and cur is one message with two files.
  void sort_names() {
    for (const auto& name : folder_.names) {
      const auto unique = parse_message_name(name).unique;
      if (unique.empty() || unique.front() == '.') continue;
      if (unique.find_first_of("/\n") != std::string_view::npos)
        leave_out(visible(name), "cannot stand in a UID file");
      else
        files_[std::string(unique)].push_back(name);
    }
  }

  void read_courier() {
    // Where Courier has no number, no IMAP client can remember one, and any will do.
    uids_.validity = 1;
    if (folder_.pop3) {
      if (auto pop3 = parse_courier_pop3(*folder_.pop3)) {
        leave_out(pop3->problems);
        for (const auto& message : pop3->messages)
          // Lines about messages that are gone would only make Dovecot's file longer.
          if (files_.contains(message.name)) uidls_.emplace(message.name, courier_uidl(message));
        if (pop3->validity > 0 && pop3->validity <= std::numeric_limits<std::uint32_t>::max())
          uids_.validity = static_cast<std::uint32_t>(pop3->validity);
      } else {
        out_.left_out.push_back({"courierpop3dsizelist", 0, pop3.error().message});
      }
    }
    if (!folder_.uids) return;
    auto read = parse_courier_uids(*folder_.uids);
    if (!read) {
      out_.left_out.push_back({"courierimapuiddb", 0, read.error().message});
      return;
    }
    // The IMAP file comes second, so that its UIDVALIDITY counts where both have one: IMAP clients
    // compare it.
    has_uids_ = true;
    leave_out(read->problems);
    uids_.validity = read->validity;
    uids_.next = read->next;
    for (auto& message : read->messages)
      if (files_.contains(message.name))
        uids_.messages.push_back({message.uid, {}, std::move(message.name)});
    // Dovecot throws a file away whose UIDs do not rise; Courier's may stand in any order.
    std::sort(uids_.messages.begin(), uids_.messages.end(),
              [](const auto& a, const auto& b) { return a.uid < b.uid; });
  }

  /// To the messages that have none.
  void give_uids() {
    std::set<std::string_view> known;
    for (const auto& message : uids_.messages) known.insert(message.name);
    std::vector<std::string> fresh;
    for (const auto& [unique, files] : files_)
      if (!known.contains(unique)) fresh.push_back(unique);
    for (auto& name : fresh) {  // files_ is in the order of arrival
      if (uids_.next >= std::numeric_limits<std::uint32_t>::max()) {
        leave_out("courierimapuiddb", fmt::format("no UID is left for {}", visible(name)));
        continue;
      }
      uids_.messages.push_back({uids_.next++, {}, std::move(name)});
    }
    // Dovecot wants a GUID for the folder. A digest of what names the folder gives the same one in
    // each pass, where a random one would be a difference. Lengths go in as well, so that no two
    // folders can give the same bytes.
    Sha256 digest;
    for (const std::string_view part : {std::string_view("dovecot folder"), folder_.identity}) {
      digest.update_little_endian(part.size());
      digest.update(part);
    }
    digest.update_little_endian(uids_.validity);
    uids_.guid = digest.finish_hex().substr(0, 32);
  }

  /// POP3 clients compare UIDLs and nothing else, so each message that pop3d has listed keeps its
  /// own.
  void add_uidls() {
    std::vector<DovecotUids::Message*> listed;
    for (auto& message : uids_.messages) {
      const auto found = uidls_.find(message.name);
      if (found == uidls_.end()) continue;
      message.fields.push_back(fmt::format("P{}", found->second));
      listed.push_back(&message);
    }
    const auto is_before = [](const auto* a, const auto* b) {
      return ByArrival()(a->name, b->name);
    };
    // Dovecot lists by UID unless told otherwise. The order is written only where pop3d's was
    // another, since clients that count messages go by it.
    if (std::is_sorted(listed.begin(), listed.end(), is_before)) return;
    std::sort(listed.begin(), listed.end(), is_before);
    for (std::size_t i = 0; i < listed.size(); ++i)
      listed[i]->fields.push_back(fmt::format("O{}", i + 1));
  }

  /// The letters of each message that has keywords, sorted; fills out_.letters.
  std::map<std::string, std::string> give_letters() {
    auto read = parse_courier_keywords(folder_.keyword_list, folder_.keyword_updates);
    leave_out(read.problems);
    std::map<std::string, char> letter_of;  // by the keyword in lower case; 0 is none
    for (std::size_t i = 0; i < k_dovecot_keywords; ++i)
      if (const auto& name = out_.letters.at(i); !name.empty())
        letter_of.emplace(to_lower(name), static_cast<char>('a' + i));
    add_keywords(read, letter_of);
    std::map<std::string, std::string> out;
    for (const auto& [unique, keywords] : read.messages) {
      std::string letters;
      for (const auto& keyword : keywords)
        if (const auto found = letter_of.find(to_lower(keyword));
            found != letter_of.end() && found->second != 0)
          letters.push_back(found->second);
      std::sort(letters.begin(), letters.end());
      out.emplace(unique, std::move(letters));
    }
    out_.keywords = std::move(read.messages);
    return out;
  }

  /// Gives letters to the keywords of present messages that have none: all of them by name, or
  /// those on the most messages if there are too many.
  void add_keywords(const CourierKeywords& read, std::map<std::string, char>& letter_of) {
    struct Use {
      std::string name;
      std::size_t count = 0;
    };
    std::map<std::string, Use> fresh;  // by the keyword in lower case
    for (const auto& [unique, keywords] : read.messages) {
      if (!files_.contains(unique)) continue;
      for (const auto& keyword : keywords) {
        const auto lower = to_lower(keyword);
        if (letter_of.contains(lower)) continue;
        auto& use = fresh[lower];
        use.name = keyword;
        ++use.count;
      }
    }
    std::vector<std::size_t> free;
    for (std::size_t i = 0; i < k_dovecot_keywords; ++i)
      if (out_.letters.at(i).empty()) free.push_back(i);
    std::vector<std::pair<std::string, Use>> chosen(fresh.begin(), fresh.end());
    if (chosen.size() > free.size()) {
      // The sort is stable, so that equally frequent ones stay in the order of their names, and
      // each run leaves out the same.
      std::stable_sort(chosen.begin(), chosen.end(), [](const auto& a, const auto& b) {
        return a.second.count > b.second.count;
      });
      for (std::size_t i = free.size(); i < chosen.size(); ++i)
        leave_out("courierimapkeywords",
                  fmt::format("keyword {} of {} messages: Dovecot has {} letters, all taken",
                              visible(chosen[i].second.name), chosen[i].second.count,
                              k_dovecot_keywords));
      chosen.resize(free.size());
      // Back in the order of names, so that letters do not depend on how often a keyword was used.
      std::sort(chosen.begin(), chosen.end(),
                [](const auto& a, const auto& b) { return a.first < b.first; });
    }
    for (std::size_t i = 0; i < chosen.size(); ++i) {
      out_.letters.at(free[i]) = chosen[i].second.name;
      letter_of.emplace(chosen[i].first, static_cast<char>('a' + free[i]));
    }
  }

  void rename(const std::string& file, std::string_view letters) {
    auto changed = with_letters(file, letters);
    if (!changed) {
      if (!letters.empty())
        leave_out("courierimapkeywords",
                  fmt::format("{}: its flags are not of the kind \":2,\"", visible(file)));
    } else if (*changed != file) {
      out_.renames.emplace(file, *std::move(changed));
    }
  }

  const CourierFolder& folder_;
  DovecotFolder out_;
  DovecotUids uids_;
  bool has_uids_ = false;
  std::map<std::string, std::vector<std::string>, ByArrival> files_;  // by the name without flags
  std::map<std::string, std::string> uidls_;                          // of messages that are there
};

}  // namespace

DovecotFolder convert_courier_folder(const CourierFolder& folder) {
  return Converter(folder).run();
}

}  // namespace vstate::uid_files
