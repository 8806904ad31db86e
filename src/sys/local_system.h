/// \file
/// Changing a server of this machine: the files below a root.
///
/// What is done behind a link is done with the rights of whoever made it, as it is reached.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sys/local_files.h"
#include "sys/system.h"

namespace vstate {

class LocalSystem : public LocalFiles, public System {
 public:
  /// Sets the process's umask to 0: all modes here are exact.
  explicit LocalSystem(std::string root = "/");

  Result<bool> make_directory(std::string_view path, Ownership) override;
  Status replace_file(std::string_view path, std::string_view bytes, Ownership, Durability,
                      std::optional<std::chrono::sys_seconds> mtime = {}) override;
  Result<std::vector<Status>> replace_files(const std::vector<NewFile>&) override;
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

 private:
  struct Parent {
    Handle directory;
    std::string name;
    std::optional<Identity> as;
  };
  class Prepared;
  Status replace_some(const std::vector<NewFile>&, std::vector<Status>&);
  using Remover = Status (*)(int directory, const char* name, std::string_view shown);
  Status remove_with(std::string_view what, std::string_view path, Remover);
  [[nodiscard]] Result<Parent> open_parent(std::string_view path) const;
};

/// A system on which nothing can be changed: what plans and verifications run on.
class ReadOnlySystem : public LocalSystem {
 public:
  using LocalSystem::LocalSystem;
  Status before_step(std::string_view what, std::string_view path) override;
};

}  // namespace vstate
