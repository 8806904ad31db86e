// What a target cannot hold of a file (refusals), and what will not work there (warnings). A
// refusal stops the apply before its first write, since vpopmail itself would cut the value or lose
// the account in silence. A warning is about something that is carried as it is and that a person
// should know.

#include <algorithm>

#include <fmt/format.h>

#include "vstate/base/text.h"
#include "vstate/model/template.h"
#include "vstate/plan/plan.h"

namespace vstate {

namespace {

constexpr std::size_t k_longest_domain_directory = 155;  // vcdb.c keeps 156 bytes of it
constexpr std::size_t k_longest_home = 160;              // MAX_PW_DIR
constexpr std::size_t k_longest_hash_directory = 4;      // "z/z/"

class Guard {
 public:
  explicit Guard(const PlanInput& input) : input_(input) {}
  std::vector<std::string> run() {
    // The order is that in which a person would mend them: the domain, its mailboxes, clashes, and
    // space.
    check_domain();
    for (const auto& [name, mailbox] : input_.desired.mailboxes)
      check_mailbox(name.text(), mailbox);
    check_names();
    check_space();
    return std::move(refusals_);
  }

 private:
  void refuse(std::string text) { refusals_.push_back(std::move(text)); }
  void check_domain();
  void check_mailbox(const std::string& name, const Mailbox&);
  void check_names();
  void check_space();
  [[nodiscard]] std::string directory() const {
    return input_.condition.directory.empty() ? input_.facts.new_directory
                                              : input_.condition.directory;
  }
  // A home that is yet to be made may get any hashed directory, so the longest counts.
  [[nodiscard]] std::size_t longest_home_of(const std::string& name) const {
    const auto home = input_.condition.paths.homes.find(name);
    if (home != input_.condition.paths.homes.end()) return home->second.size();
    const auto hash = input_.server.hashes_directories ? k_longest_hash_directory : 0;
    return directory().size() + 1 + hash + name.size();
  }

  const PlanInput& input_;
  std::vector<std::string> refusals_;
};

void Guard::check_domain() {
  const auto is_new = input_.condition.directory.empty();
  const bool is_56 = input_.server.version == VpopmailVersion::v56;
  // Only new domains are held to the rules of 5.6: one that is there works.
  const auto check = [&](const DomainName& name) {
    if (const auto broken = broken_56_rule(name); is_56 && is_new && !broken.empty())
      refuse(
          fmt::format("domain {}: its name {}, which vpopmail 5.6 refuses", name.text(), broken));
  };
  check(input_.desired.name);
  for (const auto& alias : input_.desired.aliases) check(alias);
  // vpopmail's buffers hold no more of it.
  if (directory().size() > k_longest_domain_directory)
    refuse(fmt::format(
        "domain {}: its directory {} is longer than the {} characters that vpopmail keeps",
        input_.desired.name.text(), directory(), k_longest_domain_directory));
  // A name that belongs to another domain is never taken from it: mail for it would go astray
  // unasked.
  for (const auto& [name, real] : input_.facts.foreign_names) {
    if (name == input_.desired.name.text())
      refuse(fmt::format("domain {}: is an alias domain of {} on this server; remove that first",
                         name, real));
    else
      refuse(fmt::format("alias domain {}: belongs to {} on this server; remove it there first",
                         name, real));
  }
}

void Guard::check_mailbox(const std::string& name, const Mailbox& mailbox) {
  const auto& server = input_.server;
  const auto say = [&](const std::string& text) {
    refuse(fmt::format("mailbox {}: {}; --exclude mailbox.{} leaves it out", name, text, name));
  };
  // Each of these would be cut, refused or ignored by vpopmail after the apply has begun.
  if (name.size() > server.longest_mailbox_name())
    say(fmt::format("its name has {} characters, this server takes {}", name.size(),
                    server.longest_mailbox_name()));
  const bool is_new =
      input_.actual == nullptr || !input_.actual->mailboxes.contains(*MailboxName::parse(name));
  if (is_new && name.size() == 1 && server.hashes_directories)
    say("a name of one character clashes with the hashed directories of this server");
  // The literal text is what goes into the field, and not its template.
  const auto gecos = expand_pathless(mailbox.gecos).value_or(mailbox.gecos);
  if (gecos.size() > server.longest_gecos())
    say(fmt::format("gecos has {} bytes, this server keeps {}", gecos.size(),
                    server.longest_gecos()));
  const auto& hash = mailbox.password.reveal();
  const auto home = longest_home_of(name);
  if (home > k_longest_home)
    say(fmt::format("its home would be longer than {} characters", k_longest_home));
  if (!hash.empty() && hash.front() == '{' && server.version == VpopmailVersion::v54)
    say("the password has a {SCHEME} prefix, which vpopmail 5.4 never matches; remove the prefix");
  if (input_.facts.refused_hashes.contains(name))
    say(fmt::format("this system's crypt(3) does not accept the password's hash ({})",
                    scheme_of(mailbox.password)));
}

void Guard::check_names() {
  // Mailboxes, lists and robots each need a directory of their name beside each other.
  std::map<std::string, std::string> entries;
  const auto enter = [&](const std::string& name, std::string what) {
    // The first of two stays in the table, and the second names it.
    const auto [first, is_new] = entries.emplace(name, what);
    if (!is_new)
      refuse(
          fmt::format("{}: needs the directory {} that {} needs too", what, name, first->second));
  };
  for (const auto& [name, mailbox] : input_.desired.mailboxes)
    enter(name.text(), "mailbox " + name.text());
  for (const auto& [name, list] : input_.desired.lists) enter(name.text(), "list " + name.text());
  for (const auto& [name, robot] : input_.desired.autoresponders)
    // A robot's directory is in upper case, which keeps it apart from the others unless its name
    // has no letters.
    enter(to_upper(name.text()), "autoresponder " + name.text());
  // A directory that is nobody's home on one server may be a mailbox's on the next.
  for (const auto& [path, file] : input_.desired.files) {
    const auto first = path.substr(0, path.find('/'));
    const auto name = MailboxName::parse(first);
    if (!name || !input_.desired.mailboxes.contains(*name)) continue;
    const auto home = input_.condition.paths.homes.find(first);
    if (home != input_.condition.paths.homes.end() &&
        home->second != fmt::format("{}/{}", directory(), first))
      continue;
    refuse(
        fmt::format("file {}: is in the home of mailbox {} on this server; begin the path with "
                    "{{mailbox:{}}}, or leave it out with --exclude",
                    path, first, first));
  }
}

/// Every delivery line of a State, with its reader: `visit(kind, name, lines, reader)`.
template <class Visit>
void for_each_delivery(const State& state, Visit visit) {
  using enum LineReader;
  if (state.default_delivery) visit("default", std::string(), *state.default_delivery, qmail_local);
  for (const auto& [name, mailbox] : state.mailboxes)
    visit("mailbox", name.text(), mailbox.deliver, vdelivermail);
  for (const auto& [name, alias] : state.alias)
    visit("alias", name.text(), alias.deliver, qmail_local);
  for (const auto& [name, robot] : state.autoresponders) {
    // The robot's line is put together as far as its program, which is what is looked for.
    const auto program = robot.program.empty() ? std::string("{autorespond}") : robot.program;
    visit("autoresponder", name.text(), DeliveryLines{"|" + program}, qmail_local);
  }
  for (const auto& [name, list] : state.lists)
    for (const auto& [suffix, target] : list.links)
      // Only files that a link leads to are read as delivery lines.
      if (const auto file = list.files.find(target); file != list.files.end()) {
        DeliveryLines lines;
        for (const auto line : split_lines(file->second)) lines.emplace_back(line);
        visit("list", name.text(), lines, qmail_local);
      }
}

std::vector<std::string> programs_in(const std::string& line, LineReader reader,
                                     const Paths& paths) {
  const auto parsed = parse_delivery(line, reader, false);
  if (parsed.kind != DeliveryKind::program) return {};
  std::vector<std::string> out;
  // Only absolute paths can be looked for; where a bare name leads depends on the PATH of qmail.
  for (const auto& program : programs_run(parsed.argument)) {
    const auto path = expand(program, paths);
    if (path && !path->empty() && path->front() == '/') out.push_back(*path);
  }
  return out;
}

}  // namespace

/// What is there before a byte is copied; a file system rounds each file up to its blocks.
void Guard::check_space() {
  constexpr std::uint64_t block = 4096;
  std::uint64_t bytes = 0, files = 0;
  for (const auto& report : input_.facts.archives) {
    files += report.messages + report.files;
    // Half a block is lost at the end of each file, on average.
    bytes += report.bytes + (report.messages + report.files) * block / 2;
  }
  // Without mail to copy, a disk that is full is not this plan's concern.
  if (files == 0) return;
  const auto& facts = input_.facts;
  if (facts.free_bytes && bytes > *facts.free_bytes)
    refuse(fmt::format("the mail needs {}, and {} are free where {} lies", human_bytes(bytes),
                       human_bytes(*facts.free_bytes), directory()));
  if (facts.free_inodes && files > *facts.free_inodes)
    refuse(fmt::format("the mail needs {} files, and the file system of {} has room for {}",
                       with_thousands(files), directory(), with_thousands(*facts.free_inodes)));
}

std::vector<std::string> find_refusals(const PlanInput& input) { return Guard(input).run(); }

std::set<std::string> programs_of(const State& state, const Paths& paths) {
  std::set<std::string> out;
  for_each_delivery(state, [&](std::string_view, const std::string&, const DeliveryLines& lines,
                               LineReader reader) {
    for (const auto& line : lines)
      for (auto& program : programs_in(line, reader, paths)) out.insert(std::move(program));
  });
  return out;
}

namespace {

/// The .qmail-EXT files in homes, by mailbox.
std::map<std::string, std::vector<std::string>> extensions_of(const State& state) {
  constexpr std::string_view placeholder = "{mailbox:", file_begin = "}/.qmail-";
  std::map<std::string, std::vector<std::string>> out;
  for (const auto& [path, file] : state.files) {
    const auto end = path.find(file_begin);
    // Only a file directly in the home answers to an extension.
    if (!path.starts_with(placeholder) || end != path.find('}') ||
        path.find('/', end + 2) != path.npos)
      continue;
    out[path.substr(placeholder.size(), end - placeholder.size())].push_back(path.substr(end + 2));
  }
  return out;
}

}  // namespace

namespace {

/// Gathers warnings; none is given twice.
class Warnings {
 public:
  explicit Warnings(const PlanInput& input) : input_(input) {}
  void of_deliveries();
  void of_full_mailboxes();
  void of_extensions();
  void of_passwords();
  std::vector<Note> notes;

 private:
  void warn(std::string kind, std::string name, std::string text);

  const PlanInput& input_;
};

void Warnings::warn(std::string kind, std::string name, std::string text) {
  const bool is_given = std::any_of(notes.begin(), notes.end(), [&](const Note& note) {
    return note.subject_kind == kind && note.name == name && note.text == text;
  });
  if (!is_given)
    notes.push_back({NoteKind::warning, std::move(kind), std::move(name), std::move(text)});
}

/// Lines that no program understands, and programs that are not on this server.
void Warnings::of_deliveries() {
  auto paths = input_.condition.paths;
  if (paths.domain.empty()) paths.domain = input_.facts.new_directory;
  std::map<std::pair<std::string, std::string>, std::set<std::string>> missing;
  for_each_delivery(input_.desired, [&](const std::string& kind, const std::string& name,
                                        const DeliveryLines& lines, LineReader reader) {
    for (std::size_t i = 0; i < lines.size(); ++i) {
      // Each line is judged by the rules of whoever will read it on the target.
      const auto parsed = parse_delivery(lines[i], reader, i == 0);
      if (parsed.kind == DeliveryKind::broken) warn(kind, name, parsed.problem);
      for (const auto& program : programs_in(lines[i], reader, paths))
        if (input_.facts.missing_programs.contains(program)) missing[{kind, name}].insert(program);
    }
  });
  // One warning for each subject, since a list alone runs half a dozen programs.
  for (const auto& [subject, programs] : missing) {
    constexpr std::size_t shown = 3;
    std::vector<std::string> names(programs.begin(), programs.end());
    const auto more = names.size() > shown ? names.size() - shown : 0;
    names.resize(names.size() - more);
    warn(subject.first, subject.second,
         fmt::format("runs {}{}, which {} not on this server", join(names, ", "),
                     more > 0 ? fmt::format(" and {} more programs", more) : "",
                     programs.size() == 1 ? "is" : "are"));
  }
}

void Warnings::of_full_mailboxes() {
  for (const auto& report : input_.facts.archives) {
    const auto key = MailboxName::parse(report.box.name);
    // Where no message comes, the apply does not change how full a mailbox is.
    if (report.box.kind != Box::Kind::mailbox || !key || report.messages == 0) continue;
    const auto mailbox = input_.desired.mailboxes.find(*key);
    if (mailbox == input_.desired.mailboxes.end()) continue;
    const auto& quota = mailbox->second.quota;
    // The archive's whole content counts, as it will all be there.
    if ((quota.bytes > 0 && report.archive.bytes > quota.bytes) ||
        (quota.messages > 0 && report.archive.messages > quota.messages))
      warn("mailbox", report.box.name,
           fmt::format("its mail ({} messages, {}) is more than its quota; new mail will bounce",
                       with_thousands(report.archive.messages), human_bytes(report.archive.bytes)));
  }
}

void Warnings::of_extensions() {
  if (input_.server.has_qmail_ext) return;
  for (const auto& [name, files] : extensions_of(input_.desired))
    warn("mailbox", name,
         fmt::format("its {} {} read only by a vpopmail that is built with qmail-ext, which this "
                     "server's vpopmail_config.h does not say",
                     join(files, ", "), files.size() == 1 ? "is" : "are"));
}

void Warnings::of_passwords() {
  // Clear-text passwords are counted and told once, since a server keeps all of them or none.
  std::size_t clear_passwords = 0;
  for (const auto& [name, mailbox] : input_.desired.mailboxes) {
    if (mailbox.clear_password && !input_.server.stores_clear_passwords) ++clear_passwords;
    switch (kind_of(mailbox.password)) {
      case PasswordKind::none:
        warn("mailbox", name.text(), "has no password, so nobody can log in");
        break;
      case PasswordKind::locked:
        warn("mailbox", name.text(),
             "is closed by a mark in its password's place; carried as it is");
        break;
      case PasswordKind::unusable:
        warn(
            "mailbox", name.text(),
            "has no hash in its password's place that anybody could log in with; carried as it is");
        break;
      case PasswordKind::hash:
        break;
    }
  }
  if (clear_passwords > 0)
    warn("domain", input_.desired.name.text(),
         fmt::format("{} clear-text password{} not carried: this server's vpopmail keeps none",
                     clear_passwords, clear_passwords == 1 ? " is" : "s are"));
}

}  // namespace

std::vector<Note> find_warnings(const PlanInput& input) {
  Warnings warnings(input);
  warnings.of_deliveries();
  warnings.of_full_mailboxes();
  warnings.of_extensions();
  warnings.of_passwords();
  return std::move(warnings.notes);
}

}  // namespace vstate
