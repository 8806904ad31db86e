/// \file
/// One connection to an SFTP server through ssh: requests in flight, and what becomes of their
/// replies.
#pragma once

#include <sys/types.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "remote/sftp/sftp_packet.h"
#include "remote/ssh/place.h"
#include "remote/ssh/ssh_pipe.h"
#include "vstate/base/result.h"

namespace vstate::remote {

/// Whoever asks on a connection begins only a part of what may be under way at once.
class Sharers {
 public:
  void add() { ++count_; }
  void remove() { --count_; }
  [[nodiscard]] std::size_t part_of(std::size_t most) const {
    constexpr std::size_t least = 4;
    return std::max(most / std::max<std::size_t>(count_, 1), least);
  }

 private:
  std::atomic<std::size_t> count_ = 0;
};

/// Requests are sent without waiting for the replies of those before, so that a link with a long
/// way costs its way once and not once a file. Any number of threads may use a channel: whoever
/// waits moves bytes for all.
class SftpChannel {
 public:
  /// Called with the channel's lock held, once, when the reply comes; not called at all if the
  /// connection ends before. It may submit more, may take what the reply holds, and must not wait.
  using Handler = std::function<void(Reply&)>;

  /// Starts ssh and shakes hands. Fails with what ssh said, and what can be done about it.
  [[nodiscard]] static Result<std::unique_ptr<SftpChannel>> open(const Connecting&,
                                                                 const std::string& host);
  /// Shakes hands with a server that is there already, on the other ends of pipes.
  [[nodiscard]] static Result<std::unique_ptr<SftpChannel>> over(Child server, const Connecting&,
                                                                 const std::string& host);
  /// One more connection to the same server, which `begin` begins: it starts ssh and shakes hands,
  /// and shows nothing of what ssh says.
  [[nodiscard]] std::unique_ptr<SftpChannel> another() const;
  Status begin();
  /// Ends it from another thread: who waits for it, and who does so later, fails.
  void cut() { pipe_.cut(); }
  SftpChannel(const SftpChannel&) = delete;
  SftpChannel& operator=(const SftpChannel&) = delete;

  /// Sends a request; `fields` are those behind its number. It is on its way once somebody waits.
  void submit(PacketType, const std::string& fields, Handler handler);
  /// Waits until `is_done`, which is asked with the lock held, each time something came. Fails if
  /// the connection ended, or was silent for too long; then every later call fails alike.
  Status wait(const std::function<bool()>& is_done);
  /// For a handler that was told what no server says, and that would be told so again in each
  /// directory: nothing more is asked or awaited, and every later call fails so.
  void disbelieve(Error error) {
    if (!failure_) failure_ = std::move(error);
  }
  /// Both for one request.
  [[nodiscard]] Result<Reply> ask(PacketType, const std::string& fields);

  /// That links of a directory count the directories in it was seen of this server. With the lock
  /// held.
  bool counts_directories = false;

  /// Held by handlers; taken by who looks at what they wrote.
  [[nodiscard]] std::recursive_mutex& mutex() { return mutex_; }
  [[nodiscard]] const std::string& host() const { return pipe_.host(); }
  [[nodiscard]] const Connecting& connecting() const { return pipe_.connecting(); }
  /// Whether the server has an extension, such as "statvfs@openssh.com".
  [[nodiscard]] bool has_extension(const std::string& name) const {
    return extensions_.contains(name);
  }
  /// Files that are open there, or about to be. The other side has a limit.
  [[nodiscard]] std::size_t open_files() const { return open_files_; }
  void add_open_file() { ++open_files_; }
  void remove_open_file() { --open_files_; }
  /// Who asks on this connection.
  [[nodiscard]] Sharers& sharers() { return sharers_; }
  /// How often somebody had to wait for the other side: what a long way costs.
  [[nodiscard]] std::uint64_t waits() const { return waits_; }
  /// The shortest time in which a single question was answered.
  [[nodiscard]] std::chrono::steady_clock::duration round_trip() const { return round_trip_; }

 private:
  SftpChannel(const Connecting& connecting, std::string host, std::size_t way);
  Status shake_hands();
  void dispatch();

  SshPipe pipe_;
  std::recursive_mutex mutex_;
  std::condition_variable_any changed_;
  // With the lock held.
  std::map<std::uint32_t, Handler> pending_;
  std::string outgoing_;
  std::optional<Error> failure_;
  std::uint32_t next_ = 1;
  std::uint64_t waits_ = 0;
  std::atomic<std::size_t> open_files_ = 0;
  Sharers sharers_;
  std::atomic<std::chrono::steady_clock::duration> round_trip_ =
      std::chrono::steady_clock::duration::max();
  bool is_moving_ = false;  ///< a thread uses the pipe
  std::map<std::string, std::string> extensions_;
};

}  // namespace vstate::remote
