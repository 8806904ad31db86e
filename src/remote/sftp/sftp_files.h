/// \file
/// A server on another machine, read by SFTP: nothing is needed there but sshd.
///
/// What SFTP 3 cannot say, and what follows from it:
///
///   * no inodes: a place is known by its path without links, which vstate follows itself, below
///     the root as on this machine. Two mounts of one directory are two places.
///   * no handles of directories: between a look and the use after it somebody there may exchange
///     a directory for a link. A file that was opened is what was looked at only as far as its
///     owner goes.
///   * no other identity: what is reached by another's link is judged by the permission bits
///     (sys/permission.h:may), as that other. Access lists are not seen.
///   * whole seconds: sftp_reading.h:to_info.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "remote/sftp/channels.h"
#include "remote/sftp/known_places.h"
#include "remote/sftp/listings_ahead.h"
#include "remote/sftp/sftp_channel.h"
#include "remote/sftp/sftp_far_side.h"
#include "sys/files.h"

namespace vstate::remote {

/// The server's own path of a place, without links. A directory that is not there is `not_found`.
[[nodiscard]] Result<std::string> find_root(SftpChannel&, const Place&);

/// Answers about names are kept until `forget`: each would cost the way there and back. Listings
/// and contents are asked for anew each time.
class SftpFiles : public virtual Files {
 public:
  /// `root` comes from find_root.
  SftpFiles(std::shared_ptr<SftpChannel> channel, const Place& place, std::string root);
  struct Beside {
    const SftpFiles& files;
  };
  /// The same files over the same connections, with answers of its own: for another thread, which
  /// looks at something else.
  explicit SftpFiles(Beside other);
  ~SftpFiles() override;

  [[nodiscard]] const std::string& root() const override { return shown_root_; }
  [[nodiscard]] Result<std::string> read(std::string_view path,
                                         std::size_t limit = k_largest) const override;
  [[nodiscard]] Result<FileInfo> info(std::string_view path) const override;
  [[nodiscard]] Result<FileInfo> info_followed(std::string_view path) const override;
  [[nodiscard]] Result<std::shared_ptr<const Directory>> open_directory(
      std::string_view path) const override;
  [[nodiscard]] Result<std::string> link_target(std::string_view path) const override;
  [[nodiscard]] Result<Way> way_of(std::string_view path) const override;
  [[nodiscard]] Result<FreeSpace> free_space(std::string_view path) const override;
  /// From etc/passwd there.
  [[nodiscard]] Result<std::optional<SystemAccount>> account(std::string_view name) const override;
  void reach_as(std::string path, Identity as) override;
  [[nodiscard]] bool is_reached_as_another(std::string_view path) const override;
  [[nodiscard]] const FarSide* far_side() const override { return &far_side_; }
  [[nodiscard]] Result<std::vector<std::optional<FileInfo>>> look_again(
      const std::vector<std::string>& paths) const override;
  void forget() const override;

  [[nodiscard]] SftpChannel& channel() const { return channels_->first(); }
  [[nodiscard]] Channels& channels() const { return *channels_; }
  [[nodiscard]] const KnownPlaces& known() const { return known_; }
  /// Where a path leads, if to a directory.
  [[nodiscard]] std::optional<std::string> directory_at(std::string_view path) const;
  /// The listing of a place that was begun for a walk; null if there is none.
  [[nodiscard]] std::shared_ptr<Listing> begun_listing(const std::string& place) const;
  [[nodiscard]] ListingsAhead& listings_ahead() const { return *listings_ahead_; }

 private:
  class Walk;

  SftpFiles(std::shared_ptr<Channels> channels, std::string shown_root, std::string root,
            Tasks tasks);

  std::shared_ptr<Channels> channels_;
  std::string shown_root_;
  ReachedAs reached_as_;
  mutable Tasks tasks_;
  mutable KnownPlaces known_;  ///< what was asked changes nothing
  std::shared_ptr<ListingsAhead> listings_ahead_;
  SftpFarSide far_side_;
};

}  // namespace vstate::remote
