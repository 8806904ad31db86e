// A message has a number, and a file of that number in each of some directories, most of which are
// split by the number's remainder (conf-split). local and remote hold recipients, one record each,
// ended by a NUL: "T" and the address for one that waits, "D" for one that is done. todo holds the
// envelope as it came, "T" for each recipient, and is split by some patches and not by others.

#include "qmail/queue.h"

#include <algorithm>

#include "sys/far_side.h"
#include "sys/path.h"
#include "vstate/base/text.h"

namespace vstate {

namespace {

bool names_recipient(const std::string& records, const std::set<std::string>& hosts) {
  for (const auto record : split(std::string_view(records), '\0')) {
    if (record.empty() || record.front() != 'T') continue;
    const auto at = record.rfind('@');
    if (at != std::string_view::npos && hosts.contains(to_lower(record.substr(at + 1))))
      return true;
  }
  return false;
}

bool is_message(const DirEntry& entry) {
  return is_digits(entry.name) && entry.type != FileInfo::Type::directory;
}

/// What is listed and gone was delivered meanwhile.
Status count_files(const Files& files, const std::string& directory,
                   const std::vector<DirEntry>& entries, const std::set<std::string>& hosts,
                   std::uint64_t& count) {
  for (const auto& entry : entries) {
    if (!is_message(entry)) continue;
    VSTATE_TRY_ASSIGN(const auto records, files.read_if_there(path_join(directory, entry.name)));
    if (records && names_recipient(*records, hosts)) ++count;
  }
  return {};
}

Result<std::uint64_t> count_below(const Files& files, const std::string& directory,
                                  const std::set<std::string>& hosts) {
  std::uint64_t count = 0;
  const auto ahead = gather(
      files, {{.directories = {directory}, .descends = [](std::string_view) { return true; }}});
  VSTATE_TRY_ASSIGN(const auto entries, files.list(directory));
  VSTATE_TRY(count_files(files, directory, entries, hosts, count));
  for (const auto& entry : entries) {
    if (entry.type != FileInfo::Type::directory || !is_digits(entry.name)) continue;
    const auto below = path_join(directory, entry.name);
    VSTATE_TRY_ASSIGN(const auto split, files.list(below));
    VSTATE_TRY(count_files(files, below, split, hosts, count));
  }
  return count;
}

}  // namespace

Result<QueueCount> count_queue(const Files& files, const Server& server,
                               const std::set<std::string>& hosts) {
  const auto queue = path_join(server.qmail_dir, "queue");
  QueueCount out;
  VSTATE_TRY_ASSIGN(out.here, count_below(files, path_join(queue, "local"), hosts));
  VSTATE_TRY_ASSIGN(out.elsewhere, count_below(files, path_join(queue, "remote"), hosts));
  VSTATE_TRY_ASSIGN(out.unprocessed, count_below(files, path_join(queue, "todo"), hosts));
  return out;
}

}  // namespace vstate
