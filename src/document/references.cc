// What single tables cannot see: names that one part uses and no other describes, and two parts
// that would become one file on the server. The second would make an apply write one of them and
// lose the other, depending on the order.

#include "document/references.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "document/keys.h"
#include "format/maildir_name.h"
#include "vstate/base/text.h"
#include "vstate/model/delivery.h"
#include "vstate/model/template.h"

namespace vstate::document {

namespace {

/// True for the name of a .qmail-NAME file that mail can select.
bool is_delivery_file(const std::string& spelt) {
  const auto path = read_bytes(spelt);
  const auto local = alias_of_dot_qmail(path);
  return local && AliasName::parse(*local).has_value() && dot_qmail_name(*local) == path;
}

class ReferenceCheck {
 public:
  ReferenceCheck(const State& state, const std::string& file, const Places& places,
                 Diagnostics& diagnostics)
      : state_(state), file_(file), places_(places), diagnostics_(diagnostics) {}
  void run();

 private:
  [[nodiscard]] Place place_of(const std::string& subject) const;
  void check_named(const std::string& text, const Place& place, std::string_view what);
  /// True if mail for a local part of the domain is delivered.
  [[nodiscard]] bool is_answered(const std::string& local) const;
  void check_moderators();
  void check_lines(const DeliveryLines&, const std::string& subject);
  void check_robots();
  void check_lists();
  /// Names of files, and the entry that makes each.
  using Owners = std::map<std::string, std::string>;
  [[nodiscard]] Owners dot_qmail_files() const;
  void check_file_name(const std::string& path, const File&, const Owners& dot_qmail);
  void check_file_place(const std::string& path);

  const State& state_;
  const std::string& file_;
  const Places& places_;
  Diagnostics& diagnostics_;
};

Place ReferenceCheck::place_of(const std::string& subject) const {
  const auto found = places_.find(subject);
  return found != places_.end() ? found->second : Place{file_, 0, 0};
}

void ReferenceCheck::check_named(const std::string& text, const Place& place,
                                 std::string_view what) {
  for (const auto& name : mailboxes_named(text)) {
    // A name that is no mailbox's at all is missing as well.
    const auto mailbox = MailboxName::parse(name);
    if (!mailbox || !state_.mailboxes.contains(*mailbox))
      diagnostics_.error(place,
                         fmt::format("{}: there is no mailbox \"{}\" in this file", what, name));
  }
}

/// A mailbox, an alias, a robot, or a list answers, or the "-default" alias of a shorter name.
bool ReferenceCheck::is_answered(const std::string& local) const {
  const auto mailbox = MailboxName::parse(local);
  const auto alias = AliasName::parse(to_lower(local));
  if (mailbox && state_.mailboxes.contains(*mailbox)) return true;
  if (!alias) return false;
  if (state_.alias.contains(*alias) || state_.autoresponders.contains(*alias) ||
      state_.lists.contains(*alias))
    return true;
  for (auto dash = local.rfind('-'); dash != std::string::npos && dash > 0;
       dash = local.rfind('-', dash - 1)) {
    const auto fallback = AliasName::parse(to_lower(local.substr(0, dash + 1)) + "default");
    if (fallback && state_.alias.contains(*fallback)) return true;
  }
  return false;
}

void ReferenceCheck::check_moderators() {
  // Only moderators of this domain can be looked for; others live elsewhere.
  for (const auto& [name, list] : state_.lists) {
    const auto moderators = list.addresses.find("mod");
    if (moderators == list.addresses.end()) continue;
    for (const auto& address : moderators->second) {
      const auto at = address.rfind('@');
      const auto host = DomainName::parse(address.substr(at + 1));
      const bool is_ours = host && (*host == state_.name || state_.aliases.contains(*host));
      // Servers are like that; mail to such a moderator bounces there too.
      if (at != std::string::npos && is_ours && !is_answered(address.substr(0, at)))
        diagnostics_.warning(place_of(fmt::format("list.{}.moderators", name.text())),
                             fmt::format("list.{}.moderators: there is no mailbox or alias \"{}\" "
                                         "in this file",
                                         name.text(), spell_bytes(address)));
    }
  }
}

void ReferenceCheck::run() {
  if (state_.default_delivery) check_lines(*state_.default_delivery, "domain.default");
  for (const auto& [name, mailbox] : state_.mailboxes) {
    const auto subject = "mailbox." + name.text();
    check_lines(mailbox.deliver, subject);
    // A vacation message may name a mailbox's directory like any other text.
    if (mailbox.vacation) check_named(*mailbox.vacation, place_of(subject), subject);
  }
  for (const auto& [name, alias] : state_.alias) check_lines(alias.deliver, "alias." + name.text());
  check_robots();
  check_lists();
  const auto dot_qmail = dot_qmail_files();
  for (const auto& [path, file] : state_.files) {
    const auto subject = "file." + path;
    check_file_name(path, file, dot_qmail);
    check_file_place(path);
    check_named(path, place_of(subject), "file");
    // Raw bytes are no template, and name nothing.
    if (file.kind != File::Kind::bytes) check_named(file.content, place_of(subject), subject);
  }
  check_moderators();
}

void ReferenceCheck::check_lines(const DeliveryLines& lines, const std::string& subject) {
  for (const auto& line : lines) check_named(line, place_of(subject), subject);
}

void ReferenceCheck::check_robots() {
  for (const auto& [name, robot] : state_.autoresponders) {
    const auto subject = "autoresponder." + name.text();
    check_named(robot.message, place_of(subject), subject);
    if (state_.alias.contains(name))
      diagnostics_.error(place_of(subject),
                         fmt::format("\"{}\" is an alias as well; both would be the "
                                     "file {}",
                                     name.text(), dot_qmail_name(name.text())));
  }
}

void ReferenceCheck::check_lists() {
  for (const auto& [name, list] : state_.lists) {
    const auto subject = "list." + name.text();
    for (const auto& [file, text] : list.files) check_named(text, place_of(subject), subject);
    for (const auto& [suffix, target] : list.links) {
      // "news" with the link "-owner" is the same file as an alias "news-owner".
      const auto alias = AliasName::parse(name.text() + suffix);
      if (alias && (state_.alias.contains(*alias) || state_.autoresponders.contains(*alias)))
        diagnostics_.error(place_of(subject),
                           fmt::format("the list's link \"{}\" and another entry would "
                                       "be the same file",
                                       alias->text()));
    }
  }
}

/// The dot-qmail files that entries make, and which entry.
ReferenceCheck::Owners ReferenceCheck::dot_qmail_files() const {
  // Keys are names of files, so that two entries of different kinds meet in one.
  Owners files;
  for (const auto& [name, alias] : state_.alias)
    files[dot_qmail_name(name.text())] = "alias." + name.text();
  for (const auto& [name, robot] : state_.autoresponders)
    files[dot_qmail_name(name.text())] = "autoresponder." + name.text();
  for (const auto& [name, list] : state_.lists)
    for (const auto& [suffix, target] : list.links)
      files[dot_qmail_name(name.text()) + suffix] = "list." + name.text();
  return files;
}

/// A file that would be another entry's, or would be one.
void ReferenceCheck::check_file_name(const std::string& path, const File& file,
                                     const Owners& dot_qmail) {
  const auto place = place_of("file." + path);
  // As a file its lines would not be understood, nor shown in a plan.
  if (file.kind == File::Kind::text && is_delivery_file(path) && !dot_qmail.contains(path))
    diagnostics_.error(place, fmt::format("file.path: \"{}\" answers to an address", path),
                       "describe it as [alias.NAME]");
  if (const auto other = dot_qmail.find(path); other != dot_qmail.end())
    diagnostics_.error(
        place, fmt::format("file.path: \"{}\" is the file of {} as well", path, other->second),
        "keep one of them");
  // A file in a home can only clash with what the mailbox's own table describes.
  const auto in_home = split_home(path);
  const auto owner = in_home ? MailboxName::parse(in_home->mailbox) : fail(Errc::invalid, "");
  if (owner && in_home->rest == "vacation/message" && state_.mailboxes.contains(*owner) &&
      state_.mailboxes.at(*owner).vacation)
    diagnostics_.error(
        place, fmt::format("file.path: \"{}\" is mailbox.{}.vacation as well", path, owner->text()),
        "keep one of them");
}

/// A file below what is no directory of the file's, or is a list's.
void ReferenceCheck::check_file_place(const std::string& path) {
  const auto place = place_of("file." + path);
  const auto list = AliasName::parse(path.substr(0, path.find('/')));
  // The list's own table describes its directory, and only whole.
  if (list && state_.lists.contains(*list) && list->text() == path.substr(0, path.find('/')))
    diagnostics_.error(
        place, fmt::format("file.path: \"{}\" is in the directory of list.{}", path, list->text()));
  for (auto slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    const auto above = state_.files.find(path.substr(0, slash));
    if (above != state_.files.end() && above->second.kind != File::Kind::directory)
      diagnostics_.error(place, fmt::format("file.path: \"{}\" goes through \"{}\", which is no "
                                            "directory in this file",
                                            path, above->first));
  }
}

}  // namespace

namespace {

std::string problem_of_name(const std::vector<std::string_view>& parts, bool is_in_home) {
  const auto& name = parts.back();
  // What no dump would ever find again cannot be asked for.
  if (const auto dropped = classify_maildir_file(name); dropped.fate == FileFate::drop)
    return fmt::format("is never carried: {}", dropped.reason);
  const bool is_at_top = !is_in_home && is_kept_name(parts.front());
  if (is_at_top || (name.starts_with(".vstate-") && (name.ends_with(".vstate-tmp") || !is_in_home)))
    return "is a name that vstate uses itself";
  return {};
}

}  // namespace

std::string path_problem(const std::string& path) {
  const auto in_home = split_home(path);
  const auto literal = expand_pathless(in_home ? in_home->rest : path);
  constexpr const char* outside = "is not a path below the domain's directory";
  // An absolute path would be written wherever it leads on the target.
  if (!literal || literal->empty() || literal->front() == '/') return outside;
  if (literal->find('\0') != std::string::npos) return "holds a NUL, which no path can hold";
  const auto parts = split(*literal, '/');
  for (const std::string_view refused : {"..", ".", ""})
    if (std::find(parts.begin(), parts.end(), refused) != parts.end()) return outside;
  // Names of vpopmail's are described by keys of the file, and would be written twice.
  const bool is_own = in_home
                          ? *literal == ".qmail" || *literal == "lastauth"
                          : is_kept_name(parts.front()) && !parts.front().starts_with(".vstate-");
  if (is_own) return "is vpopmail's own; the keys of the domain and of its mailboxes describe it";
  // Courier's list of shared folders is text with paths and the one exception.
  if (in_home && parts.front() == "Maildir" && *literal != "Maildir/shared-maildirs")
    return "is mail, which travels in an archive";
  if (in_home && *literal == "vacation/message")
    return "is described by the key vacation of its mailbox";
  return problem_of_name(parts, in_home.has_value());
}

void check_references(const State& state, const std::string& file, const Places& places,
                      Diagnostics& diagnostics) {
  ReferenceCheck(state, file, places, diagnostics).run();
}

}  // namespace vstate::document
