/// \file
/// Holding off deliveries to a domain of another machine (sys/freeze.h), by SFTP.
#pragma once

#include <memory>
#include <string>

#include "remote/sftp/sftp_files.h"
#include "sys/freeze.h"

namespace vstate::remote {

class RemoteFreeze final : public DeliveryFreeze {
 public:
  /// Sets the bit; a EndWatcher, which connects anew, takes it away again when this process ends
  /// without doing so. That works where ssh asks nobody for a password. `files` must outlive it.
  [[nodiscard]] static Result<std::unique_ptr<DeliveryFreeze>> begin(const SftpFiles& files,
                                                                     const std::string& directory);
  ~RemoteFreeze() override;
  RemoteFreeze(const RemoteFreeze&) = delete;
  RemoteFreeze& operator=(const RemoteFreeze&) = delete;

  [[nodiscard]] bool is_ours() const override { return watcher_.is_running(); }
  Status end() override;

 private:
  RemoteFreeze(const SftpFiles& files, std::string directory)
      : files_(files), directory_(std::move(directory)) {}
  const SftpFiles& files_;
  std::string directory_;  ///< for people
  std::string place_;      ///< the server's own path
  EndWatcher watcher_;
};

}  // namespace vstate::remote
