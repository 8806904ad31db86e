// A file of another machine cannot be locked from here. It is copied, and looked at before and
// after: only a copy during which neither the file nor its journal changed is one state of it.

#include "sqlite/place.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>

#include <fmt/format.h>

#include "host/temporary_directory.h"
#include "sys/far_side.h"
#include "sys/io.h"
#include "sys/local_files.h"
#include "sys/path.h"
#include "sys/process/identity.h"

namespace vstate::sqlite {

namespace {

/// SQLite's own names (sqlite.org/tempfiles.html). The index of a write-ahead log is left out: it
/// is made anew.
constexpr std::array<const char*, 3> k_parts{"", "-journal", "-wal"};

/// What changes when somebody writes to the file.
Result<std::string> stamp_of(const Files& files, const std::string& path) {
  files.forget();
  expect(files, {path, path + "-journal", path + "-wal"});
  std::string out;
  for (const auto* part : k_parts) {
    VSTATE_TRY_ASSIGN(const auto info, files.look(path + part));
    out += info ? fmt::format("{}:{} ", info->size, info->modified) : "none ";
  }
  return out;
}

Status copy_parts(const Files& files, const std::string& path, int directory) {
  const std::string name(path_name(path));
  for (const auto* part : k_parts) {
    VSTATE_TRY_ASSIGN(const auto bytes, files.read_if_there(path + part));
    if (!bytes) continue;
    const Handle file(openat(directory, (name + part).c_str(),
                             O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file.is_open()) return fail_errno(path, "cannot copy");
    VSTATE_TRY(write_all(file.get(), *bytes, path));
  }
  return {};
}

}  // namespace

Result<Place> find_place(const Files& files, const std::string& path) {
  const std::string parent(path_parent(path));
  if (const auto* local = files.local()) {
    VSTATE_TRY_ASSIGN(auto opened, local->open_handle(parent));
    // SQLite has root's rights there, whoever made a link on the way: it may lead to what is
    // theirs.
    struct stat st {};
    if (opened.as && can_act_as_others() &&
        (!stat_handle(opened.handle.get(), st) || st.st_uid != opened.as->uid))
      return fail(
          Errc::denied,
          fmt::format("{}: a link of somebody's leads to a directory that is not theirs", parent),
          Scope::run);
    return Place{std::move(opened.handle), nullptr};
  }
  expect(files, {path});
  // A file that is not there is told as on this machine, where SQLite is not asked for it either.
  VSTATE_TRY(files.info(path));
  constexpr int most_tries = 3;
  for (int tries = 0; tries < most_tries; ++tries) {
    VSTATE_TRY_ASSIGN(const auto before, stamp_of(files, path));
    VSTATE_TRY_ASSIGN(auto copy, TemporaryDirectory::make());
    Handle directory(::open(copy->path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory.is_open()) return fail_errno(copy->path(), "cannot open");
    VSTATE_TRY(copy_parts(files, path, directory.get()));
    VSTATE_TRY_ASSIGN(const auto after, stamp_of(files, path));
    if (before == after) return Place{std::move(directory), std::move(copy)};
  }
  return fail(Errc::busy, fmt::format("{}: is written to all the time; run it again", path));
}

}  // namespace vstate::sqlite
