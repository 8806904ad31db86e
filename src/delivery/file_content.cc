#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <vector>

#include <fmt/format.h>

#include "delivery/receive.h"
#include "delivery/target.h"

namespace vstate {

namespace {

bool may_not_copy(int error) {
  return error == EXDEV || error == EINVAL || error == ENOSYS || error == EOPNOTSUPP ||
         error == EPERM;
}

}  // namespace

Status FileContent::copy_to(int file, const std::function<void(std::string_view)>* sink) {
  // What this machine's file systems cannot do is tried once.
  static thread_local bool can_copy = true;
  std::uint64_t left = size_;
  const int source = file_->descriptor();
  while (sink == nullptr && source >= 0 && can_copy && left > 0) {
    const auto count = copy_file_range(source, nullptr, file, nullptr, left, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && may_not_copy(errno)) {
      can_copy = left == size_ ? false : can_copy;
      break;
    }
    if (count < 0) return fail_errno(path_, "cannot copy");
    if (count == 0) break;  // it became shorter
    left -= static_cast<std::uint64_t>(count);
  }
  thread_local std::vector<char> buffer(std::size_t{256} << 10U);
  while (left > 0) {
    VSTATE_TRY_ASSIGN(
        const auto count,
        file_->read(std::span(buffer).first(std::min<std::uint64_t>(left, buffer.size()))));
    if (count == 0) break;
    const std::string_view part(buffer.data(), count);
    if (sink != nullptr) (*sink)(part);
    if (file >= 0) VSTATE_TRY(write_all(file, part, path_));
    left -= part.size();
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
