// Files that people and programs have edited for twenty years: a line that cannot be read is told
// with its number and holds up no other.

#include "accounts/people.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include <fmt/format.h>

#include "qmail/qmail_files.h"
#include "vstate/base/text.h"

namespace vstate {

namespace {

constexpr const char* k_passwd = "/etc/passwd";
constexpr const char* k_shadow = "/etc/shadow";
constexpr const char* k_master = "/etc/master.passwd";

std::optional<std::uint32_t> to_id(std::string_view text) {
  const auto value = to_number(text);
  if (!value || *value > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
  return static_cast<std::uint32_t>(*value);
}

/// The lines that say something, with their numbers.
template <class Take>
void for_each_record(std::string_view text, Take take) {
  const auto lines = split_lines(text);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    auto line = lines[i];
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (trim_end(line).empty() || line.starts_with('#')) continue;
    take(i + 1, line);
  }
}

class PeopleReader {
 public:
  PeopleReader(const Files& files, const Choice& choice) : files_(files), choice_(choice) {}
  Result<People> run();

 private:
  Status read_hashes();
  Status choose();
  Status choose_group();
  void take(std::size_t number, std::string_view line);
  void problem(std::string_view file, std::size_t line, std::string_view what) {
    out_.problems.push_back(fmt::format("{}:{}: {}", file, line, what));
  }
  [[nodiscard]] bool is_chosen(const Person&) const;

  const Files& files_;
  const Choice& choice_;
  People out_;
  std::pair<std::uint32_t, std::uint32_t> uids_{1000, 59999};
  std::optional<std::uint32_t> gid_;
  std::set<std::string, std::less<>> members_, seen_;
  std::map<std::string, std::string, std::less<>> hashes_;
};

/// BSD has the hashes in a file with three fields more, and "*" in passwd.
Status PeopleReader::read_hashes() {
  std::string_view file = k_shadow;
  VSTATE_TRY_ASSIGN(auto text, files_.read_if_there(k_shadow));
  if (!text) {
    file = k_master;
    VSTATE_TRY_ASSIGN(text, files_.read_if_there(k_master));
  }
  for_each_record(text.value_or(""), [&](std::size_t number, std::string_view line) {
    const auto fields = split(line, ':');
    if (fields.size() < 2 || fields[0].empty())
      return problem(file, number, "has no password's field; the line is left out");
    hashes_.emplace(fields[0], fields[1]);
  });
  return {};
}

Status PeopleReader::choose_group() {
  VSTATE_TRY_ASSIGN(const auto text, files_.read_if_there("/etc/group"));
  for_each_record(text.value_or(""), [&](std::size_t number, std::string_view line) {
    const auto fields = split(line, ':');
    if (fields[0] != choice_.group) return;
    if (fields.size() < 3 || !to_id(fields[2]))
      return problem("/etc/group", number, "has no gid; the line is left out");
    if (!gid_) gid_ = to_id(fields[2]);
    if (fields.size() < 4) return;
    for (const auto member : split(fields[3], ',')) members_.emplace(trim_end(member));
  });
  if (!gid_)
    return fail(Errc::not_found,
                fmt::format("/etc/group: there is no group \"{}\"", choice_.group));
  out_.by = fmt::format("group {}", choice_.group);
  return {};
}

Status PeopleReader::choose() {
  if (!choice_.group.empty()) return choose_group();
  VSTATE_TRY_ASSIGN(const auto text, files_.read_if_there("/etc/login.defs"));
  for_each_record(text.value_or(""), [&](std::size_t, std::string_view line) {
    std::vector<std::string> words;
    const auto spaced = replace_all(std::string(line), "\t", " ");
    for (const auto word : split(spaced, ' '))
      if (!word.empty()) words.emplace_back(word);
    const auto id = words.size() > 1 ? to_id(words[1]) : std::nullopt;
    if (id && words[0] == "UID_MIN") uids_.first = *id;
    if (id && words[0] == "UID_MAX") uids_.second = *id;
  });
  uids_ = choice_.uids.value_or(uids_);
  out_.by = fmt::format("uid {} to {}", uids_.first, uids_.second);
  return {};
}

bool PeopleReader::is_chosen(const Person& person) const {
  if (gid_) return person.gid == *gid_ || members_.contains(person.name);
  return person.uid >= uids_.first && person.uid <= uids_.second;
}

void PeopleReader::take(std::size_t number, std::string_view line) {
  if (line.starts_with('+') || line.starts_with('-'))
    return problem(k_passwd, number, "names people of NIS, who are not read");
  const auto fields = split(line, ':');
  constexpr std::size_t wanted = 7;
  // The shell may be missing, and old files end behind the home.
  if (fields.size() < wanted - 1 || fields.size() > wanted)
    return problem(k_passwd, number,
                   fmt::format("{} fields, 7 expected; the line is left out", fields.size()));
  const auto uid = to_id(fields[2]), gid = to_id(fields[3]);
  if (fields[0].empty() || !uid || !gid)
    return problem(k_passwd, number, "has no name, uid or gid; the line is left out");
  if (!seen_.emplace(fields[0]).second)
    return problem(k_passwd, number,
                   fmt::format("{} stands there twice; the first line counts", visible(fields[0])));
  Person person{std::string(fields[0]),
                {},
                *uid,
                *gid,
                std::string(fields[4]),
                fields[5].starts_with('/') ? clean_path(fields[5]) : std::string(fields[5])};
  const auto hash = hashes_.find(person.name);
  // Very old systems have the hash here; "x" says that it is elsewhere.
  person.password = Secret(hash != hashes_.end() ? hash->second : std::string(fields[1]));
  if (is_chosen(person)) out_.chosen.push_back(std::move(person));
}

Result<People> PeopleReader::run() {
  VSTATE_TRY(choose());
  VSTATE_TRY(read_hashes());
  VSTATE_TRY_ASSIGN(const auto text, files_.read(k_passwd));
  for_each_record(text, [&](std::size_t number, std::string_view line) { take(number, line); });
  return std::move(out_);
}

}  // namespace

Result<People> read_people(const Files& files, const Choice& choice) {
  return PeopleReader(files, choice).run();
}

}  // namespace vstate
