/// \file
/// A directory of another machine that is looked at. One thread uses it.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "remote/sftp/sftp_reading.h"
#include "sys/files.h"

namespace vstate::remote {

class SftpFiles;

class SftpDirectory final : public Directory {
 public:
  /// `place` is below the root and without links, `path` is for messages. What is in it is judged
  /// as for `as`, if there is one. `files` must outlive it.
  SftpDirectory(const SftpFiles& files, std::string place, std::string path,
                std::optional<Identity> as, const FileInfo& info,
                std::shared_ptr<Listing> listing = nullptr);

  [[nodiscard]] const std::string& path() const override { return path_; }
  [[nodiscard]] Result<FileInfo> info() const override;
  [[nodiscard]] Result<std::optional<FileInfo>> look(const std::string& name) const override;
  [[nodiscard]] Result<std::shared_ptr<const Directory>> open(
      const std::string& name) const override;
  [[nodiscard]] Result<std::unique_ptr<OpenFile>> open_file(const std::string& name) const override;
  [[nodiscard]] Result<std::optional<std::string>> link_target(
      const std::string& name) const override;
  Status read_names(const Found& found) const override;
  [[nodiscard]] bool is_far_away() const override { return true; }
  void expect_files(const std::vector<std::string>& names) const override;
  void expect_listings(const std::vector<std::string>& names) const override;

  /// open_file, with what errors call the file.
  [[nodiscard]] Result<std::unique_ptr<OpenFile>> open_as(const std::string& name,
                                                          std::string_view shown) const;

 private:
  [[nodiscard]] const ListedFile* listed(const std::string& name) const;
  [[nodiscard]] bool is_allowed(const FileInfo&, unsigned wanted) const;
  [[nodiscard]] Result<bool> is_theirs_to_read(const std::string& name, const FileInfo&) const;
  [[nodiscard]] std::shared_ptr<Transfer> begin(SftpChannel&, const std::string& name,
                                                std::string shown, const FileInfo& listed) const;
  [[nodiscard]] Result<Listed> list_now() const;
  void begin_expected() const;
  [[nodiscard]] std::shared_ptr<Transfer> expected(const std::string& name) const;

  const SftpFiles& files_;
  std::string place_, path_;
  std::optional<Identity> as_;
  FileInfo info_;
  // What was seen of it, and what is under way; neither changes what it is.
  mutable std::shared_ptr<Listing> listing_;                ///< begun, and not read yet
  mutable unsigned looks_ = 0;                              ///< at names, before it was listed
  mutable std::optional<FileInfo> after_;                   ///< itself, behind the last listing
  mutable std::optional<std::vector<ListedFile>> entries_;  ///< sorted by name
  mutable std::deque<std::string> awaited_;                 ///< not begun yet
  mutable std::deque<std::pair<std::string, std::shared_ptr<Transfer>>> begun_;  ///< in their order
  mutable std::uint64_t begun_bytes_ = 0;
};

}  // namespace vstate::remote
