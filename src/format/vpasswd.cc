// The text file is the master and vpasswd.cdb is made of it. Lines that are not replaced are
// written back byte for byte: fields that this program does not know, and the ways in which older
// versions wrote them, are the server's. A line that vpopmail's reader stumbles over hides all
// accounts behind it, so such lines are moved to the end and named.

#include "format/vpasswd.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "vstate/base/text.h"

namespace vstate::vpasswd {

namespace {

constexpr std::size_t k_colons = 6;  ///< the fewest that vpopmail.c:vgetent takes

/// Of a line with enough colons. All behind the seventh is the clear-text password.
Record record_of_line(std::string_view line) {
  std::array<std::string_view, k_colons + 1> fields;
  std::size_t colons = 0;
  std::string_view rest = line;
  // The clear-text password is the last field and may hold colons, so the line is not split further
  // than that.
  for (; colons < fields.size(); ++colons) {
    const auto end = rest.find(':');
    fields[colons] = rest.substr(0, end);
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  const auto text = [&](std::size_t i) { return std::string(fields[i]); };
  Record out{text(0), text(1), text(2), text(3), text(4), text(5), text(6), std::nullopt};
  // An empty eighth field is another line than one without it, so the two are told apart.
  if (colons == fields.size()) out.clear = std::string(rest);
  return out;
}

/// Never says anything of what is in the line.
Status check_line(std::string_view line) {
  if (line.empty()) return fail(Errc::invalid, "blank line");
  if (line.find('\0') != std::string_view::npos) return fail(Errc::invalid, "a NUL byte");
  const auto colons = std::count(line.begin(), line.end(), ':');
  if (static_cast<std::size_t>(colons) < k_colons)
    return fail(Errc::invalid,
                fmt::format("{} fields, at least {} expected", colons + 1, k_colons + 1));
  return {};
}

}  // namespace

std::string to_line(const Record& record) {
  auto out = fmt::format("{}:{}:{}:{}:{}:{}:{}", record.name, record.hash, record.uid_field,
                         record.gid_field, record.gecos, record.home, record.quota);
  if (record.clear) out.append(":").append(*record.clear);
  return out;
}

std::size_t line_length(const Record& record) { return to_line(record).size() + 1; }

Status check_field(std::string_view field_name, std::string_view value, bool is_last) {
  const auto holds = [&](char c) { return value.find(c) != std::string_view::npos; };
  const auto refuse = [&](std::string_view what) {
    return fail(Errc::invalid,
                fmt::format("{}: {} cannot be written to vpasswd", field_name, what));
  };
  // A newline would make a second account of the rest, a NUL would end the line for a C program,
  // and a colon would shift every field behind it.
  if (holds('\n')) return refuse("a newline");
  if (holds('\0')) return refuse("a NUL byte");
  if (!is_last && holds(':')) return refuse("a colon");
  return {};
}

Status check(const Record& record) {
  if (record.name.empty()) return fail(Errc::invalid, "name: empty");
  const std::array<std::pair<std::string_view, std::string_view>, k_colons + 1> fields{{
      {"name", record.name},
      {"hash", record.hash},
      {"uid", record.uid_field},
      {"gid", record.gid_field},
      {"gecos", record.gecos},
      {"home", record.home},
      {"quota", record.quota},
  }};
  for (const auto& [name, value] : fields) VSTATE_TRY(check_field(name, value, false));
  return record.clear ? check_field("clear", *record.clear, true) : Status{};
}

Result<Record> from_cdb(std::string_view name, std::string_view data) {
  // The record is put together as the line it was made of and judged by the same rules.
  const auto line = fmt::format("{}:{}", name, data);
  if (name.find(':') != std::string_view::npos || line.find('\n') != std::string::npos)
    return fail(Errc::invalid, "a record that is no line of vpasswd");
  VSTATE_TRY(check_line(line));
  return record_of_line(line);
}

File File::parse(std::string_view bytes) {
  File out;
  std::size_t number = 0;
  for (const auto line : split_lines(bytes)) {
    ++number;
    if (auto status = check_line(line); !status) {
      const auto colon = line.find(':');
      const auto name =
          colon == std::string_view::npos ? std::string_view() : line.substr(0, colon);
      out.blemishes_.push_back({number, std::string(name), status.error().message});
      if (!line.empty()) out.bad_lines_.emplace_back(line);
      continue;
    }
    out.records_.push_back(record_of_line(line));
    out.lines_.emplace_back(line);
  }
  out.lacks_final_newline_ = !bytes.empty() && bytes.back() != '\n';
  return out;
}

const Record* File::find(std::string_view name) const {
  // emplace keeps the first of equal names, which is the one that vpopmail's readers find.
  if (positions_.empty())
    for (std::size_t i = 0; i < records_.size(); ++i) positions_.emplace(records_[i].name, i);
  const auto found = positions_.find(std::string(name));
  return found == positions_.end() ? nullptr : &records_[found->second];
}

Status File::insert(Record record) {
  std::vector<Record> one;
  one.push_back(std::move(record));
  return insert_all(std::move(one));
}

Status File::insert_all(std::vector<Record> added) {
  std::sort(added.begin(), added.end(),
            [](const Record& a, const Record& b) { return a.name < b.name; });
  // All are judged before the first is inserted, so that a refusal leaves the file as it was.
  for (std::size_t i = 0; i < added.size(); ++i) {
    VSTATE_TRY(check(added[i]));
    if (find(added[i].name) != nullptr || (i > 0 && added[i].name == added[i - 1].name))
      return fail(Errc::conflict, fmt::format("{}: is there already", added[i].name));
  }
  std::vector<Record> records;
  std::vector<std::string> lines;
  records.reserve(records_.size() + added.size());
  lines.reserve(records_.size() + added.size());
  auto next = added.begin();
  // Each goes before the first record with a greater name. Whatever stands before that record has
  // a smaller one, also in a file that is not sorted, so one pass meets the places in order.
  const auto take_next = [&] {
    lines.push_back(to_line(*next));
    records.push_back(std::move(*next));
    ++next;
  };
  for (std::size_t i = 0; i < records_.size(); ++i) {
    while (next != added.end() && records_[i].name > next->name) take_next();
    records.push_back(std::move(records_[i]));
    lines.push_back(std::move(lines_[i]));
  }
  while (next != added.end()) take_next();
  records_ = std::move(records);
  lines_ = std::move(lines);
  positions_.clear();
  lacks_final_newline_ = false;
  return {};
}

Status File::replace(Record record) {
  VSTATE_TRY(check(record));
  const Record* found = find(record.name);
  if (found == nullptr) return fail(Errc::not_found, fmt::format("{}: is not there", record.name));
  // The line keeps its place, also where the file is not sorted.
  const auto at = static_cast<std::size_t>(found - records_.data());
  lines_[at] = to_line(record);
  records_[at] = std::move(record);
  lacks_final_newline_ = false;
  return {};
}

Status File::remove(std::string_view name) {
  if (find(name) == nullptr) return fail(Errc::not_found, fmt::format("{}: is not there", name));
  remove_all({std::string(name)});
  return {};
}

void File::remove_all(const std::set<std::string, std::less<>>& names) {
  std::size_t kept = 0;
  for (std::size_t i = 0; i < records_.size(); ++i) {
    if (names.contains(records_[i].name)) continue;
    if (kept != i) {
      records_[kept] = std::move(records_[i]);
      lines_[kept] = std::move(lines_[i]);
    }
    ++kept;
  }
  if (kept == records_.size()) return;
  records_.resize(kept);
  lines_.resize(kept);
  positions_.clear();
  lacks_final_newline_ = false;
}

/// The bad lines come last: vpopmail's reader takes the first of them for the end of the file, and
/// so finds all accounts.
std::string File::bytes() const { return join_lines(lines_) + join_lines(bad_lines_); }

cdb::Records File::cdb_records() const {
  cdb::Records out;
  out.reserve(lines_.size());
  // The data is the line's own text and not the fields put together again, as make_vpasswd_cdb
  // takes it.
  for (const auto& line : lines_) {
    const auto colon = line.find(':');
    out.emplace_back(line.substr(0, colon), line.substr(colon + 1));
  }
  return out;
}

}  // namespace vstate::vpasswd
