/// \file
/// Directories of another machine as they were a moment ago, with all that is below them: gathered
/// level by level, so that a long way is gone a few times and not once a question.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "remote/sftp/sftp_reading.h"
#include "sys/far_side.h"

namespace vstate::remote {

class KnownPlaces;
struct Asked;

/// Knows what it knows: what could not be listed or read, or changed while it was, it does not
/// tell, and whoever wants it asks for it and meets the error. Any number of threads may use it.
class Snapshot {
 public:
  /// A place to begin at: as the caller spells it, and without links.
  struct Start {
    std::string path, place;
    const Ahead* ahead;
    std::shared_ptr<Listing> begun = {};  ///< of `place`, if it was guessed
  };
  [[nodiscard]] static std::shared_ptr<const Snapshot> take(SftpChannel&, const KnownPlaces&,
                                                            const std::vector<Start>&);
  /// The directories and files that were asked for before. What of them is not there any more is
  /// not told.
  [[nodiscard]] static std::shared_ptr<const Snapshot> take_again(SftpChannel&, const KnownPlaces&,
                                                                  const Asked&);

  struct Text {
    FileInfo info;
    std::string bytes;
  };
  // All by places, without links. Null: it does not tell.
  [[nodiscard]] const Listed* listing(std::string_view place) const;
  [[nodiscard]] std::shared_ptr<const Text> text(std::string_view place) const;
  /// The outer nullopt: it does not tell; the inner one: nothing is there.
  [[nodiscard]] std::optional<std::optional<FileInfo>> look(std::string_view place) const;
  /// All links that were seen.
  [[nodiscard]] std::set<std::string> links() const;

 private:
  class Taking;

  std::map<std::string, Listed, std::less<>> listings_;
  std::map<std::string, std::shared_ptr<const Text>, std::less<>> texts_;
};

}  // namespace vstate::remote
