// Only what has a known form is changed: an address that ends with the domain, a file of a list
// that holds its host, a header line. All else that has the old name in it is named, so that a
// person decides; a program's arguments may mean anything.

#include "vstate/model/rename.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "vstate/base/text.h"

namespace vstate {

namespace {

bool is_of_host(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

/// Whether a host's name that was found in a text ends at `end`.
bool ends_host(std::string_view text, std::size_t end) {
  if (end == text.size()) return true;
  // A dot that ends a sentence ends the name as well.
  if (text[end] == '.') return end + 1 == text.size() || !is_of_host(text[end + 1]);
  return !is_of_host(text[end]);
}

class Renamer {
 public:
  Renamer(const DomainName& from, const DomainName& to) : from_(from.text()), to_(to.text()) {}

  /// Also as the end of a longer name, such as a host's of the domain.
  [[nodiscard]] bool is_named_in(std::string_view text) const {
    const auto lower = to_lower(text);
    for (auto at = lower.find(from_); at != std::string::npos; at = lower.find(from_, at + 1))
      if ((at == 0 || !is_of_host(text[at - 1])) && ends_host(text, at + from_.size())) return true;
    return false;
  }
  /// Every address of the domain's own in a text.
  [[nodiscard]] std::string addresses_in(std::string_view text) const {
    const auto lower = to_lower(text);
    const auto wanted = "@" + from_;
    std::string out;
    std::size_t done = 0;
    for (auto at = lower.find(wanted); at != std::string::npos; at = lower.find(wanted, at + 1)) {
      if (!ends_host(text, at + wanted.size())) continue;
      out.append(text.substr(done, at + 1 - done)).append(to_);
      done = at + wanted.size();
    }
    return out.append(text.substr(done));
  }
  /// A text that is the domain's name, but for blanks and a newline at its end.
  [[nodiscard]] std::string host(const std::string& text) const {
    const auto name = trim_end(text);
    return to_lower(name) == from_ ? to_ + text.substr(name.size()) : text;
  }
  /// "DOMAIN-list", as it is called on input.
  [[nodiscard]] std::string local_part(const std::string& text) const {
    return to_lower(text).starts_with(from_ + "-") ? to_ + text.substr(from_.size()) : text;
  }

 private:
  std::string from_, to_;
};

class StateRenaming {
 public:
  StateRenaming(State& state, const DomainName& to, std::vector<KeptName>& kept)
      : state_(state), to_(to), names_(state.name, to), kept_(kept) {}
  void run() {
    if (state_.default_delivery)
      lines(*state_.default_delivery, LineReader::qmail_local, "domain.default");
    for (auto& [name, mailbox] : state_.mailboxes) rename(mailbox, "mailbox." + name.text());
    for (auto& [name, alias] : state_.alias)
      lines(alias.deliver, LineReader::qmail_local, "alias." + name.text());
    for (auto& [name, robot] : state_.autoresponders) rename(robot, "autoresponder." + name.text());
    for (auto& [name, list] : state_.lists) rename(list, "list." + name.text());
    for (const auto& [path, file] : state_.files)
      if (names_.is_named_in(path) || names_.is_named_in(file.content))
        keep("file." + path, "a file of a person's or a program's");
    state_.name = to_;
  }

 private:
  void keep(std::string address, std::string why) {
    const bool is_known = std::any_of(kept_.begin(), kept_.end(), [&](const auto& one) {
      return one.address == address && one.why == why;
    });
    if (!is_known) kept_.push_back({std::move(address), std::move(why)});
  }
  void rename(Mailbox& mailbox, const std::string& address) {
    lines(mailbox.deliver, LineReader::vdelivermail, address + ".deliver");
    if (names_.is_named_in(mailbox.gecos)) keep(address + ".gecos", "the name of a person");
    if (mailbox.vacation) letter(*mailbox.vacation, address + ".vacation");
  }
  void rename(Autoresponder& robot, const std::string& address) {
    letter(robot.message, address + ".message");
    lines(robot.copy_to, LineReader::qmail_local, address + ".copy_to");
    if (names_.is_named_in(robot.program)) keep(address + ".program", "a program");
  }
  void rename(List& list, const std::string& address) {
    for (auto& [directory, addresses] : list.addresses) {
      std::set<std::string> renamed_addresses;
      for (const auto& one : addresses) renamed_addresses.insert(names_.addresses_in(one));
      addresses = std::move(renamed_addresses);
    }
    for (auto& [name, content] : list.files)
      list_file(name, content, fmt::format("{}.files.{}", address, name));
  }

  /// What each file of a list says: ezmlm.5, lib/config.c.
  void list_file(const std::string& name, std::string& content, const std::string& address) {
    constexpr std::array hosts{"outhost", "inhost"};
    constexpr std::array with_addresses{"owner", "sublist", "fromheader", "headeradd", "from"};
    const auto is_one_of = [&](const auto& names) {
      return std::find(names.begin(), names.end(), name) != names.end();
    };
    if (is_one_of(hosts)) content = names_.host(content);
    if (name == "inlocal") content = names_.local_part(content);
    if (is_one_of(with_addresses)) content = names_.addresses_in(content);
    if (name == "config") content = list_config(content);
    if (!names_.is_named_in(content)) return;
    keep(address, name == "listid" ? "readers sort by it, and RFC 2919 asks to keep it"
                                   : "a text of a person's, or what a program is given");
  }
  /// Lines "F:...": H is the host, L the local part, 0 to 9 are options that may be addresses.
  [[nodiscard]] std::string list_config(const std::string& content) const {
    std::string out;
    for (std::size_t at = 0; at < content.size();) {
      const auto end = std::min(content.find('\n', at), content.size());
      auto line = content.substr(at, end - at);
      const bool has_value = line.size() > 2 && line[1] == ':';
      const char key = has_value ? line.front() : '\0';
      if (key == 'H') line = "H:" + names_.host(line.substr(2));
      if (key == 'L') line = "L:" + names_.local_part(line.substr(2));
      if (key >= '0' && key <= '9') line = names_.addresses_in(line);
      out += line;
      if (end < content.size()) out += '\n';
      at = end + 1;
    }
    return out;
  }

  /// A message of a person's: its header is written by a program, the rest is theirs.
  void letter(std::string& text, const std::string& address) {
    const auto end = text.find("\n\n");
    const auto head = text.substr(0, end == std::string::npos ? text.size() : end);
    const auto body = text.substr(head.size());
    text = (is_header(head) ? names_.addresses_in(head) : head) + body;
    if (names_.is_named_in(text)) keep(address, "a text of a person's");
  }
  [[nodiscard]] static bool is_header(std::string_view head) {
    const auto lines = split_lines(head);
    return !lines.empty() && std::all_of(lines.begin(), lines.end(), [](std::string_view line) {
      const auto colon = line.find(':');
      const bool is_folded = line.starts_with(' ') || line.starts_with('\t');
      return is_folded || (colon != std::string_view::npos && colon > 0 &&
                           line.substr(0, colon).find(' ') == std::string_view::npos);
    });
  }

  void lines(DeliveryLines& lines, LineReader reader, const std::string& address) {
    for (std::size_t i = 0; i < lines.size(); ++i) {
      auto& line = lines[i];
      const auto kind = parse_delivery(line, reader, i == 0).kind;
      if (kind == DeliveryKind::forward || kind == DeliveryKind::broken)
        line = names_.addresses_in(line);
      if (kind == DeliveryKind::program) line = program(line);
      if (names_.is_named_in(line)) keep(address, std::string(why_kept(kind)));
    }
  }
  [[nodiscard]] static std::string_view why_kept(DeliveryKind kind) {
    if (kind == DeliveryKind::nothing) return "a comment";
    return kind == DeliveryKind::program ? "what a program is given" : "another host or place";
  }
  /// vdelivermail's last word may be an address for all unknown users (vdelivermail.c).
  [[nodiscard]] std::string program(const std::string& line) const {
    const auto text = std::string_view(line);
    const auto words = split(trim_end(text), ' ');
    const bool is_vdelivermail = words.size() >= 3 && words[words.size() - 2] == "''" &&
                                 words[words.size() - 3].ends_with("/vdelivermail");
    return is_vdelivermail ? names_.addresses_in(line) : line;
  }

  State& state_;
  const DomainName& to_;
  Renamer names_;
  std::vector<KeptName>& kept_;
};

}  // namespace

Result<std::pair<DomainName, DomainName>> parse_renaming(std::string_view text) {
  const auto sign = text.find('=');
  if (sign == std::string_view::npos)
    return fail(Errc::invalid, fmt::format("{}: is not OLD=NEW", visible(text)));
  VSTATE_TRY_ASSIGN(auto from, DomainName::parse(text.substr(0, sign)));
  VSTATE_TRY_ASSIGN(auto to, DomainName::parse(text.substr(sign + 1)));
  if (from == to)
    return fail(Errc::invalid, fmt::format("{}: both names are the same", visible(text)));
  return std::pair(std::move(from), std::move(to));
}

const DomainName& renamed(const DomainName& name, const Renaming& renaming) {
  const auto found = renaming.find(name);
  return found == renaming.end() ? name : found->second;
}

Result<Renamed> rename_domain(State state, const Renaming& renaming) {
  Renamed out{.state = std::move(state), .kept = {}};
  const auto found = renaming.find(out.state.name);
  if (found == renaming.end()) return out;
  if (out.state.aliases.contains(found->second))
    return fail(Errc::invalid,
                fmt::format("{}: {} is an alias domain of it, and cannot be its name",
                            out.state.name.text(), found->second.text()));
  StateRenaming(out.state, found->second, out.kept).run();
  return out;
}

}  // namespace vstate
