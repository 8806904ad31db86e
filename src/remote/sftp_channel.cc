// One thread at a time moves bytes, and it is always one that waits for something; the others sleep
// until it has dispatched what came. There is no thread of the channel's own, so that a program
// that forks, or that ends, has none to think of.

#include "remote/sftp_channel.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include <fmt/format.h>

#include "sys/io.h"
#include "vstate/base/text.h"

namespace vstate::remote {

namespace {

constexpr std::uint32_t k_version = 3;
/// What a pipe holds on Linux; more is never there at once.
constexpr std::size_t k_read_at_once = std::size_t{64} << 10;
/// Of what ssh says, so much is kept for the message at its end.
constexpr std::size_t k_kept_of_errors = 8192;

void set_nonblocking(int file) { (void)fcntl(file, F_SETFL, fcntl(file, F_GETFL) | O_NONBLOCK); }

/// What ssh says as it ends is a few lines; the last one tells why.
std::string last_line(std::string_view said) {
  std::string last;
  for (const auto line : split_lines(said))
    if (const auto text = trim_end(line); !text.empty()) last = visible(text);
  return last;
}

}  // namespace

SftpChannel::SftpChannel(const Connecting& connecting, std::string host, std::size_t way)
    : connecting_(connecting),
      host_(std::move(host)),
      way_(way),
      wakes_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

SftpChannel::~SftpChannel() = default;

Status SftpChannel::start() {
  VSTATE_TRY_ASSIGN(auto child,
                    Child::start(ways_to_sftp(connecting_, host_).at(way_), Child::Errors::piped));
  child_.emplace(std::move(child));
  // A server that waits for us to read, while we wait for it to read, would be the end of both.
  for (const int file : {child_->input.get(), child_->output.get(), child_->errors.get()})
    set_nonblocking(file);
  return {};
}

Status SftpChannel::begin() {
  VSTATE_TRY(start());
  VSTATE_TRY(shake_hands());
  // Nothing is written there, and an ssh that closes in good order takes its time.
  child_->ends_by_signal = true;
  return {};
}

Result<std::unique_ptr<SftpChannel>> SftpChannel::open(const Connecting& connecting,
                                                       const std::string& host) {
  std::optional<Error> first;
  for (std::size_t way = 0; way < ways_to_sftp(connecting, host).size(); ++way) {
    std::unique_ptr<SftpChannel> channel(new SftpChannel(connecting, host, way));
    const auto status = channel->begin();
    // A server without the subsystem may have the program all the same. What else is wrong is wrong
    // for the next way too, and would ask for a password once more.
    if (status || channel->said_.find("subsystem request failed") == std::string::npos)
      channel->let_hear();
    else if (!first)
      first = status.error();
    if (status) return channel;
    if (channel->is_heard_) return tl::unexpected<Error>(status.error());
  }
  return tl::unexpected<Error>(*first);
}

std::unique_ptr<SftpChannel> SftpChannel::another() const {
  auto connecting = connecting_;
  connecting.asks_nobody = true;
  return std::unique_ptr<SftpChannel>(new SftpChannel(connecting, host_, way_));
}

void SftpChannel::cut() {
  is_cut_ = true;
  wake();
}

void SftpChannel::wake() {
  const std::uint64_t one = 1;
  (void)!::write(wakes_.get(), &one, sizeof one);
}

Status SftpChannel::shake_hands() {
  sending_ = to_packet(PacketType::init, PacketWriter().number(k_version).take());
  while (true) {
    if (is_no_packet(received_)) return tl::unexpected<Error>(why_no_packet());
    if (const auto packet = first_packet(received_)) {
      PacketReader reader(packet->payload);
      if (packet->type != PacketType::version || reader.number() < k_version)
        return fail(Errc::unsupported,
                    fmt::format("{}: speaks no SFTP of version 3; nothing was read", host_),
                    Scope::run);
      while (!reader.is_at_end() && reader.is_whole()) {
        const std::string name(reader.text());
        extensions_.insert_or_assign(name, std::string(reader.text()));
      }
      received_.erase(0, packet->length);
      return {};
    }
    VSTATE_TRY(exchange());
  }
}

void SftpChannel::submit(PacketType type, std::string fields, Handler handler) {
  const std::lock_guard lock(mutex_);
  const auto number = next_++;
  PacketWriter payload;
  payload.number(number);
  outgoing_ += to_packet(type, payload.take().append(fields));
  pending_.emplace(number, std::move(handler));
  if (!is_moving_) return;
  // Whoever moves bytes may be waiting for a reply that is long in coming.
  wake();
}

Status SftpChannel::wait(const std::function<bool()>& is_done) {
  std::unique_lock lock(mutex_);
  if (!is_done()) ++waits_;
  while (!is_done()) {
    if (failure_) return tl::unexpected<Error>(*failure_);
    if (is_moving_) {
      changed_.wait(lock);
      continue;
    }
    is_moving_ = true;
    lock.unlock();
    auto status = exchange();
    lock.lock();
    is_moving_ = false;
    if (status) dispatch();
    if (!status) failure_ = status.error();
    changed_.notify_all();
  }
  return {};
}

Result<Reply> SftpChannel::ask(PacketType type, std::string fields) {
  std::optional<Reply> reply;
  const auto begun = std::chrono::steady_clock::now();
  submit(type, std::move(fields), [&](const Reply& came) { reply = came; });
  VSTATE_TRY(wait([&] { return reply.has_value(); }));
  round_trip_ = std::min(round_trip_.load(), std::chrono::steady_clock::now() - begun);
  return *std::move(reply);
}

/// Moves what can be moved, and waits until anything can. Only one thread at a time is in it.
Status SftpChannel::exchange() {
  if (is_cut_) return fail(Errc::io, fmt::format("{}: is not needed any more", host_), Scope::run);
  {
    const std::lock_guard lock(mutex_);
    sending_ += std::exchange(outgoing_, {});
  }
  enum : std::size_t { k_output, k_errors, k_wakes, k_input };
  std::array<pollfd, 4> ready{
      pollfd{child_->output.get(), POLLIN, 0}, pollfd{child_->errors.get(), POLLIN, 0},
      pollfd{wakes_.get(), POLLIN, 0}, pollfd{child_->input.get(), POLLOUT, 0}};
  if (!child_->errors.is_open()) ready[k_errors].fd = -1;
  if (sending_.empty()) ready[k_input].fd = -1;
  constexpr int for_ever = -1, in_a_second = 1000;
  const auto patience = static_cast<int>(connecting_.timeout.count());
  const int count =
      poll(ready.data(), ready.size(), patience == 0 ? for_ever : patience * in_a_second);
  if (count < 0 && errno == EINTR) return {};
  if (count < 0) return fail_errno(host_, "cannot wait for it");
  if (count == 0) return tl::unexpected<Error>(why_silent());
  std::uint64_t woken = 0;
  if (ready[k_wakes].revents != 0) (void)!::read(wakes_.get(), &woken, sizeof woken);
  if (ready[k_errors].revents != 0) hear_errors();
  if (ready[k_input].revents != 0) send();
  return ready[k_output].revents != 0 ? receive() : Status();
}

void SftpChannel::send() {
  const auto count = ::write(child_->input.get(), sending_.data(), sending_.size());
  // A pipe that broke shows where its other end is read.
  if (count > 0) sending_.erase(0, static_cast<std::size_t>(count));
  if (count < 0 && errno != EAGAIN && errno != EINTR) sending_.clear();
}

Status SftpChannel::receive() {
  std::array<char, k_read_at_once> buffer;
  const auto count = ::read(child_->output.get(), buffer.data(), buffer.size());
  if (count > 0) {
    received_.append(buffer.data(), static_cast<std::size_t>(count));
    return {};
  }
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return {};
  return tl::unexpected<Error>(why_ended());
}

/// What ssh has said so far, and from now on at once. Questions of ssh's own go to the terminal,
/// and past this.
void SftpChannel::let_hear() {
  is_heard_ = true;
  (void)write_all(STDERR_FILENO, said_, "standard error");
}

/// What ssh says goes to the person, as without vstate, and is kept for what vstate says.
void SftpChannel::hear_errors() {
  std::array<char, 4096> buffer;
  const auto count = ::read(child_->errors.get(), buffer.data(), buffer.size());
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (count <= 0) {
    child_->errors.close();
    return;
  }
  const std::string_view part(buffer.data(), static_cast<std::size_t>(count));
  if (is_heard_) (void)write_all(STDERR_FILENO, part, "standard error");
  said_.append(part);
  if (said_.size() > k_kept_of_errors) said_.erase(0, said_.size() - k_kept_of_errors);
}

/// With the lock held.
void SftpChannel::dispatch() {
  std::size_t at = 0;
  const std::string_view all(received_);
  while (const auto packet = first_packet(all.substr(at))) {
    at += packet->length;
    PacketReader reader(packet->payload);
    const auto number = reader.number();
    const auto found = pending_.find(number);
    if (!reader.is_whole() || found == pending_.end()) continue;
    const auto handler = std::move(found->second);
    pending_.erase(found);
    constexpr std::size_t number_bytes = 4;
    if (handler) handler({packet->type, std::string(packet->payload.substr(number_bytes))});
  }
  received_.erase(0, at);
  if (is_no_packet(received_)) failure_ = why_no_packet();
}

Error SftpChannel::why_silent() const {
  return {Errc::io,
          fmt::format("{}: said nothing for {} seconds (--timeout)", host_,
                      connecting_.timeout.count()),
          Scope::run};
}

Error SftpChannel::why_ended() {
  // ssh has said why before it ended; the rest of it may still be in the pipe.
  constexpr std::chrono::seconds moment(1);
  while (child_->errors.is_open() && can_be_read(child_->errors.get(), moment)) hear_errors();
  child_->input.close();
  const int status = child_->end(Child::k_grace);
  const auto advice = advice_on(said_, host_);
  const bool has_begun = next_ > 1;
  std::string why = advice;
  if (why.empty()) why = last_line(said_);
  if (why.empty())
    why = has_begun ? "the connection was cut" : fmt::format("ssh ended with {}", status);
  else if (has_begun)
    why = "the connection was cut: " + why;
  return {Errc::io, fmt::format("{}: {}", host_, why), Scope::run};
}

/// A shell that prints something before the server starts puts it in front of the first packet.
Error SftpChannel::why_no_packet() {
  const auto text = received_ + read_some(child_->output.get());
  return {Errc::io,
          fmt::format("{}: the remote shell printed \"{}\" before the data; nothing was read; a "
                      "shell that is not asked by a person must print nothing",
                      host_, visible(text.substr(0, text.find_first_of("\r\n")))),
          Scope::run};
}

}  // namespace vstate::remote
