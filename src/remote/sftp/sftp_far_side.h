/// \file
/// What is asked ahead of a server that is read by SFTP.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "remote/sftp/channels.h"
#include "remote/sftp/known_places.h"
#include "remote/sftp/listings_ahead.h"
#include "sys/far_side.h"

namespace vstate::remote {

class SftpFiles;

/// Part of its files, which resolve the paths.
class SftpFarSide final : public FarSide {
 public:
  SftpFarSide(const SftpFiles& files, Channels& channels, KnownPlaces& known, Tasks& tasks,
              ListingsAhead& listings_ahead)
      : files_(files),
        channels_(channels),
        known_(known),
        tasks_(tasks),
        listings_ahead_(listings_ahead) {}

  [[nodiscard]] bool has_long_way() const override { return channels_.has_long_way(); }
  void expect(const std::vector<std::string>& paths) const override { known_.expect(paths); }
  void expect_walks(const std::vector<std::string>& directories) const override;
  [[nodiscard]] std::shared_ptr<const void> gather(const std::vector<Ahead>& wanted) const override;
  [[nodiscard]] std::shared_ptr<const void> begin(const std::string& task) const override;
  void expect_walks_behind(const std::string& task) const override { walks_behind_ = task; }
  [[nodiscard]] std::string asked() const override { return tasks_.to_text(); }
  void recall(std::string_view asked) const override { tasks_.read(asked); }
  /// Through an ssh of its own, which those beside share.
  [[nodiscard]] Result<Forwarded> forward(const Service&) const override;

 private:
  using Guesses = std::map<std::string, std::shared_ptr<Listing>>;  ///< by place
  [[nodiscard]] Guesses guess_listings(const std::vector<Ahead>& wanted) const;
  [[nodiscard]] Result<Forwarded> open_way_to(const Service&) const;

  const SftpFiles& files_;
  Channels& channels_;
  KnownPlaces& known_;
  Tasks& tasks_;
  ListingsAhead& listings_ahead_;
  mutable std::string walks_behind_;  ///< the task, until it is begun
};

}  // namespace vstate::remote
