// Nothing here waits for one side alone: a server that waits for us to read, while we wait for it
// to read, would be the end of both.

#include "remote/ssh/ssh_pipe.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include <fmt/format.h>

#include "sys/io.h"
#include "sys/process/stop.h"
#include "vstate/base/text.h"

namespace vstate::remote {

namespace {

/// What a pipe holds on Linux; more is never there at once.
constexpr std::size_t k_read_at_once = std::size_t{64} << 10;
/// Of what ssh says, so much is kept for the message at its end.
constexpr std::size_t k_kept_of_errors = 8192;

void set_nonblocking(int file) { (void)fcntl(file, F_SETFL, fcntl(file, F_GETFL) | O_NONBLOCK); }

/// It has served its purpose.
void take_wake(const pollfd& wakes) {
  std::uint64_t woken = 0;
  if (wakes.revents != 0) (void)!::read(wakes.fd, &woken, sizeof woken);
}

/// What ssh says as it ends is a few lines; the last one tells why.
std::string last_line(std::string_view said) {
  std::string last;
  for (const auto line : split_lines(said))
    if (const auto text = trim_end(line); !text.empty()) last = visible(text);
  return last;
}

}  // namespace

SshPipe::SshPipe(const Connecting& connecting, std::string host, std::size_t way)
    : connecting_(connecting),
      host_(std::move(host)),
      way_(way),
      wakes_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

Status SshPipe::start() {
  VSTATE_TRY_ASSIGN(auto child,
                    Child::start(ways_to_sftp(connecting_, host_).at(way_), Child::Errors::piped));
  start(std::move(child));
  return {};
}

void SshPipe::start(Child child) {
  child_.emplace(std::move(child));
  for (const int file : {child_->input.get(), child_->output.get(), child_->errors.get()})
    set_nonblocking(file);
}

void SshPipe::cut() {
  is_cut_ = true;
  wake();
}

void SshPipe::wake() const {
  const std::uint64_t one = 1;
  (void)!::write(wakes_.get(), &one, sizeof one);
}

Status SshPipe::exchange(const std::string& more) {
  if (is_cut_) return fail(Errc::io, fmt::format("{}: is not needed any more", host_), Scope::run);
  sending_ += more;
  enum : std::size_t { k_output, k_errors, k_wakes, k_input };
  std::array<pollfd, 4> ready{
      pollfd{child_->output.get(), POLLIN, 0}, pollfd{child_->errors.get(), POLLIN, 0},
      pollfd{wakes_.get(), POLLIN, 0}, pollfd{child_->input.get(), POLLOUT, 0}};
  if (!child_->errors.is_open()) ready[k_errors].fd = -1;
  if (sending_.empty()) ready[k_input].fd = -1;
  Wait wait(connecting_.timeout);
  while (true) {
    const int count = poll(ready.data(), ready.size(), wait.milliseconds());
    if (count < 0 && errno == EINTR) return {};
    if (count < 0) return fail_errno(host_, "cannot wait for it");
    if (ready[k_errors].revents != 0) hear_errors();
    if (!child_->errors.is_open()) ready[k_errors].fd = -1;
    if (ready[k_output].revents != 0 || ready[k_wakes].revents != 0 || ready[k_input].revents != 0)
      break;
    // What ssh says besides is no answer, and may go on for ever.
    if (wait.is_over()) return tl::unexpected<Error>(why_silent());
  }
  take_wake(ready[k_wakes]);
  if (ready[k_input].revents != 0) send();
  return ready[k_output].revents != 0 ? receive() : Status();
}

void SshPipe::send() {
  const auto count = ::write(child_->input.get(), sending_.data(), sending_.size());
  // A pipe that broke shows where its other end is read.
  if (count > 0) sending_.erase(0, static_cast<std::size_t>(count));
  if (count >= 0 || errno == EAGAIN || errno == EINTR) return;
  // Nothing more is asked, so that ssh ends, and nobody waits for what will not come.
  sending_.clear();
  child_->input.close();
}

Status SshPipe::receive() {
  std::array<char, k_read_at_once> buffer;
  const auto count = ::read(child_->output.get(), buffer.data(), buffer.size());
  if (count > 0) {
    received_.append(buffer.data(), static_cast<std::size_t>(count));
    return {};
  }
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return {};
  return tl::unexpected<Error>(why_ended());
}

void SshPipe::let_hear() {
  is_heard_ = true;
  (void)write_all(STDERR_FILENO, shown_.take(said_), "standard error");
}

/// What ssh says goes to the person, as without vstate, and is kept for what vstate says.
void SshPipe::hear_errors() {
  std::array<char, 4096> buffer;
  const auto count = ::read(child_->errors.get(), buffer.data(), buffer.size());
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) {
    (void)write_all(STDERR_FILENO, shown_.rest(), "standard error");
    child_->errors.close();
    return;
  }
  const std::string_view part(buffer.data(), static_cast<std::size_t>(count));
  if (is_heard_) (void)write_all(STDERR_FILENO, shown_.take(part), "standard error");
  said_.append(part);
  if (said_.size() > k_kept_of_errors) said_.erase(0, said_.size() - k_kept_of_errors);
}

Error SshPipe::why_silent() const {
  if (is_told_to_stop())
    return {Errc::interrupted, fmt::format("{}: interrupted while it said nothing", host_),
            Scope::run};
  return {Errc::io,
          fmt::format("{}: said nothing for {} seconds (--timeout)", host_,
                      connecting_.timeout.count()),
          Scope::run};
}

Error SshPipe::why_ended() {
  // ssh has said why before it ended; the rest of it may still be in the pipe.
  constexpr std::chrono::seconds moment(1);
  while (child_->errors.is_open() && can_be_read(child_->errors.get(), moment)) hear_errors();
  child_->input.close();
  const int status = child_->end(Child::k_grace);
  const auto advice = advice_on(said_, host_);
  std::string why = advice;
  if (why.empty()) why = last_line(said_);
  if (why.empty())
    why = has_begun_ ? "the connection was cut" : fmt::format("ssh ended with {}", status);
  else if (has_begun_)
    why = "the connection was cut: " + why;
  return {Errc::io, fmt::format("{}: {}", host_, why), Scope::run};
}

/// A shell that prints something before the server starts puts it in front of the first packet.
Error SshPipe::why_no_packet() {
  const auto text = received_ + read_some(child_->output.get());
  return {Errc::io,
          fmt::format("{}: the remote shell printed \"{}\" before the data; nothing was read; a "
                      "shell that is not asked by a person must print nothing",
                      host_, visible(text.substr(0, text.find_first_of("\r\n")))),
          Scope::run};
}

}  // namespace vstate::remote
