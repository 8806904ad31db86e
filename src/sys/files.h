/// \file
/// What can be asked of a server's file system. Whoever only looks (inspection, walks, routes)
/// takes a `Files` and can change nothing, whatever it is called with.
///
/// Every path is absolute as the server's own programs see it; a root is put in front, and symbolic
/// links inside it resolve inside it, so that a copied server cannot lead out to the machine that
/// vstate runs on.
///
/// A link is followed as whoever made it: what is behind one that root made is reached with root's
/// rights, what is behind anybody else's with theirs alone. A mailbox's owner gains nothing by a
/// link, also when it appears while vstate works. A path that somebody else wrote down, such as a
/// home in vpasswd, is no better than a link of theirs: `reach_as` says whose it is.
///
/// Only ENOENT and ENOTDIR mean that something is not there (`not_found`). A file that may not be
/// looked at, a dying disk, or a process without handles left are errors, never an absence.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sys/process/identity.h"
#include "vstate/base/result.h"

namespace vstate {

struct FileInfo {
  enum class Type { regular, directory, link, socket, fifo, other };
  Type type = Type::other;
  std::uint64_t size = 0;
  std::uint32_t uid = 0, gid = 0;
  unsigned mode = 0;  ///< permission bits, set-id and sticky included
  std::chrono::sys_seconds mtime{};
  std::int64_t modified = 0;  ///< the same time in nanoseconds
  std::int64_t changed = 0;   ///< ctime in nanoseconds
  std::uint64_t device = 0, inode = 0;
  bool is_behind_link = false;  ///< asked with links followed, and there was one on the way
  [[nodiscard]] bool is_directory() const { return type == Type::directory; }
  [[nodiscard]] bool is_regular() const { return type == Type::regular; }
  [[nodiscard]] bool is_link() const { return type == Type::link; }
  /// Two names of one place: its device and inode are the same, however it is spelt.
  [[nodiscard]] bool is_same_place(const FileInfo& other) const {
    return device == other.device && inode == other.inode;
  }
};

struct DirEntry {
  std::string name;
  FileInfo::Type type = FileInfo::Type::other;
};

/// A system account (from etc/passwd of the root, or the name service when the root is "/").
struct SystemAccount {
  std::uint32_t uid = 0, gid = 0;
  std::string home;
};

/// An open regular file, read once from its start.
class OpenFile {
 public:
  virtual ~OpenFile() = default;
  /// As it was when it was opened.
  [[nodiscard]] virtual Result<FileInfo> info() const = 0;
  /// Reads some bytes and returns how many; 0 at the end.
  [[nodiscard]] virtual Result<std::size_t> read(std::span<char> into) = 0;
  /// Its descriptor, for copies that the kernel makes; -1 for a file of another machine.
  [[nodiscard]] virtual int descriptor() const { return -1; }
};

/// A directory that is looked at through one handle, where asking for path after path would walk
/// down to it each time. Its entries are not followed, and are reached with the rights with which
/// the directory was reached.
class Directory {
 public:
  using Found = std::function<void(const char* name, FileInfo::Type)>;
  virtual ~Directory() = default;
  /// Its own path, for messages.
  [[nodiscard]] virtual const std::string& path() const = 0;
  [[nodiscard]] virtual Result<FileInfo> info() const = 0;
  /// Its descriptor, for who changes what is in it; -1 for a directory of another machine.
  [[nodiscard]] virtual int descriptor() const { return -1; }
  /// Returns nullopt for an entry that is not there.
  [[nodiscard]] virtual Result<std::optional<FileInfo>> look(const std::string& name) const = 0;
  /// Returns null for an entry that is not there, or is no directory.
  [[nodiscard]] virtual Result<std::shared_ptr<const Directory>> open(
      const std::string& name) const = 0;
  /// Opens a regular file for reading; null for an entry that is not there. Anything else that
  /// stands there is opened without waiting for it, and says in its `info` what it is.
  [[nodiscard]] virtual Result<std::unique_ptr<OpenFile>> open_file(
      const std::string& name) const = 0;
  /// What a link says; nullopt if nothing is there.
  [[nodiscard]] virtual Result<std::optional<std::string>> link_target(
      const std::string& name) const = 0;
  /// Calls `found` for each name but "." and "..", in the order of the file system, from its start.
  [[nodiscard]] virtual Status read_names(const Found& found) const = 0;
  /// Sorted by name.
  [[nodiscard]] Result<std::vector<DirEntry>> list() const;
  /// False: it is shown by something else than a file system, which knows whether it changes.
  [[nodiscard]] virtual bool is_on_disk() const { return true; }
  // What is far away is asked for ahead (see sys/far_side.h).

  /// Whether it is worth the trouble to tell.
  [[nodiscard]] virtual bool is_far_away() const { return false; }
  /// Says which files will be opened, in their order, behind those that it was told before.
  virtual void expect_files(const std::vector<std::string>& names) const { (void)names; }
  /// Says which directories will be listed next, in their order.
  virtual void expect_listings(const std::vector<std::string>& names) const { (void)names; }
};

class LocalFiles;

/// Places that are reached with somebody's rights alone (Files::reach_as). There are few of them,
/// all spelt as the caller spells the paths below them.
class ReachedAs {
 public:
  void add(std::string place, Identity as) { places_.insert_or_assign(std::move(place), as); }
  [[nodiscard]] std::optional<Identity> find(std::string_view path) const;

 private:
  std::map<std::string, Identity, std::less<>> places_;
};

class FarSide;

class Files {
 public:
  virtual ~Files() = default;
  Files() = default;
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;

  /// Where it is, for people: "/", or what --root says.
  [[nodiscard]] virtual const std::string& root() const = 0;

  // A missing file is `not_found`; links are followed unless a comment says otherwise.

  /// At most `limit` bytes; a larger file is `unsupported`.
  [[nodiscard]] virtual Result<std::string> read(std::string_view path,
                                                 std::size_t limit = k_largest) const = 0;
  /// Does not follow the last component.
  [[nodiscard]] virtual Result<FileInfo> info(std::string_view path) const = 0;
  [[nodiscard]] virtual Result<FileInfo> info_followed(std::string_view path) const = 0;
  [[nodiscard]] virtual Result<std::shared_ptr<const Directory>> open_directory(
      std::string_view path) const = 0;
  [[nodiscard]] virtual Result<std::string> link_target(std::string_view path) const = 0;
  /// Where a path leads: absolute below the root, without links, "//", "." and "..". What does not
  /// exist at its end is kept as it is spelt.
  struct Way {
    std::string path;
    std::optional<Identity> made_by;  ///< the first link on the way that root did not make
  };
  [[nodiscard]] virtual Result<Way> way_of(std::string_view path) const = 0;
  /// What the file system of `path`, or of what is above it, has left for who is not root.
  struct FreeSpace {
    std::uint64_t bytes = 0;
    std::optional<std::uint64_t> inodes;  ///< nullopt: it makes them as they are needed
  };
  [[nodiscard]] virtual Result<FreeSpace> free_space(std::string_view path) const = 0;
  [[nodiscard]] virtual Result<std::optional<SystemAccount>> account(
      std::string_view name) const = 0;

  /// From now on a path that is spelt as `path` or below it is reached with the rights of `as`
  /// alone, for reading and for changing. Not while other threads use this object.
  virtual void reach_as(std::string path, Identity as) = 0;
  /// Whether it is so reached: what is denied there is denied to them, and not to vstate.
  [[nodiscard]] virtual bool is_reached_as_another(std::string_view path) const = 0;

  /// What tells a server that is far away what is wanted next (sys/far_side.h); null: it is at
  /// hand.
  [[nodiscard]] virtual const FarSide* far_side() const { return nullptr; }
  /// Looks at many places at once as they are now, each followed; nullopt for what is not there.
  [[nodiscard]] virtual Result<std::vector<std::optional<FileInfo>>> look_again(
      const std::vector<std::string>& paths) const;
  /// Forgets what was kept of earlier answers: what is asked from now on is as it is now.
  virtual void forget() const {}
  /// The same server as files of this machine; null if they are on another one.
  [[nodiscard]] virtual const LocalFiles* local() const { return nullptr; }

  // The same questions, as they are mostly asked.

  /// Returns nullopt for what is not there; other failures stay errors.
  [[nodiscard]] Result<std::optional<std::string>> read_if_there(std::string_view path) const;
  [[nodiscard]] Result<std::optional<FileInfo>> look(std::string_view path) const;
  [[nodiscard]] Result<std::optional<FileInfo>> look_followed(std::string_view path) const;
  [[nodiscard]] Result<bool> exists(std::string_view path) const;  ///< follows links
  /// Sorted by name, without "." and "..".
  [[nodiscard]] Result<std::vector<DirEntry>> list(std::string_view path) const;

  static constexpr std::size_t k_largest = std::size_t{1} << 30;
};

/// The rest of a file. As it comes: what another machine says of its size is no reason to take so
/// much memory.
[[nodiscard]] Result<std::string> read_all(OpenFile&);
/// Whether it is all of the machine that vstate runs on.
[[nodiscard]] inline bool is_whole_machine(const Files& files) { return files.root() == "/"; }
[[nodiscard]] Result<bool> is_executable(const Files&, std::string_view path);
/// Where a path leads (Files::Way::path).
[[nodiscard]] Result<std::string> resolve(const Files&, std::string_view path);

/// The account of that name in the text of an etc/passwd.
[[nodiscard]] std::optional<SystemAccount> find_in_passwd(std::string_view text,
                                                          std::string_view name);
/// The same in the server's own etc/passwd.
[[nodiscard]] Result<std::optional<SystemAccount>> find_in_passwd(const Files&,
                                                                  std::string_view name);

}  // namespace vstate
