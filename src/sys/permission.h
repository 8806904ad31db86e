/// \file
/// Whether a program of the mail server may do something with a path, by the permission bits of
/// the path and of each directory above it. vstate itself runs as root or as somebody else, so the
/// kernel's answer to vstate says nothing of qmail-smtpd, qmail-send, or a domain's owner. Access
/// lists, capabilities, and read-only mounts are not seen.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "sys/files.h"
#include "vstate/base/result.h"

namespace vstate {

/// Who a program is once it has dropped its rights: one user and one group, as qmail's prot_gid
/// and prot_uid leave it, without supplementary groups.
struct Actor {
  std::uint32_t uid = 0, gid = 0;
  std::string name;  ///< for people: "qmaild", "uid 89"
};

/// An account of the server; where it has none of that name, somebody to whom only the bits for
/// others apply.
[[nodiscard]] Result<Actor> actor_of(const Files&, std::string_view account);
/// A user and a group as users/cdb names them.
[[nodiscard]] Actor actor_of(std::uint32_t uid, std::uint32_t gid);

/// What is wanted, to be added up; for a directory k_execute is to enter it.
inline constexpr unsigned k_execute = 1, k_write = 2, k_read = 4;

/// As the kernel decides by the bits: the owner's if the user is the owner, else the group's if the
/// group is, else the others'. User 0 may all, but execute a file that nobody may execute.
[[nodiscard]] bool may(const FileInfo&, const Actor&, unsigned wanted);

/// "is uid 0's, mode 0600": what people need to see to mend it.
[[nodiscard]] std::string to_text(const FileInfo&);

/// Where somebody who looks for a path gets to.
struct Reached {
  enum class State { there, missing, denied };
  State state = State::missing;
  FileInfo info;     ///< of what the path leads to, links followed; only if it is there
  std::string path;  ///< the same place without links, or the part of it that stopped the walk
  std::string why;   ///< for people, unless it is there: "/home/x cannot be entered by uid 89: ..."
  [[nodiscard]] bool is_there() const { return state == State::there; }
};

/// Walks down paths, component by component, and remembers what it has seen: it is for one look at
/// a server that stays as it is meanwhile.
class PathWalker {
 public:
  explicit PathWalker(const Files& system) : system_(system) {}

  /// Follows links, also the last one. A circle of links is `missing`, as open(2) fails for good
  /// with it. What vstate itself cannot look at is an error.
  Result<Reached> walk(const Actor&, std::string_view path);

  /// The same, and whether the place may be used as wanted: `denied` if not.
  Result<Reached> reach(const Actor&, std::string_view path, unsigned wanted);

 private:
  struct Entry {
    bool is_there = false;
    FileInfo info;
    std::string target;  ///< of a link
  };
  Result<const Entry*> look(const std::string& path);

  const Files& system_;
  std::map<std::string, Entry, std::less<>> seen_;
};

/// What a program that opens a file for reading gets.
struct Opened : Reached {
  std::string text;  ///< of a regular file that is there
};
Result<Opened> open_as(const Files&, PathWalker&, const Actor&, std::string_view path);

}  // namespace vstate
