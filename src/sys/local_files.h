/// \file
/// A server whose files are on this machine: all of it ("/"), or a directory that holds another.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "sys/files.h"
#include "sys/handle.h"
#include "sys/process/identity.h"

namespace vstate {

/// A directory of this machine. Follows no link.
class LocalDirectory final : public Directory {
 public:
  /// `as` is whose rights are used below it; without, the thread's own.
  LocalDirectory(Handle handle, std::string path, std::optional<Identity> as = {})
      : owned_(std::move(handle)), descriptor_(owned_.get()), path_(std::move(path)), as_(as) {}
  /// One whose descriptor somebody else holds and closes.
  LocalDirectory(int borrowed, std::string path, std::optional<Identity> as = {})
      : descriptor_(borrowed), path_(std::move(path)), as_(as) {}

  [[nodiscard]] int descriptor() const override { return descriptor_; }
  [[nodiscard]] const std::optional<Identity>& as() const { return as_; }
  [[nodiscard]] const std::string& path() const override { return path_; }
  [[nodiscard]] Result<FileInfo> info() const override;
  [[nodiscard]] Result<std::optional<FileInfo>> look(const std::string& name) const override;
  [[nodiscard]] Result<std::shared_ptr<const Directory>> open(
      const std::string& name) const override;
  [[nodiscard]] Result<std::unique_ptr<OpenFile>> open_file(const std::string& name) const override;
  [[nodiscard]] Result<std::optional<std::string>> link_target(
      const std::string& name) const override;
  [[nodiscard]] Status read_names(const Found& found) const override;

 private:
  Handle owned_;
  int descriptor_;
  std::string path_;
  std::optional<Identity> as_;
};

/// What is open, to be read once. `path` stands in errors.
[[nodiscard]] Result<std::unique_ptr<OpenFile>> to_open_file(Handle file, std::string path);

class LocalFiles : public virtual Files {
 public:
  explicit LocalFiles(std::string root = "/");

  [[nodiscard]] const std::string& root() const override { return root_; }
  [[nodiscard]] Result<std::string> read(std::string_view path,
                                         std::size_t limit = k_largest) const override;
  [[nodiscard]] Result<FileInfo> info(std::string_view path) const override;
  [[nodiscard]] Result<FileInfo> info_followed(std::string_view path) const override;
  [[nodiscard]] Result<std::shared_ptr<const Directory>> open_directory(
      std::string_view path) const override;
  [[nodiscard]] Result<std::string> link_target(std::string_view path) const override;
  [[nodiscard]] Result<Way> way_of(std::string_view path) const override;
  [[nodiscard]] Result<FreeSpace> free_space(std::string_view path) const override;
  /// Asks the name service where the root is "/".
  [[nodiscard]] Result<std::optional<SystemAccount>> account(std::string_view name) const override;
  void reach_as(std::string path, Identity as) override;
  [[nodiscard]] bool is_reached_as_another(std::string_view path) const override;
  [[nodiscard]] const LocalFiles* local() const override { return this; }

  /// A descriptor, and whose rights are to be used below it: whoever made the link on the way to
  /// it, nullopt if nobody but root did. For modules that write relative to a directory.
  struct Opened {
    Handle handle;
    std::optional<Identity> as;
    bool is_behind_link = false;
  };
  [[nodiscard]] Result<Opened> open_handle(std::string_view path) const;

 protected:
  [[nodiscard]] Result<Opened> open_at_root(std::string_view path, int flags) const;

 private:
  std::string root_;
  Handle root_handle_;
  ReachedAs reached_as_;
};

/// Opens a directory of a server whose files are on this machine. `unsupported` for another's.
[[nodiscard]] Result<LocalFiles::Opened> open_handle(const Files&, std::string_view path);

/// Calls `found` for what is left to read of an open directory, but "." and "..". Not by
/// readdir(3), which asks the kernel four things more and allocates a buffer for each directory.
/// False: errno says why.
bool read_entries(int directory, const Directory::Found& found);

}  // namespace vstate
