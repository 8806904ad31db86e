// vpopmail finds qmail-send by the text of ps lines, which also hits editors of its log. Here a
// process must have the name and work in this server's qmail directory, so that of two
// installations on one machine only the right one is told.

#include "qmail/signal.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <string>

#include <fmt/format.h>

#include "sys/handle.h"
#include "sys/local_files.h"

namespace vstate {

namespace {

/// Whether a process works in a directory or below it, whatever names lead there.
bool works_below(std::string_view pid, const struct stat& wanted) {
  // The working directory is followed upwards by handles: its path may be spelt by another name, or
  // be in another root.
  Handle place(open(fmt::format("/proc/{}/cwd", pid).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  constexpr int most_levels = 64;
  struct stat above {};
  for (int level = 0; place.is_open() && level < most_levels; ++level) {
    struct stat st {};
    if (!stat_handle(place.get(), st)) return false;
    if (st.st_dev == wanted.st_dev && st.st_ino == wanted.st_ino) return true;
    // Above the root there is only the root again.
    if (level > 0 && st.st_dev == above.st_dev && st.st_ino == above.st_ino) return false;
    above = st;
    place = Handle(openat(place.get(), "..", O_PATH | O_DIRECTORY | O_CLOEXEC));
  }
  return false;
}

std::string proc_command(std::string_view pid) {
  Handle file(open(fmt::format("/proc/{}/comm", pid).c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 64> buffer{};
  // A process that ended meanwhile has no such file and is none.
  const auto length = file.is_open() ? ::read(file.get(), buffer.data(), buffer.size()) : 0;
  if (length <= 0) return {};
  const std::string_view text(buffer.data(), static_cast<std::size_t>(length));
  return std::string(text.substr(0, text.find('\n')));
}

}  // namespace

Result<int> hup_qmail_send(System& system, std::string_view qmail_dir) {
  // The signal is a change of the server like any other, so it is announced as a step.
  VSTATE_TRY(system.before_step("HUP qmail-send", qmail_dir));
  // qmail-send works in QMAILDIR/queue, by whatever name it was started there.
  VSTATE_TRY_ASSIGN(const auto opened, open_handle(system, qmail_dir));
  struct stat wanted {};
  if (fstat(opened.handle.get(), &wanted) != 0) return fail_errno_of_open(qmail_dir, "cannot stat");
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(opendir("/proc"), closedir);
  if (stream == nullptr) return fail_errno("/proc", "cannot list");
  int found = 0;
  while (const auto* entry = readdir(stream.get())) {
    const std::string_view pid = entry->d_name;
    if (pid.find_first_not_of("0123456789") != std::string_view::npos) continue;
    if (proc_command(pid) != "qmail-send" || !works_below(pid, wanted)) continue;
    // A process that is gone or that may not be told is not counted; the caller says what that
    // means.
    if (kill(static_cast<pid_t>(std::stol(std::string(pid))), SIGHUP) == 0) ++found;
  }
  return found;
}

}  // namespace vstate
