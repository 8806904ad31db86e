// users/assign, and the look-up in what qmail-newu makes of it.

#include "format/assign.h"

#include "format/assign_lookup.h"
#include "fuzz.h"
#include "vstate/base/text.h"

using namespace vstate;

namespace {

/// What qmail-lspawn finds for a local part, told by the lines and not by the cdb.
std::optional<AssignEntry> by_lines(const AssignFile& file, const std::string& local) {
  const auto lower = to_lower(local);
  std::string ends;
  for (const auto& entry : file.entries()) {
    if (entry.wildcard && !entry.key.empty()) ends += entry.key.back();
    if (!entry.wildcard && to_lower(entry.key) == lower) {
      auto found = entry;
      found.key = lower;
      return found;
    }
  }
  for (auto length = lower.size() + 1; length-- > 0;) {
    if (length > 0 && ends.find(lower[length - 1]) == std::string::npos) continue;
    for (const auto& entry : file.entries())
      if (entry.wildcard && to_lower(entry.key) == lower.substr(0, length)) {
        auto found = entry;
        found.key = lower.substr(0, length);
        found.ext += local.substr(length);
        return found;
      }
  }
  return std::nullopt;
}

}  // namespace

VSTATE_FUZZ_TARGET(assign) {
  fuzz::Input input(bytes);
  const std::string local(input.line());
  const auto text = input.rest();
  auto file = AssignFile::parse(text);
  VSTATE_ASSERT(file.bytes() == text);

  const auto index = cdb::write(assign_records(file));
  const auto found = find_assignment(index, local);
  VSTATE_ASSERT(found.has_value());
  // A key with a NUL at its end would be taken for one without a wildcard.
  VSTATE_ASSERT(*found == by_lines(file, local) || local.find('\0') != std::string::npos);
  for (const auto& [name, entry] : file.domains()) {
    VSTATE_ASSERT(file.find_domain(name) == entry);
    auto expected = entry;
    expected.key = to_lower(entry.key);
    VSTATE_ASSERT(find_domain_assignment(index, name) == expected);
  }
  for (const auto& entry : file.entries()) {
    const auto line = to_line(entry) + "\n.\n";
    const auto again = AssignFile::parse(line).entries();
    // A line that qmail reads differently from how it is spelt begins with neither sign.
    VSTATE_ASSERT(again.size() == 1 && again.front() == entry);
  }

  const auto mine = domain_entry("new.example", "new.example", "89", "89", "/srv/new.example");
  file.remove_domain("new.example");
  VSTATE_ASSERT(!file.find_domain("new.example"));
  VSTATE_ASSERT(file.insert_sorted(mine));
  VSTATE_ASSERT(!file.insert_sorted(mine));
  const auto written = AssignFile::parse(file.bytes());
  VSTATE_ASSERT(written.find_domain("new.example") == mine);
  VSTATE_ASSERT(file.remove(mine));
  VSTATE_ASSERT(!AssignFile::parse(file.bytes()).find_domain("new.example"));
}
