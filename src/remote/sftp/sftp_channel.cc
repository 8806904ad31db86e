// One thread at a time moves bytes, and it is always one that waits for something; the others sleep
// until it has dispatched what came. There is no thread of the channel's own, so that a program
// that forks, or that ends, has none to think of.

#include "remote/sftp/sftp_channel.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace vstate::remote {

namespace {

constexpr std::uint32_t k_version = 3;

}  // namespace

SftpChannel::SftpChannel(const Connecting& connecting, std::string host, std::size_t way)
    : pipe_(connecting, std::move(host), way) {}

Status SftpChannel::begin() {
  VSTATE_TRY(pipe_.start());
  VSTATE_TRY(shake_hands());
  // Nothing is written there, and an ssh that closes in good order takes its time.
  pipe_.end_by_signal();
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
    if (status || channel->pipe_.said().find("subsystem request failed") == std::string::npos)
      channel->pipe_.let_hear();
    else if (!first)
      first = status.error();
    if (status) return channel;
    if (channel->pipe_.is_heard()) return tl::unexpected<Error>(status.error());
  }
  return tl::unexpected<Error>(*first);
}

Result<std::unique_ptr<SftpChannel>> SftpChannel::over(Child server, const Connecting& connecting,
                                                       const std::string& host) {
  std::unique_ptr<SftpChannel> channel(new SftpChannel(connecting, host, 0));
  channel->pipe_.start(std::move(server));
  VSTATE_TRY(channel->shake_hands());
  return channel;
}

std::unique_ptr<SftpChannel> SftpChannel::another() const {
  auto connecting = pipe_.connecting();
  connecting.asks_nobody = true;
  return std::unique_ptr<SftpChannel>(new SftpChannel(connecting, host(), pipe_.way()));
}

Status SftpChannel::shake_hands() {
  auto greeting = to_packet(PacketType::init, PacketWriter().number(k_version).take());
  auto& received = pipe_.received();
  while (true) {
    if (is_no_packet(received)) return tl::unexpected<Error>(pipe_.why_no_packet());
    if (const auto packet = first_packet(received)) {
      PacketReader reader(packet->payload);
      if (packet->type != PacketType::version || reader.number() < k_version)
        return fail(Errc::unsupported,
                    fmt::format("{}: speaks no SFTP of version 3; nothing was read", host()),
                    Scope::run);
      while (!reader.is_at_end() && reader.is_whole()) {
        const std::string name(reader.text());
        extensions_.insert_or_assign(name, std::string(reader.text()));
      }
      received.erase(0, packet->length);
      pipe_.set_begun();
      return {};
    }
    VSTATE_TRY(pipe_.exchange(std::exchange(greeting, {})));
  }
}

void SftpChannel::submit(PacketType type, const std::string& fields, Handler handler) {
  const std::lock_guard lock(mutex_);
  const auto number = next_++;
  PacketWriter payload;
  payload.number(number);
  outgoing_ += to_packet(type, payload.take().append(fields));
  pending_.emplace(number, std::move(handler));
  if (!is_moving_) return;
  // Whoever moves bytes may be waiting for a reply that is long in coming.
  pipe_.wake();
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
    const auto more = std::exchange(outgoing_, {});
    lock.unlock();
    auto status = pipe_.exchange(more);
    lock.lock();
    is_moving_ = false;
    if (status) dispatch();
    if (!status) failure_ = status.error();
    changed_.notify_all();
  }
  return {};
}

Result<Reply> SftpChannel::ask(PacketType type, const std::string& fields) {
  std::optional<Reply> reply;
  const auto begun = std::chrono::steady_clock::now();
  submit(type, fields, [&](const Reply& came) { reply = came; });
  VSTATE_TRY(wait([&] { return reply.has_value(); }));
  round_trip_ = std::min(round_trip_.load(), std::chrono::steady_clock::now() - begun);
  return *std::move(reply);
}

/// With the lock held.
void SftpChannel::dispatch() {
  std::size_t at = 0;
  const std::string_view all(pipe_.received());
  while (const auto packet = first_packet(all.substr(at))) {
    at += packet->length;
    PacketReader reader(packet->payload);
    const auto number = reader.number();
    const auto found = pending_.find(number);
    if (!reader.is_whole() || found == pending_.end()) {
      // One that goes on with it would keep whoever waits here for ever.
      failure_ =
          Error{Errc::io, fmt::format("{}: answers what it was not asked", host()), Scope::run};
      return;
    }
    const auto handler = std::move(found->second);
    pending_.erase(found);
    constexpr std::size_t number_bytes = 4;
    if (!handler) continue;
    Reply reply{packet->type, std::string(packet->payload.substr(number_bytes))};
    handler(reply);
  }
  auto& received = pipe_.received();
  received.erase(0, at);
  if (is_no_packet(received)) failure_ = pipe_.why_no_packet();
}

}  // namespace vstate::remote
