/// \file
/// A server on another machine as a System: all that is asked works, and nothing can be changed.
#pragma once

#include <memory>
#include <string>

#include "remote/sftp/sftp_files.h"
#include "sys/system.h"

namespace vstate::remote {

/// Every change is `unsupported`, with a message that says what to do instead.
class RemoteSystem : public SftpFiles, public System {
 public:
  using SftpFiles::SftpFiles;
  explicit RemoteSystem(Beside other) : SftpFiles(other) {}
  /// Connects to the place and looks whether it is there.
  [[nodiscard]] static Result<std::unique_ptr<RemoteSystem>> open(const Connecting&, const Place&);

  Result<bool> make_directory(std::string_view path, Ownership) override;
  Status replace_file(std::string_view path, std::string_view bytes, Ownership, Durability,
                      std::optional<std::chrono::sys_seconds> mtime = {}) override;
  Status replace_link(std::string_view path, std::string_view target, Ownership) override;
  Status rename(std::string_view from, std::string_view to) override;
  Status remove_file(std::string_view path) override;
  Status remove_directory(std::string_view path) override;
  Status remove_tree(std::string_view path) override;
  Status set_owner(std::string_view path, std::uint32_t uid, std::uint32_t gid) override;
  Status own_tree(std::string_view path, std::uint32_t uid, std::uint32_t gid) override;
  Status set_mode(std::string_view path, unsigned mode) override;
  Result<FileLock> lock(std::string_view path, Ownership, int seconds = 25) override;
  Result<FileLock> lock_like_ezmlm(std::string_view path, int seconds = 25) override;
  Status sync(std::string_view path) override;
  Status before_step(std::string_view what, std::string_view path) override;

 private:
  [[nodiscard]] tl::unexpected<Error> refuse(std::string_view path) const;
};

/// What writes does not work from here.
[[nodiscard]] Error refusal_to_write(const Place&, std::string_view command);

}  // namespace vstate::remote
