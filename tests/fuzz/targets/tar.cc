// A foreign archive, read from a file and as a stream: both see the same, and nothing that leads
// out.

#include "archive/tar_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <vector>

#include "fuzz.h"
#include "vstate/base/text.h"

using namespace vstate;

namespace {

constexpr ExtractLimits k_tar_limits{.max_entries = 1000, .max_bytes = std::uint64_t{8} << 20U};

struct TarSeen {
  std::vector<std::string> entries;
  bool is_whole = false;
};

void check_tar_entry(const mail::ReadEntry& entry) {
  const auto checked = mail::checked_path(entry.path);
  VSTATE_ASSERT(entry.path.empty() || (checked && *checked == entry.path));
  VSTATE_ASSERT(entry.mode <= 0777U);
  VSTATE_ASSERT(entry.is_message ==
                (entry.kind == EntryKind::regular && mail::as_message(entry.path).has_value()));
  VSTATE_ASSERT((entry.kind == EntryKind::link) == !entry.target.empty());
}

TarSeen tar_entries(mail::Reader& reader, bool skips) {
  TarSeen seen;
  std::uint64_t total = 0;
  while (true) {
    const auto is_there = reader.next();
    if (!is_there) return seen;
    if (!*is_there) break;
    const auto& entry = reader.entry();
    check_tar_entry(entry);
    std::string content;
    if (entry.kind == EntryKind::regular && !skips) {
      std::uint64_t size = 0;
      const auto status = reader.read([&](std::string_view part) -> Status {
        size += part.size();
        content += part.substr(0, 64);
        return {};
      });
      if (!status) return seen;
      VSTATE_ASSERT(size == entry.size);
      total += size;
      VSTATE_ASSERT(total <= k_tar_limits.max_bytes);
    }
    seen.entries.push_back(entry.path + '\n' + entry.target + '\n' + std::to_string(entry.mode) +
                           '\n' + std::to_string(entry.size) + '\n' + content);
    VSTATE_ASSERT(seen.entries.size() <= k_tar_limits.max_entries);
  }
  seen.is_whole = true;
  return seen;
}

}  // namespace

VSTATE_FUZZ_TARGET(tar) {
  const fuzz::MemoryFile file(bytes);
  auto reader = mail::Reader::open(file.path(), k_tar_limits);
  const auto by_name = reader ? tar_entries(*reader, false) : TarSeen();
  if (auto skipping = mail::Reader::open(file.path(), k_tar_limits)) tar_entries(*skipping, true);

  static const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
  auto stream =
      mail::Reader::open_stream(nothing, std::string(bytes), k_tar_limits, std::chrono::seconds(5));
  const auto as_stream = stream ? tar_entries(*stream, false) : TarSeen();
  // A stream refuses hard links, and is otherwise the same.
  VSTATE_ASSERT(as_stream.entries.size() <= by_name.entries.size());
  for (std::size_t i = 0; i < as_stream.entries.size(); ++i)
    VSTATE_ASSERT(as_stream.entries[i] == by_name.entries[i]);
  if (as_stream.is_whole) VSTATE_ASSERT(by_name.is_whole && as_stream.entries == by_name.entries);
}
