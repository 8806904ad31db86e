// The whole file is one text here, so that a Content-Length can be tried and dropped. It is gone
// through once: each message is measured, its headers are read, and its bytes go into a digest.

#include "mbox/folder.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "mbox/from_line.h"
#include "vstate/base/digest.h"
#include "vstate/base/text.h"

namespace vstate::mbox {

namespace {

constexpr std::string_view k_from = "From ";
constexpr std::size_t k_most_keywords = 26;
constexpr auto npos = std::string_view::npos;

/// The line that begins at `at`, without its end.
std::string_view line_at(std::string_view text, std::size_t at) {
  const auto end = std::min(text.find('\n', at), text.size());
  auto line = text.substr(at, end - at);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

/// Where the line behind it begins, or the end of the text.
std::size_t next_line(std::string_view text, std::size_t at) {
  const auto end = text.find('\n', at);
  return end == npos ? text.size() : end + 1;
}

/// How long a blank line at `at` is; 0 if there is none.
std::size_t blank_line(std::string_view text, std::size_t at) {
  const auto rest = text.substr(std::min(at, text.size()), 2);
  if (rest.starts_with('\n')) return 1;
  return rest == "\r\n" ? 2 : 0;
}

/// Whether the line in front of the one at `at` is blank, or there is none.
bool is_behind_blank(std::string_view text, std::size_t at) {
  if (at == 0) return true;
  if (at == 1) return text[0] == '\n';
  if (text[at - 2] == '\n') return true;
  return text[at - 2] == '\r' && (at == 2 || text[at - 3] == '\n');
}

/// The name of a header that begins a line; empty if none does.
std::string_view header_name(std::string_view line) {
  const auto colon = line.find(':');
  if (colon == npos || colon == 0) return {};
  const auto name = trim_end(line.substr(0, colon));
  const bool is_name = std::all_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) > ' ' && static_cast<unsigned char>(c) < 127;
  });
  return is_name ? name : std::string_view();
}

bool is_separator(std::string_view text, std::size_t at) {
  if (!text.substr(at).starts_with(k_from) || !parse_from_line(line_at(text, at))) return false;
  return is_behind_blank(text, at) || !header_name(line_at(text, next_line(text, at))).empty();
}

/// The next From_ line that begins at `at` or behind it, or the end of the text.
std::size_t next_separator(std::string_view text, std::size_t at) {
  while ((at = text.find(k_from, at)) != npos) {
    if ((at == 0 || text[at - 1] == '\n') && is_separator(text, at)) return at;
    at += k_from.size();
  }
  return text.size();
}

enum class Hidden { no, status, x_status, keywords, uid, base, pseudo_base, length };

Hidden hidden_header(std::string_view name) {
  constexpr std::array<std::pair<std::string_view, Hidden>, 7> names{
      std::pair{"status", Hidden::status}, {"x-status", Hidden::x_status},
      {"x-keywords", Hidden::keywords},    {"x-uid", Hidden::uid},
      {"x-imapbase", Hidden::base},        {"x-imap", Hidden::pseudo_base},
      {"content-length", Hidden::length}};
  constexpr std::size_t longest = 14;
  if (name.size() > longest) return Hidden::no;
  const auto lower = to_lower(name);
  for (const auto& [known, header] : names)
    if (known == lower) return header;
  return Hidden::no;
}

/// A header with the lines that continue it.
struct Header {
  std::size_t begin, end;
  std::string_view name;
};

/// Calls `found` for each header from `at` on; returns where the body begins: behind the first
/// blank line, or at `limit`.
template <class Found>
std::size_t for_each_header(std::string_view text, std::size_t at, std::size_t limit, Found found) {
  while (at < limit) {
    // A message without a body may end without a blank line.
    if (is_separator(text, at)) return at;
    if (const auto blank = blank_line(text, at)) return std::min(at + blank, limit);
    Header header{at, next_line(text, at), header_name(line_at(text, at))};
    while (header.end < limit && (text[header.end] == ' ' || text[header.end] == '\t'))
      header.end = next_line(text, header.end);
    header.end = std::min(header.end, limit);
    found(header);
    at = header.end;
  }
  return limit;
}

std::string_view header_value(std::string_view text, const Header& header) {
  return text.substr(header.begin, header.end - header.begin).substr(header.name.size());
}

/// The words behind the colon; lines that continue it count as one.
std::vector<std::string_view> header_words(std::string_view text, const Header& header) {
  auto value = header_value(text, header);
  value.remove_prefix(std::min(value.find(':') + 1, value.size()));
  std::vector<std::string_view> out;
  constexpr std::string_view blanks(" \t\r\n\0", 5);
  std::size_t at = 0;
  while ((at = value.find_first_not_of(blanks, at)) != npos) {
    const auto end = std::min(value.find_first_of(blanks, at), value.size());
    out.push_back(value.substr(at, end - at));
    at = end;
  }
  return out;
}

std::uint32_t header_number(const std::vector<std::string_view>& words, std::size_t i) {
  const auto value = i < words.size() ? to_number(words[i]) : std::nullopt;
  return value && *value < std::numeric_limits<std::uint32_t>::max()
             ? static_cast<std::uint32_t>(*value)
             : 0;
}

/// What the headers of one message say.
struct Headers {
  std::uint8_t flags = 0;
  std::vector<std::string_view> keywords;
  std::uint32_t uid = 0;
  std::optional<std::uint64_t> length;
  std::vector<std::string_view> base, pseudo_base;
  bool is_qmails = false, is_internal = false;
  std::size_t body = 0;
};

std::uint8_t flags_in(const std::vector<std::string_view>& words,
                      std::initializer_list<std::pair<char, Flag>> letters) {
  std::uint8_t flags = 0;
  for (const auto word : words)
    for (const auto& [letter, flag] : letters)
      if (word.find(letter) != npos) flags |= flag;
  return flags;
}

class HeaderReader {
 public:
  explicit HeaderReader(std::string_view text) : text_(text) {}
  Headers read(std::size_t at) {
    // Where the message ends is not known yet; a From_ line behind a blank one is behind the body.
    out_.body = for_each_header(text_, at, text_.size(), [&](const Header& header) {
      take(header);
      ++count_;
    });
    out_.is_qmails = has_return_path_ && out_.is_qmails;
    return std::move(out_);
  }

 private:
  void take(const Header& header) {
    const auto lower = header.name.size() < 16 ? to_lower(header.name) : std::string();
    if (count_ == 0) has_return_path_ = lower == "return-path";
    if (count_ == 1) out_.is_qmails = lower == "delivered-to";
    if (lower == "subject")
      out_.is_internal =
          header_value(text_, header).find("DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA") !=
          npos;
    const auto kind = hidden_header(header.name);
    if (kind != Hidden::no) take_hidden(kind, header_words(text_, header));
  }
  void take_hidden(Hidden kind, std::vector<std::string_view> words) {
    switch (kind) {
      case Hidden::status:
        out_.flags |= flags_in(words, {{'R', seen}, {'O', old}, {'R', old}});
        break;
      case Hidden::x_status:
        out_.flags |=
            flags_in(words, {{'A', replied}, {'F', flagged}, {'D', deleted}, {'T', draft}});
        break;
      case Hidden::keywords:
        out_.keywords.insert(out_.keywords.end(), words.begin(), words.end());
        break;
      case Hidden::uid:
        if (out_.uid == 0) out_.uid = header_number(words, 0);
        break;
      case Hidden::base:
        if (out_.base.empty()) out_.base = std::move(words);
        break;
      case Hidden::pseudo_base:
        if (out_.pseudo_base.empty()) out_.pseudo_base = std::move(words);
        break;
      case Hidden::length:
        if (!words.empty()) out_.length = to_number(words.front());
        break;
      case Hidden::no:
        break;
    }
  }

  std::string_view text_;
  Headers out_;
  std::size_t count_ = 0;
  bool has_return_path_ = false;
};

class Parser {
 public:
  Parser(std::string_view text, const Zones& zones) : text_(text), zones_(zones) {}
  Folder run(std::size_t at, const std::function<void(std::size_t)>& passed) {
    while (at < text_.size()) {
      at = take(at);
      if (passed) passed(at);
    }
    number();
    return std::move(out_);
  }

 private:
  std::size_t take(std::size_t at);
  /// Where the message ends, and where the next one begins.
  std::pair<std::size_t, std::size_t> end_of(std::size_t at, const Headers&, bool& is_counted);
  void take_base(const Headers&, bool is_first, std::string_view sender, bool& is_internal);
  void keep(Message, const FromLine&, const Headers&);
  std::uint32_t letters_of(const std::vector<std::string_view>& keywords);
  void learn(const std::vector<std::string_view>& keywords) {
    for (const auto word : keywords) (void)index_of(word);
  }
  std::optional<std::size_t> index_of(std::string_view keyword);
  void number();

  std::string_view text_;
  const Zones& zones_;
  Folder out_;
  std::uint32_t last_uid_ = 0;  ///< that the server gave
  std::uint32_t top_uid_ = 0;   ///< that was seen
  bool has_messages_ = false;
};

std::pair<std::size_t, std::size_t> Parser::end_of(std::size_t at, const Headers& headers,
                                                   bool& is_counted) {
  const auto size = text_.size();
  if (headers.length && *headers.length <= size - headers.body) {
    const auto end = headers.body + *headers.length;
    const auto next = end + blank_line(text_, end);
    // Programs that count bytes write a blank line behind the last message too.
    is_counted = next > end && (next == size || parse_from_line(line_at(text_, next)));
    if (is_counted) return {end, next};
  }
  const auto next = next_separator(text_, headers.body);
  auto end = next;
  if (end > at && text_[end - 1] == '\n' && is_behind_blank(text_, end))
    end -= end > at + 1 && text_[end - 2] == '\r' ? 2 : 1;
  return {end, next};
}

/// The first message tells of the folder, whether it is one or only there for that.
void Parser::take_base(const Headers& headers, bool is_first, std::string_view sender,
                       bool& is_internal) {
  if (!is_first) return;
  const bool is_servers = sender == "MAILER-DAEMON";
  is_internal = headers.is_internal ? !headers.pseudo_base.empty() || is_servers
                                    : !headers.pseudo_base.empty() && is_servers;
  const auto& base = headers.base.empty() ? headers.pseudo_base : headers.base;
  out_.validity = header_number(base, 0);
  last_uid_ = header_number(base, 1);
  if (base.size() > 2) learn({base.begin() + 2, base.end()});
}

std::size_t Parser::take(std::size_t at) {
  const auto from = *parse_from_line(line_at(text_, at));
  Message message;
  message.at = next_line(text_, at);
  const auto headers = HeaderReader(text_).read(message.at);
  const auto [end, next] = end_of(message.at, headers, message.is_counted);
  message.length = end - message.at;
  message.quoting = message.is_counted  ? Quoting::none
                    : headers.is_qmails ? Quoting::mboxrd
                                        : Quoting::mboxo;
  bool is_internal = false;
  take_base(headers, !std::exchange(has_messages_, true), from.sender, is_internal);
  if (!is_internal) keep(message, from, headers);
  return next;
}

void Parser::keep(Message message, const FromLine& from, const Headers& headers) {
  const bool is_utc = zones_.is_qmails && headers.is_qmails;
  const auto date = from.date(is_utc ? TimeZone() : zones_.writer);
  message.date = std::max<std::int64_t>(0, date.time_since_epoch().count());
  message.flags = headers.flags;
  message.keywords = letters_of(headers.keywords);
  // Mail that comes in may bring such a header with it.
  if (headers.uid > top_uid_ && headers.uid <= last_uid_) {
    message.uid = headers.uid;
    top_uid_ = headers.uid;
  }
  Sha256 sha;
  for_each_part(text_, message, [&](std::string_view part) {
    message.size += part.size();
    sha.update(part);
  });
  message.digest = short_digest_of(sha);
  out_.messages.push_back(message);
}

std::optional<std::size_t> Parser::index_of(std::string_view keyword) {
  auto& known = out_.keywords;
  // Keywords that differ only in capitals are one to IMAP.
  const auto lower = to_lower(keyword);
  const auto found = std::find_if(known.begin(), known.end(),
                                  [&](const std::string& name) { return to_lower(name) == lower; });
  if (found != known.end()) return static_cast<std::size_t>(found - known.begin());
  if (known.size() == k_most_keywords) return std::nullopt;
  known.emplace_back(keyword);
  return known.size() - 1;
}

std::uint32_t Parser::letters_of(const std::vector<std::string_view>& keywords) {
  std::uint32_t bits = 0;
  bool are_all = true;
  for (const auto keyword : keywords) {
    const auto index = index_of(keyword);
    if (index) bits |= std::uint32_t{1} << *index;
    are_all = are_all && index.has_value();
  }
  if (!are_all) ++out_.keywords_left_out;
  return bits;
}

void Parser::number() {
  if (out_.validity == 0) {
    for (auto& message : out_.messages) message.uid = 0;
    return;
  }
  out_.next = std::max(last_uid_, top_uid_) + 1;
  for (auto& message : out_.messages)
    if (message.uid == 0) message.uid = out_.next++;
}

/// Gives a text without one ">" of each quoted From_ line.
void unquote(std::string_view text, Quoting quoting,
             const std::function<void(std::string_view)>& take) {
  std::size_t given = 0, at = 0;
  while ((at = text.find(k_from, at)) != npos) {
    auto begin = at;
    while (begin > given && text[begin - 1] == '>') --begin;
    const auto quotes = at - begin;
    const bool is_line = begin == 0 || text[begin - 1] == '\n';
    at += k_from.size();
    if (!is_line || quotes == 0 || (quoting == Quoting::mboxo && quotes > 1)) continue;
    take(text.substr(given, begin - given));
    given = begin + 1;
  }
  take(text.substr(given));
}

}  // namespace

bool is_mbox(std::string_view beginning) {
  const auto at = std::min(beginning.find_first_not_of("\r\n"), beginning.size());
  return at == beginning.size() || parse_from_line(line_at(beginning, at)).has_value();
}

void for_each_part(std::string_view text, const Message& message,
                   const std::function<void(std::string_view)>& take) {
  const auto end = message.at + message.length;
  auto given = message.at;
  const auto give = [&](std::size_t until) {
    if (until > given) take(text.substr(given, until - given));
  };
  const auto body = for_each_header(text, message.at, end, [&](const Header& header) {
    // qmail quotes a header's line too, which then is no header.
    const bool is_quoted = message.quoting == Quoting::mboxrd && header.name.empty() &&
                           text.substr(header.begin).starts_with('>');
    if (hidden_header(header.name) == Hidden::no && !is_quoted) return;
    give(header.begin);
    given = header.end;
    if (is_quoted)
      unquote(text.substr(header.begin, header.end - header.begin), message.quoting, take);
  });
  give(body);
  const auto rest = text.substr(body, end - body);
  if (rest.empty()) return;
  if (message.quoting == Quoting::none)
    take(rest);
  else
    unquote(rest, message.quoting, take);
}

Result<Folder> parse(std::string_view text, const Zones& zones,
                     const std::function<void(std::size_t)>& passed) {
  if (!is_mbox(text)) return fail(Errc::invalid, "is no mbox: it does not begin with a From_ line");
  return Parser(text, zones).run(std::min(text.find_first_not_of("\r\n"), text.size()), passed);
}

}  // namespace vstate::mbox
