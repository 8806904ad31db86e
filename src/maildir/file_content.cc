// The bytes of a message on their way to a reader or to a file. The kernel copies them where it
// can, which saves memory and on some file systems also the space; what it has not copied is read
// and written as usual, from where it stopped.

#include "maildir/file_content.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <vector>

#include <fmt/format.h>

#include "sys/io.h"
#include "sys/kernel.h"

namespace vstate {

namespace {

/// Errors that say that this call cannot do it, and reading and writing can.
bool may_not_copy(int error) {
  return error == EXDEV || error == EINVAL || error == EOPNOTSUPP || error == EPERM;
}

}  // namespace

Status FileContent::read(const Sink& sink) { return read_from(size_, sink); }

Status FileContent::copy_to(int file, std::string_view shown) {
  // A call that this machine's file systems do not have costs as much as one that works: it is
  // tried once in a thread.
  static thread_local bool can_copy = kernel_has(KernelCall::copy_file_range);
  std::uint64_t left = size_;
  const int source = file_->descriptor();
  while (source >= 0 && can_copy && left > 0) {
    const auto count = copy_file_range(source, nullptr, file, nullptr, left, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && may_not_copy(errno)) {
      // After a first part the call is there, and what stops it is this file's own.
      can_copy = left == size_ ? false : can_copy;
      break;
    }
    if (count < 0) return fail_errno(path_, "cannot copy");
    if (count == 0) break;  // it became shorter
    left -= static_cast<std::uint64_t>(count);
  }
  return read_from(left, [&](std::string_view part) { return write_all(file, part, shown); });
}

/// Reads the last `left` bytes, from where the file stands.
Status FileContent::read_from(std::uint64_t left, const Sink& sink) {
  thread_local std::vector<char> buffer(std::size_t{256} << 10U);
  while (left > 0) {
    VSTATE_TRY_ASSIGN(
        const auto count,
        file_->read(std::span(buffer).first(std::min<std::uint64_t>(left, buffer.size()))));
    if (count == 0) break;
    VSTATE_TRY(sink({buffer.data(), count}));
    left -= count;
  }
  if (left > 0)
    return fail(Errc::conflict,
                fmt::format("{}: became shorter while it was read; run it again", path_));
  return {};
}

std::unique_ptr<Content> FileContent::keep() {
  return std::make_unique<FileContent>(std::move(file_), size_, path_);
}

}  // namespace vstate
