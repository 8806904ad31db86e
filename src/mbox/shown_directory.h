/// \file
/// Directories that are not on any disk.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "mbox/numbered.h"
#include "sys/files.h"

namespace vstate::mbox {

/// What is common to them: entries of their own, in front of those of a directory that may lie
/// below. It lists what it shows, and opens the rest there.
class ShownDirectory : public Directory {
 public:
  /// `below` may be null. `path` is what it is called in messages and told apart by.
  ShownDirectory(std::string path, std::shared_ptr<const Directory> below, std::int64_t mtime)
      : path_(std::move(path)), below_(std::move(below)), mtime_(mtime) {}

  [[nodiscard]] const std::string& path() const override { return path_; }
  [[nodiscard]] Result<FileInfo> info() const override;
  [[nodiscard]] bool is_on_disk() const override { return false; }
  [[nodiscard]] Result<std::optional<FileInfo>> look(const std::string& name) const override;
  [[nodiscard]] Result<std::shared_ptr<const Directory>> open(
      const std::string& name) const override;
  [[nodiscard]] Result<std::unique_ptr<OpenFile>> open_file(const std::string& name) const override;
  [[nodiscard]] Result<std::optional<std::string>> link_target(
      const std::string& name) const override;
  [[nodiscard]] Status read_names(const Found& found) const override;
  [[nodiscard]] bool is_far_away() const override;
  void expect_files(const std::vector<std::string>& names) const override;
  void expect_listings(const std::vector<std::string>& names) const override;

 protected:
  // Its own entries.
  [[nodiscard]] virtual std::optional<FileInfo> own(const std::string& name) const = 0;
  [[nodiscard]] virtual Result<std::shared_ptr<const Directory>> open_own(
      const std::string& name) const = 0;
  [[nodiscard]] virtual std::unique_ptr<OpenFile> open_own_file(const std::string& name) const = 0;
  virtual void list_own(const Found& found) const = 0;

  [[nodiscard]] FileInfo directory_info(const std::string& name) const;
  [[nodiscard]] static FileInfo file_info(std::uint64_t id, std::uint64_t size, std::int64_t mtime);

 private:
  [[nodiscard]] std::vector<std::string> names_below(const std::vector<std::string>& names) const;

  std::string path_;
  std::shared_ptr<const Directory> below_;
  std::int64_t mtime_;
};

/// Directories and small files, as they were put in.
class PlainDirectory final : public ShownDirectory {
 public:
  using ShownDirectory::ShownDirectory;
  using Opener = std::function<Result<std::shared_ptr<const Directory>>()>;
  void add_directory(std::string name, Opener opener) {
    directories_.insert_or_assign(std::move(name), std::move(opener));
  }
  void add_file(std::string name, std::string text, std::int64_t mtime) {
    files_.insert_or_assign(std::move(name), Text{std::move(text), mtime});
  }

 protected:
  [[nodiscard]] std::optional<FileInfo> own(const std::string& name) const override;
  [[nodiscard]] Result<std::shared_ptr<const Directory>> open_own(
      const std::string& name) const override;
  [[nodiscard]] std::unique_ptr<OpenFile> open_own_file(const std::string& name) const override;
  void list_own(const Found& found) const override;

 private:
  struct Text {
    std::string bytes;
    std::int64_t mtime;
  };
  std::map<std::string, Opener> directories_;
  std::map<std::string, Text> files_;
};

/// `new` or `cur` of a folder.
class MessageDirectory final : public ShownDirectory {
 public:
  enum class Part { new_mail, cur };
  MessageDirectory(std::string path, std::shared_ptr<const Directory> below,
                   std::shared_ptr<const NumberedFolder> folder, Part part)
      : ShownDirectory(std::move(path), std::move(below), folder->newest()),
        folder_(std::move(folder)),
        part_(part) {}

 protected:
  [[nodiscard]] std::optional<FileInfo> own(const std::string& name) const override;
  [[nodiscard]] Result<std::shared_ptr<const Directory>> open_own(
      const std::string& name) const override;
  [[nodiscard]] std::unique_ptr<OpenFile> open_own_file(const std::string& name) const override;
  void list_own(const Found& found) const override;

 private:
  [[nodiscard]] std::optional<std::size_t> find(const std::string& name) const;

  std::shared_ptr<const NumberedFolder> folder_;
  Part part_;
};

}  // namespace vstate::mbox
