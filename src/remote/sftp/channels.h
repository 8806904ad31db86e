/// \file
/// Connections to one SFTP server: the first one, and further ones for files alone where the way is
/// long and there is much to read.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "remote/sftp/sftp_channel.h"
#include "remote/ssh/tunnel.h"

namespace vstate::remote {

/// ssh lets two megabytes be under way on a connection, and a server has about a thousand files
/// open; over a long way either is little. Further connections are opened behind the run's back,
/// and only where nobody is asked for a password; without them all goes through the first one. Any
/// number of threads may use it.
class Channels {
 public:
  explicit Channels(std::shared_ptr<SftpChannel> first);
  ~Channels();
  Channels(const Channels&) = delete;
  Channels& operator=(const Channels&) = delete;

  [[nodiscard]] SftpChannel& first() const { return *first_; }
  /// The one that has the fewest files open.
  [[nodiscard]] SftpChannel& for_file() const;
  [[nodiscard]] bool has_long_way() const;
  [[nodiscard]] Tunnels& tunnels() { return tunnels_; }
  /// Says that so much will be read.
  void expect(std::size_t files, std::uint64_t bytes);

 private:
  class Further;
  void open_further();

  std::shared_ptr<SftpChannel> first_;
  Tunnels tunnels_;
  mutable std::mutex mutex_;
  std::size_t files_ = 0;  ///< expected so far
  std::uint64_t bytes_ = 0;
  std::vector<std::unique_ptr<Further>> further_;
};

}  // namespace vstate::remote
