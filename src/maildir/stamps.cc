// A pass over a mailbox of which nothing is new reads no file: what a look at it tells is compared.

#include "maildir/stamps.h"

#include <fmt/format.h>

#include "maildir/names.h"
#include "vstate/base/digest.h"

namespace vstate {

std::uint64_t stamp_of(const FileInfo& info) {
  constexpr std::int64_t a_second = 1'000'000'000;
  const auto mtime = info.mtime.time_since_epoch().count();
  const auto text =
      fmt::format("{}:{}.{}:{}.{}:{}", info.inode, mtime, info.modified - mtime * a_second,
                  info.changed / a_second, info.changed % a_second, info.size);
  constexpr unsigned marks_in_use = 2;  // memory.h: the highest bits have a meaning of their own
  return short_digest(text) >> marks_in_use;
}

std::uint64_t listing_stamp(const FileInfo& info) {
  return short_digest(fmt::format("{}:{}", info.inode, info.modified));
}

Result<bool> have_changed(const Files& files, std::string_view directory,
                          const ListedDirectories& listed) {
  std::vector<std::string> paths;
  for (const auto& [path, stamp] : listed) paths.push_back(mail::relative_join(directory, path));
  VSTATE_TRY_ASSIGN(const auto now, files.look_again(paths));
  for (std::size_t i = 0; i < paths.size(); ++i)
    if (!now[i] || listing_stamp(*now[i]) != listed[i].second) return true;
  return false;
}

}  // namespace vstate
