/// \file
/// Holding off deliveries to a domain of another machine (sys/freeze.h), by SFTP.
#pragma once

#include <memory>
#include <string>

#include "remote/place.h"
#include "remote/sftp_files.h"
#include "sys/freeze.h"

namespace vstate::remote {

class RemoteFreeze final : public DeliveryFreeze {
 public:
  /// Sets the bit. If this process ends in whatever way without `end`, one of its own connects anew
  /// and takes the bit away; that works where ssh asks nobody for a password. `files` must outlive
  /// it.
  ///
  /// Forks: call it before there are threads.
  [[nodiscard]] static Result<std::unique_ptr<DeliveryFreeze>> begin(const SftpFiles& files,
                                                                     const Connecting&,
                                                                     const std::string& host,
                                                                     const std::string& directory);
  ~RemoteFreeze() override;
  RemoteFreeze(const RemoteFreeze&) = delete;
  RemoteFreeze& operator=(const RemoteFreeze&) = delete;

  [[nodiscard]] bool is_ours() const override { return watcher_ > 0; }
  Status end() override;

 private:
  RemoteFreeze(const SftpFiles& files, std::string directory)
      : files_(files), directory_(std::move(directory)) {}
  const SftpFiles& files_;
  std::string directory_;  ///< for people
  std::string place_;      ///< the server's own path
  Handle held_;            ///< a byte in it says that the bit is away; its end, that it is not
  pid_t watcher_ = -1;
};

}  // namespace vstate::remote
