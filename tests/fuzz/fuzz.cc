#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "vstate/base/result.h"

namespace vstate::fuzz {

std::map<std::string_view, Target>& targets() {
  static std::map<std::string_view, Target> all;
  return all;
}

std::uint8_t Input::byte() {
  if (left_.empty()) return 0;
  const auto value = static_cast<std::uint8_t>(left_.front());
  left_.remove_prefix(1);
  return value;
}

std::uint64_t Input::number() {
  std::uint64_t value = 0;
  for (int i = 0; i < 8; ++i) value = value << 8U | byte();
  return value;
}

std::string_view Input::line() {
  const auto end = left_.find('\n');
  const auto line = left_.substr(0, end);
  left_.remove_prefix(end == std::string_view::npos ? left_.size() : end + 1);
  return line;
}

std::string_view Input::section() {
  constexpr std::string_view separator = "%%\n";
  std::size_t at = 0;
  while ((at = left_.find(separator, at)) != std::string_view::npos && at > 0 &&
         left_[at - 1] != '\n')
    ++at;
  const auto section = left_.substr(0, at);
  left_.remove_prefix(at == std::string_view::npos ? left_.size() : at + separator.size());
  return section;
}

std::string_view Input::rest() {
  const auto rest = left_;
  left_ = {};
  return rest;
}

MemoryFile::MemoryFile(std::string_view bytes) : file_(memfd_create("vstate-fuzz", MFD_CLOEXEC)) {
  VSTATE_ASSERT(file_ >= 0);
  path_ = "/proc/self/fd/" + std::to_string(file_);
  VSTATE_ASSERT(pwrite(file_, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
}

MemoryFile::~MemoryFile() { (void)close(file_); }

std::string MemoryFile::bytes() const {
  std::string bytes(static_cast<std::size_t>(std::max<off_t>(lseek(file_, 0, SEEK_END), 0)), '\0');
  VSTATE_ASSERT(pread(file_, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  return bytes;
}

}  // namespace vstate::fuzz
