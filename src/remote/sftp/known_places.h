/// \file
/// What was told of the names of another machine so far.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "remote/sftp/sftp_channel.h"
#include "remote/sftp/sftp_reading.h"
#include "remote/sftp/snapshot.h"
#include "remote/sftp/tasks.h"
#include "sys/files.h"

namespace vstate::remote {

/// Paths are below the root, and without links but for their last component. Any number of threads
/// may use it.
class KnownPlaces {
 public:
  /// `root` is the server's own path, without links.
  /// `tasks` is told what was asked.
  KnownPlaces(SftpChannel& channel, std::string root, Tasks& tasks)
      : channel_(channel), root_(std::move(root)), tasks_(tasks) {}

  [[nodiscard]] Tasks& tasks() const { return tasks_; }
  /// The server's own path of one below the root.
  [[nodiscard]] std::string there(std::string_view path) const;
  /// Asks, unless it is known. nullopt: it is not there. `shown` stands in errors.
  [[nodiscard]] Result<std::optional<FileInfo>> look(const std::string& path,
                                                     std::string_view shown) const;
  /// What a link says; asks, unless it is known.
  [[nodiscard]] Result<std::string> target(const std::string& path, std::string_view shown) const;
  /// The directories that are known to be below one.
  [[nodiscard]] std::vector<std::string> directories_below(const std::string& place) const;
  // What was gathered of a place; null if nothing was.
  [[nodiscard]] std::shared_ptr<const Listed> listing(const std::string& place) const;
  /// Whether nothing speaks against a directory there.
  [[nodiscard]] bool may_be_directory(const std::string& path) const;
  [[nodiscard]] std::shared_ptr<const Snapshot::Text> text(const std::string& place) const;

  /// Asks for all that is to know of the ways to some places, links followed; these need not be
  /// without links. What is refused is told to who asks for it.
  void expect(const std::vector<std::string>& paths) const;
  /// Asks for all that was asked before, at once.
  [[nodiscard]] std::shared_ptr<const Snapshot> ask_again(const Asked&);
  /// Its answers count for as long as somebody holds it.
  void add(const std::shared_ptr<const Snapshot>& snapshot);
  void forget();

 private:
  [[nodiscard]] std::optional<std::optional<FileInfo>> known(const std::string& path) const;
  void add_names_on_way(const std::string& path, std::set<std::string>& names) const;
  struct Looks;
  struct Targets;
  void begin(const std::set<std::string>& names, Looks&) const;
  bool end(Looks&) const;
  void begin(const std::set<std::string>& links, Targets&) const;
  bool end(Targets&) const;
  bool look_ahead(const std::set<std::string>& names) const;
  bool follow_ahead(const std::set<std::string>& names) const;
  [[nodiscard]] std::optional<std::string> behind_known_link(const std::string& path) const;

  SftpChannel& channel_;
  std::string root_;
  Tasks& tasks_;
  mutable std::mutex mutex_;
  mutable std::map<std::string, std::optional<FileInfo>, std::less<>> looks_;
  mutable std::map<std::string, std::string, std::less<>> targets_;
  std::vector<std::weak_ptr<const Snapshot>> snapshots_;
};

}  // namespace vstate::remote
