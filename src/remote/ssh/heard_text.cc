// ssh cleans what a server's banner says, and nothing of what a program there writes to its
// standard error: a machine that is about to be switched off could write anything to the terminal
// of whoever has root here.

#include "remote/ssh/heard_text.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>

#include "sys/io.h"
#include "sys/process/quiet_thread.h"
#include "vstate/base/text.h"

namespace vstate::remote {

namespace {

/// The bytes at the end that may be the beginning of one character, or of a line's end.
std::size_t unfinished(std::string_view text) {
  if (text.ends_with('\r')) return 1;
  constexpr std::size_t longest = 4;
  for (std::size_t count = 1; count < longest && count <= text.size(); ++count) {
    const auto byte = static_cast<unsigned char>(text[text.size() - count]);
    if ((byte & 0xC0U) == 0x80U) continue;  // one that goes on
    const std::size_t wanted = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
    return wanted > count ? count : 0;
  }
  return 0;
}

}  // namespace

std::string HeardText::take(std::string_view part) {
  kept_ += part;
  std::string out;
  std::string_view left(kept_);
  for (auto end = left.find('\n'); end != std::string_view::npos; end = left.find('\n')) {
    const auto line = left.substr(0, end);
    // ssh ends its lines as a terminal wants them.
    out += visible(line.ends_with('\r') ? line.substr(0, line.size() - 1) : line) + "\n";
    left.remove_prefix(end + 1);
  }
  const auto whole = left.size() - unfinished(left);
  out += visible(left.substr(0, whole));
  kept_ = std::string(left.substr(whole));
  return out;
}

std::string HeardText::rest() {
  auto out = visible(kept_);
  kept_.clear();
  return out;
}

ErrorRelay::ErrorRelay(Handle pipe)
    : pipe_(std::move(pipe)), end_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  (void)fcntl(pipe_.get(), F_SETFL, fcntl(pipe_.get(), F_GETFL) | O_NONBLOCK);
  thread_ = start_quiet_thread([this] { run(); });
}

ErrorRelay::~ErrorRelay() {
  const std::uint64_t one = 1;
  (void)!::write(end_.get(), &one, sizeof one);
  if (thread_.joinable()) thread_.join();
}

void ErrorRelay::run() const {
  HeardText heard;
  std::array<char, 4096> buffer;
  const auto show = [](const std::string& text) {
    (void)write_all(STDERR_FILENO, text, "standard error");
  };
  // Whoever else holds the pipe may write into it for ever.
  constexpr unsigned most_at_end = 16;
  for (unsigned at_end = 0; at_end < most_at_end;) {
    std::array<pollfd, 2> ready{pollfd{pipe_.get(), POLLIN, 0}, pollfd{end_.get(), POLLIN, 0}};
    if (poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR) break;
    if (ready[1].revents != 0) ++at_end;
    const auto count = ::read(pipe_.get(), buffer.data(), buffer.size());
    if (count > 0)
      show(heard.take({buffer.data(), static_cast<std::size_t>(count)}));
    else if (count == 0 || (errno != EAGAIN && errno != EINTR) || at_end > 0)
      break;
  }
  show(heard.rest());
}

}  // namespace vstate::remote
