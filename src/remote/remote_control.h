/// \file
/// A server on another machine of which single files can be changed: control files, and what is
/// kept beside them. By SFTP alone: a file is written beside its place and renamed over it.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "remote/remote_system.h"
#include "sys/process/interruptible.h"

namespace vstate::remote {

class RemoteControl final : public RemoteSystem {
 public:
  RemoteControl(std::shared_ptr<SftpChannel> channel, const Place& place, std::string root,
                const StopFlag* stop)
      : RemoteSystem(std::move(channel), place, std::move(root)), stop_(stop) {}
  /// `stop` ends it between two steps; null: nothing does.
  [[nodiscard]] static Result<std::unique_ptr<RemoteControl>> open(const Connecting&, const Place&,
                                                                   const StopFlag* stop);

  /// Durability is the other side's affair where it lacks fsync@openssh.com. A server without
  /// posix-rename@openssh.com (OpenSSH before 4.8) replaces nothing by a rename: there the old file
  /// is renamed away first, and what a stop in between leaves is put back by mend_replacement.
  Status replace_file(std::string_view path, std::string_view bytes, Ownership, Durability,
                      std::optional<std::chrono::sys_seconds> mtime = {}) override;
  Status rename(std::string_view from, std::string_view to) override;
  Status remove_file(std::string_view path) override;
  /// SFTP has no locks: this is none.
  Result<FileLock> lock(std::string_view path, Ownership, int seconds = 25) override;
  Status before_step(std::string_view what, std::string_view path) override;

 private:
  [[nodiscard]] Result<std::string> place_of(std::string_view path) const;
  Status write(const std::string& place, std::string_view bytes, const Ownership&,
               std::string_view shown);
  Status put_over(const std::string& from, const std::string& to, std::string_view shown);

  const StopFlag* stop_;
};

/// Puts a file back that a stopped replacement had renamed away, if there is none in its place.
Status mend_replacement(System&, std::string_view path);

/// Tells qmail-send of another machine to read its control files again, as a command that ssh runs
/// there. Returns how many processes were told; `unsupported` where no command can be run.
[[nodiscard]] Result<int> hup_qmail_send_there(const Connecting&, const std::string& host);

}  // namespace vstate::remote
