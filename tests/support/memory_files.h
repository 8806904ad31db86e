/// \file
/// A server's files wholly in memory, with faults where a test plants them. It answers as
/// `LocalFiles` run by root does (tests/unit/sys/memory_files_test.cc compares the two), whoever
/// runs the test: links lead only inside, one that root has not made is followed with its maker's
/// rights, and `reach_as` gives a path to somebody. Nothing has two names.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "sys/files.h"
#include "sys/process/identity.h"

namespace vstate::test {

/// What of a path fails.
enum class Fault {
  /// All that can be asked of it, and of what is below; its name stands in the listing. With ENOENT
  /// it is what went away since it was listed.
  look,
  open,  ///< to read, list, or enter it; what it is can be asked
  read,  ///< it can be opened, and then its bytes or its names cannot be read
};

class MemoryFiles final : public Files {
 public:
  MemoryFiles();

  // What is made belongs to root, and directories on the way are made with it. A path that is there
  // already is replaced, but for a directory, which stays.
  void directory(std::string_view path, unsigned mode = 0755);
  void file(std::string_view path, std::string_view bytes, unsigned mode = 0644);
  void link(std::string_view path, std::string_view target);
  void special(std::string_view path, FileInfo::Type type);
  void remove(std::string_view path);
  /// Gives what is there, and all below it, to somebody.
  void own(std::string_view path, std::uint32_t uid, std::uint32_t gid);
  void set_mode(std::string_view path, unsigned mode);
  void set_time(std::string_view path, std::int64_t seconds);
  /// `number` is errno's.
  void plant(std::string_view path, Fault fault, int number);

  [[nodiscard]] const std::string& root() const override { return root_; }
  [[nodiscard]] Result<std::string> read(std::string_view path,
                                         std::size_t limit = k_largest) const override;
  [[nodiscard]] Result<FileInfo> info(std::string_view path) const override;
  [[nodiscard]] Result<FileInfo> info_followed(std::string_view path) const override;
  [[nodiscard]] Result<std::shared_ptr<const Directory>> open_directory(
      std::string_view path) const override;
  [[nodiscard]] Result<std::string> link_target(std::string_view path) const override;
  [[nodiscard]] Result<Way> way_of(std::string_view path) const override;
  /// There is always room.
  [[nodiscard]] Result<FreeSpace> free_space(std::string_view path) const override;
  [[nodiscard]] Result<std::optional<SystemAccount>> account(std::string_view name) const override;
  void reach_as(std::string path, Identity as) override;
  [[nodiscard]] bool is_reached_as_another(std::string_view path) const override;

  struct Node;

 private:
  class Walk;

  Node& make(std::string_view path, FileInfo::Type type, unsigned mode);
  [[nodiscard]] Node& at(std::string_view path) const;

  std::string root_ = "(memory)";
  std::shared_ptr<Node> top_;
  std::uint64_t inodes_ = 0;
  std::int64_t clock_ = 0;  ///< moves on with each change
  ReachedAs reached_as_;
};

}  // namespace vstate::test
