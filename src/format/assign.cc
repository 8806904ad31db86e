// users/assign as qmail-newu reads it and as vpopmail edits it. The two differ: qmail-newu takes
// the whole file or none of it, while vpopmail writes lines back that it never looked at. So lines
// that qmail-newu refuses are kept and named, and those that vpopmail did not write stay where they
// are.

#include "format/assign.h"

#include <set>

#include <fmt/format.h>

#include "vstate/base/text.h"

namespace vstate {

namespace {

/// Six fields stand behind the key; each of them ends with a colon.
constexpr std::size_t k_fields = 6;

/// What qmail-newu finds wrong with a line; empty if nothing.
std::string_view problem_of(std::string_view line) {
  if (line.find('\0') != std::string_view::npos) return "a NUL byte";
  if (line.empty()) return "a blank line";
  const auto parts = split(line, ':');
  if (parts.front().empty()) return "no key before the first colon";
  if (parts.size() < k_fields + 2) return "fewer than seven colons";
  return {};
}

/// Of a line without a problem.
AssignEntry entry_of_line(std::string_view line) {
  const auto parts = split(line, ':');
  const auto text = [&](std::size_t i) { return std::string(parts[i]); };
  return {
      line.front() == '+', text(0).substr(1), text(1), text(2), text(3), text(4), text(5), text(6)};
}

/// vpopmail.c:get_domain_entries takes such lines for domains, and no others.
bool is_domain_key(std::string_view key) {
  return key.ends_with('-') && key.find('.') != std::string_view::npos;
}

}  // namespace

// The line must equal vpopmail's byte for byte: vdeldomain removes it only if it matches exactly.
std::string to_line(const AssignEntry& entry) {
  return fmt::format("{}{}:{}:{}:{}:{}:{}:{}:", entry.wildcard ? '+' : '=', entry.key, entry.user,
                     entry.uid, entry.gid, entry.home, entry.dash, entry.ext);
}

// An alias domain differs only by its key: the second field is how vpopmail knows the real one.
AssignEntry domain_entry(std::string_view domain, std::string_view real, std::string_view uid,
                         std::string_view gid, std::string_view home) {
  return {true,
          std::string(domain) + '-',
          std::string(real),
          std::string(uid),
          std::string(gid),
          std::string(home),
          "-",
          ""};
}

AssignFile AssignFile::parse(std::string_view bytes) {
  AssignFile out;
  std::vector<std::string> lines;
  std::string_view rest = bytes;
  const auto blemish = [&](std::size_t number, std::string_view what) {
    out.blemishes_.push_back({number, std::string(what)});
  };
  // The first line that begins with "." ends what qmail reads, whatever else the line holds.
  for (std::size_t number = 1; !rest.starts_with('.'); ++number) {
    if (rest.empty()) {
      blemish(number, "the file ends without a \".\" line");
      break;
    }
    const auto end = rest.find('\n');
    // A bad line is kept all the same, since to remove what somebody wrote is not for this program.
    const auto line = rest.substr(0, end);
    if (const auto problem = problem_of(line); !problem.empty()) blemish(number, problem);
    lines.emplace_back(line);
    out.lacks_final_newline_ = end == std::string_view::npos;
    rest.remove_prefix(out.lacks_final_newline_ ? rest.size() : end + 1);
  }
  out.lines_ = SortedLines(std::move(lines));
  out.end_ = std::string(rest);
  return out;
}

std::string AssignFile::bytes() const {
  // The bytes of a file that was only read must be those that were read, so that it is no
  // difference.
  auto out = join_lines(lines_.all());
  if (lacks_final_newline_) out.pop_back();
  return out + end_;
}

std::vector<AssignEntry> AssignFile::entries() const {
  std::vector<AssignEntry> out;
  out.reserve(lines_.all().size());
  for (const auto& line : lines_.all())
    if (problem_of(line).empty()) out.push_back(entry_of_line(line));
  return out;
}

void AssignFile::make_index() const {
  if (has_index_) return;
  by_domain_.clear();
  // With emplace the first of equal keys stays, as it does in users/cdb.
  for (auto& entry : entries()) {
    if (!entry.wildcard || !entry.key.ends_with('-')) continue;
    auto name = to_lower(entry.key.substr(0, entry.key.size() - 1));
    by_domain_.emplace(std::move(name), std::move(entry));
  }
  has_index_ = true;
}

std::optional<AssignEntry> AssignFile::find_domain(std::string_view domain) const {
  make_index();
  const auto found = by_domain_.find(to_lower(domain));
  return found == by_domain_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<std::pair<std::string, AssignEntry>> AssignFile::domains() const {
  std::vector<std::pair<std::string, AssignEntry>> out;
  std::set<std::string> seen;
  for (auto& entry : entries()) {
    if (!entry.wildcard || !is_domain_key(entry.key)) continue;
    auto name = to_lower(entry.key.substr(0, entry.key.size() - 1));
    if (seen.insert(name).second) out.emplace_back(std::move(name), std::move(entry));
  }
  return out;
}

bool AssignFile::has_line(std::string_view exact) const { return lines_.contains(exact); }

// An edit ends the file as qmail-newu demands it; the next build of users/cdb would fail otherwise.
void AssignFile::changed() {
  lacks_final_newline_ = false;
  if (end_.empty()) end_ = ".\n";
}

bool AssignFile::insert_sorted(const AssignEntry& entry) {
  auto line = to_line(entry);
  // A colon in a field would move all fields behind it, the uid among them.
  VSTATE_ASSERT(problem_of(line).empty() && split(line, ':').size() == k_fields + 2 &&
                line.find('\n') == std::string::npos);
  if (!lines_.insert(std::move(line))) return false;
  changed();
  // A second line of one key may stand before the first.
  if (has_index_ && entry.wildcard && entry.key.ends_with('-'))
    has_index_ =
        by_domain_.emplace(to_lower(entry.key.substr(0, entry.key.size() - 1)), entry).second;
  return true;
}

bool AssignFile::remove(std::string_view exact) {
  if (!lines_.remove(exact)) return false;
  changed();
  // Another line of the same key may be in force now.
  has_index_ = false;
  return true;
}

bool AssignFile::remove_domain(std::string_view domain) {
  const auto key = to_lower(domain) + '-';
  const bool is_removed = lines_.remove_if([&](std::string_view line) {
    if (!problem_of(line).empty()) return false;
    const auto entry = entry_of_line(line);
    return entry.wildcard && to_lower(entry.key) == key;
  });
  if (!is_removed) return false;
  changed();
  // No line of this key is left, so the rest of the index still holds.
  by_domain_.erase(to_lower(domain));
  return true;
}

cdb::Records assign_records(const AssignFile& file) {
  // The order is that of the file: a reader takes the first of equal keys, as qmail-newu intends
  // it.
  cdb::Records out;
  std::string last_characters;
  for (const auto& entry : file.entries()) {
    std::string key = '!' + to_lower(entry.key);
    // The NUL behind the key of a "=" line is what tells it from a wildcard of the same name.
    if (!entry.wildcard) {
      key += '\0';
    } else if (!entry.key.empty() && last_characters.find(entry.key.back()) == std::string::npos) {
      last_characters += entry.key.back();
    }
    // Five fields end with a NUL and the last one does not: this is how qmail-newu leaves it.
    std::string data;
    for (const auto* field : {&entry.user, &entry.uid, &entry.gid, &entry.home, &entry.dash})
      data.append(*field).push_back('\0');
    out.emplace_back(std::move(key), data + entry.ext);
  }
  // qmail-lspawn defers all mail of a server whose users/cdb lacks this record, so it is written
  // also where there is no wildcard.
  out.emplace_back("", last_characters);
  return out;
}

std::string assign_cdb_key(std::string_view domain) { return '!' + to_lower(domain) + '-'; }

std::optional<AssignEntry> entry_of_data(std::string_view key, std::string_view data) {
  const auto fields = split(data, '\0');
  if (fields.size() < k_fields) return std::nullopt;
  const auto text = [&](std::size_t i) { return std::string(fields[i]); };
  return AssignEntry{true, std::string(key), text(0), text(1), text(2), text(3), text(4), text(5)};
}

std::optional<AssignEntry> entry_of_record(std::string_view key, std::string_view data) {
  if (!key.starts_with('!') || key.ends_with('\0')) return std::nullopt;
  return entry_of_data(key.substr(1), data);
}

}  // namespace vstate
