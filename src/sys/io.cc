// Reads and writes that are repeated until all is done: pipes give and take parts, and a signal
// ends a call with EINTR, which is no failure.

#include "sys/io.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include <fmt/format.h>

#include "sys/process/stop.h"

namespace vstate {

Result<std::string> read_all(int file, std::string_view shown, std::size_t limit) {
  std::string bytes;
  // For a regular file the size is known, which saves the growing of a large text. It is only a
  // hint: the file may grow while it is read, and a pipe has none.
  struct stat st {};
  if (fstat(file, &st) == 0 && S_ISREG(st.st_mode))
    bytes.reserve(std::min(static_cast<std::size_t>(st.st_size), limit) + 1);
  std::array<char, 65536> buffer{};
  while (true) {
    // The file is open, so whatever the disk says about it now, it is not missing.
    const auto count = ::read(file, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno_of_open(shown, "cannot read");
    if (count == 0) return bytes;
    bytes.append(buffer.data(), static_cast<std::size_t>(count));
    // The limit is checked on what came and not on the size that was promised, which protects
    // against files that never end.
    if (bytes.size() > limit)
      return fail(Errc::unsupported, fmt::format("{}: larger than {} bytes", shown, limit));
  }
}

Status write_all(int descriptor, std::string_view bytes, std::string_view path) {
  while (!bytes.empty()) {
    const auto count = ::write(descriptor, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno(path, "cannot write");
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

namespace {

/// A signal ends a call, but no wait.
bool is_ready(int file, short wanted, std::chrono::seconds patience) {
  Wait wait(patience);
  while (true) {
    pollfd ready{file, wanted, 0};
    const auto count = poll(&ready, 1, wait.milliseconds());
    if (count > 0 || (count < 0 && errno != EINTR)) return true;
    if (wait.is_over()) return false;
  }
}

}  // namespace

bool can_be_read(int file, std::chrono::seconds patience) {
  return is_ready(file, POLLIN, patience);
}

bool can_be_written(int file, std::chrono::seconds patience) {
  return is_ready(file, POLLOUT, patience);
}

}  // namespace vstate
