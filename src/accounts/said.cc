// The same thing has other words on both sides. What a line does is told from its text by the rules
// of the program that read it there (qmail-local, sendmail), and said in those of the program that
// reads it here. Whatever has no words here is named, and never said in ones that mean something
// else.

#include "accounts/said.h"

#include <algorithm>

#include <fmt/format.h>

#include "qmail/qmail_files.h"
#include "sys/path.h"
#include "vstate/base/text.h"
#include "vstate/model/template.h"

namespace vstate {

namespace {

constexpr int k_most_includes = 10;

/// What a person's own name means among their lines: sendmail delivers it, qmail sends it on.
enum class OwnName { is_mailbox, is_address };

class Saying {
 public:
  explicit Saying(const SaidFor& about) : about_(about) {}

  void forward(std::string_view address, OwnName);
  void program(std::string_view command) { say(pathless_template(fmt::format("|{}", command))); }
  /// Into an mbox, or with "/" at its end into a Maildir.
  void file(const std::string& path);
  /// Into the mailbox itself, past its aliases.
  void mailbox(const std::string& name, const std::string& folder);
  void comment(std::string_view line) { comments_.push_back(pathless_template(line)); }
  void leave_out(std::string why) { out_.left_out.push_back(std::move(why)); }
  /// That mail is dropped has to be said if nothing else is.
  Said finish(bool drops) {
    if (out_.lines.empty() && (drops || drops_)) {
      if (comments_.empty()) comments_.emplace_back("# delete");
      out_.lines = comments_;
    }
    return std::move(out_);
  }
  [[nodiscard]] const SaidFor& about() const { return about_; }

 private:
  void say(std::string line) {
    // Mail must not come twice because two names of one place were said.
    if (std::find(out_.lines.begin(), out_.lines.end(), line) == out_.lines.end())
      out_.lines.push_back(std::move(line));
  }
  [[nodiscard]] std::optional<std::string> folder_of(const std::string& path) const;

  const SaidFor& about_;
  Said out_;
  DeliveryLines comments_;
  bool drops_ = false;
};

void Saying::mailbox(const std::string& name, const std::string& folder) {
  const auto below = folder.empty() ? std::string("Maildir/") : fmt::format("Maildir/{}/", folder);
  const bool is_own = about_.reader == LineReader::vdelivermail && name == to_lower(about_.person);
  say(is_own ? "./" + below : fmt::format("{}/{}", mailbox_placeholder(name), below));
}

void Saying::forward(std::string_view address, OwnName own_name) {
  // A local name is one of the domain now. Addresses of UUCP were read by programs that are gone.
  if (address.find('@') == std::string_view::npos && address.find('!') != std::string_view::npos)
    return leave_out(fmt::format("forwards to {}, an address of UUCP", visible(address)));
  if (address.find_first_of(" \t\"") != std::string_view::npos)
    return leave_out(fmt::format("forwards to {}, which is no address", visible(address)));
  if (address.find('@') != std::string_view::npos) return say("&" + pathless_template(address));
  const auto name = to_lower(address);
  // What answers to its own name would ask itself for ever.
  if (own_name == OwnName::is_mailbox && name == to_lower(about_.person) &&
      about_.has_mailbox(name))
    return mailbox(name, "");
  say(pathless_template(fmt::format("&{}@{}", name, about_.domain)));
}

std::optional<std::string> Saying::folder_of(const std::string& path) const {
  const auto maildir = about_.home + "/Maildir/";
  if (path.starts_with(maildir)) {
    auto below = path.substr(maildir.size());
    if (below.ends_with('/')) below.pop_back();
    return below.find('/') == std::string::npos ? std::optional(below) : std::nullopt;
  }
  return about_.folder_of ? about_.folder_of(path) : std::nullopt;
}

void Saying::file(const std::string& path) {
  if (path == "/dev/null") {
    drops_ = true;
    return;
  }
  const bool is_relative = !path.starts_with('/');
  if (is_relative && about_.home.empty())
    return leave_out(fmt::format("delivers into {}, below a home that is not carried", path));
  auto full = is_relative ? clean_path(path_join(about_.home, path)) : path;
  if (path.ends_with('/') && !full.ends_with('/')) full += '/';
  const bool has_person = !about_.person.empty() && about_.has_mailbox(to_lower(about_.person));
  if (const auto folder = has_person ? folder_of(full) : std::nullopt)
    return mailbox(to_lower(about_.person), *folder);
  // vdelivermail knows no mboxes, and on the other server there is no such place.
  if (about_.reader == LineReader::vdelivermail || is_relative)
    return leave_out(
        fmt::format("delivers into {}, which is no folder that is carried", visible(full)));
  say(pathless_template(full));
}

/// The lines of a .qmail file, as qmail-local takes them.
void take_qmail_line(const DeliveryLine& line, std::string_view text, Saying& saying) {
  switch (line.kind) {
    case DeliveryKind::nothing:
      if (text.starts_with('#')) saying.comment(text);
      break;
    case DeliveryKind::forward:
      saying.forward(line.argument, OwnName::is_address);
      break;
    case DeliveryKind::program:
      saying.program(line.argument);
      break;
    case DeliveryKind::maildir:
    case DeliveryKind::mbox:
      saying.file(line.argument);
      break;
    case DeliveryKind::only_forwards:
      break;  // the lines that would be refused are none
    case DeliveryKind::broken:
      saying.leave_out(fmt::format("has a line that defers all mail there: {}", line.problem));
      break;
  }
}

/// One item of a list, with whether it was in quotes.
struct Item {
  std::string text;
  bool is_quoted = false;
  bool is_broken = false;  ///< its quotes do not end on its line
};

class ListReader {
 public:
  explicit ListReader(std::string_view text) : text_(text) {}
  std::vector<Item> read() {
    for (; at_ < text_.size(); ++at_) take(text_[at_]);
    end();
    return std::move(items_);
  }

 private:
  void take(char c) {
    if (in_quotes_ && (c == '\n' || text_.substr(at_).starts_with("\\\n"))) {
      item_.is_broken = true;
      end();
    } else if (in_quotes_ && c == '\\' && at_ + 1 < text_.size()) {
      item_.text += text_[++at_];
    } else if (c == '"') {
      in_quotes_ = !in_quotes_;
      item_.is_quoted = true;
    } else if (!in_quotes_ && (c == ',' || c == '\n')) {
      // An address goes to the end of the line where the line begins with a program.
      end();
    } else if (!in_quotes_ && c == '#' && trim_end(item_.text).empty()) {
      at_ = std::min(text_.find('\n', at_), text_.size()) - 1;
    } else {
      item_.text += c;
    }
  }
  void end() {
    auto text = trim_end(item_.text);
    text.remove_prefix(std::min(text.find_first_not_of(" \t\r"), text.size()));
    if (text.ends_with('\r')) text.remove_suffix(1);
    if (!text.empty()) items_.push_back({std::string(text), item_.is_quoted, item_.is_broken});
    item_ = {};
    in_quotes_ = false;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  Item item_;
  bool in_quotes_ = false;
  std::vector<Item> items_;
};

Status take_list(std::string_view text, Saying& saying, int includes);

Status take_include(const std::string& path, Saying& saying, int includes) {
  if (includes == k_most_includes || !saying.about().included) {
    saying.leave_out(fmt::format("includes {}, too many levels deep", visible(path)));
    return {};
  }
  VSTATE_TRY_ASSIGN(const auto text, saying.about().included(path));
  if (!text) {
    saying.leave_out(fmt::format("includes {}, which is not there, or not theirs", visible(path)));
    return {};
  }
  return take_list(*text, saying, includes + 1);
}

/// "Joe <joe@example.org>" is an address too.
std::string_view address_in(std::string_view item) {
  const auto open = item.rfind('<'), close = item.rfind('>');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open)
    return item;
  return item.substr(open + 1, close - open - 1);
}

Status take_list(std::string_view text, Saying& saying, int includes) {
  constexpr std::string_view include = ":include:";
  for (const auto& [item, is_quoted, is_broken] : ListReader(text).read()) {
    if (is_broken) {
      saying.leave_out(fmt::format("says {}, with quotes that do not end there", visible(item)));
    } else if (item.starts_with('|')) {
      auto command = std::string_view(item).substr(1);
      command.remove_prefix(std::min(command.find_first_not_of(" \t\""), command.size()));
      saying.program(command);
    } else if (to_lower(item.substr(0, include.size())) == include) {
      const auto at = item.find_first_not_of(" \t", include.size());
      VSTATE_TRY(take_include(at == std::string::npos ? "" : item.substr(at), saying, includes));
    } else if (item.starts_with('/')) {
      saying.file(item);
    } else if (item.starts_with(':')) {
      saying.leave_out(fmt::format("says {}, which has no words here", visible(item)));
    } else if (item.starts_with('\\') && item.find('@') == std::string::npos) {
      const auto name = to_lower(item.substr(1));
      if (saying.about().has_mailbox(name))
        saying.mailbox(name, "");
      else
        saying.leave_out(fmt::format("delivers to {}, who has no mailbox here", visible(name)));
    } else {
      const auto begin = item.starts_with('\\') ? 1U : 0U;
      saying.forward(address_in(std::string_view(item).substr(begin)), OwnName::is_mailbox);
    }
  }
  return {};
}

}  // namespace

Result<Said> said_in_dot_qmail(std::string_view text, const SaidFor& about) {
  Saying saying(about);
  bool is_first = true;
  for (const auto raw : split_lines(text)) {
    const auto line = trim_end(raw);
    take_qmail_line(parse_delivery(line, LineReader::qmail_local, is_first), line, saying);
    is_first = false;
  }
  return saying.finish(!text.empty());
}

Result<Said> said_in_list(std::string_view text, const SaidFor& about) {
  Saying saying(about);
  VSTATE_TRY(take_list(text, saying, 0));
  return saying.finish(false);
}

namespace {

/// "NAME: LIST", with quotes about the name or without; nullopt if it is none.
std::optional<AliasEntry> alias_entry(std::string_view line, std::size_t number) {
  const auto start = line.front() == '"' ? line.find('"', 1) : 0;
  const auto colon = start == std::string_view::npos ? start : line.find(':', start);
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  auto name = trim_end(line.substr(0, colon));
  if (name.size() >= 2 && name.front() == '"' && name.back() == '"')
    name = name.substr(1, name.size() - 2);
  return AliasEntry{std::string(name), std::string(line.substr(colon + 1)), number};
}

}  // namespace

AliasEntries parse_aliases(std::string_view text) {
  AliasEntries out;
  const auto lines = split_lines(text);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto line = trim_end(lines[i]);
    if (line.empty() || line.starts_with('#')) continue;
    const bool continues = line.front() == ' ' || line.front() == '\t';
    auto entry = continues ? std::nullopt : alias_entry(line, i + 1);
    if (entry)
      out.entries.push_back(*std::move(entry));
    else if (continues && !out.entries.empty())
      out.entries.back().list += "\n" + std::string(line);
    else
      out.problems.push_back(
          fmt::format("{}: {}", i + 1, continues ? "continues nothing" : "has no name and colon"));
  }
  return out;
}

}  // namespace vstate
