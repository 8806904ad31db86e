// The kernel's rules for permission bits, repeated for somebody who is not asking: the plan must
// say whether qmail-smtpd may read rcpthosts, and vstate, run as root, may read all. The walk goes
// component by component because each directory on the way and each link behind it decides too.

#include "sys/permission.h"

#include <fmt/format.h>

#include "sys/path.h"

namespace vstate {

namespace {

/// Nobody's number: it is -1, which no account can have.
constexpr std::uint32_t k_nobody = 0xFFFFFFFF;

/// What file systems hold (NAME_MAX): nothing of a longer name can be there.
constexpr std::size_t k_longest_name = 255;

/// A walk that ends before its place, with the reason for people.
Reached stopped(Reached::State state, std::string path, std::string why) {
  return {state, {}, std::move(path), std::move(why)};
}

/// Of several rights that are wanted, the strongest one names what was refused.
std::string verb(unsigned wanted, bool is_directory) {
  if ((wanted & k_write) != 0) return "written to";
  if ((wanted & k_read) != 0) return "read";
  return is_directory ? "entered" : "executed";
}

Reached refused(const FileInfo& info, const std::string& path, const Actor& who, unsigned wanted) {
  return stopped(Reached::State::denied, path,
                 fmt::format("{} cannot be {} by {}: it {}", path,
                             verb(wanted, info.is_directory()), who.name, to_text(info)));
}

}  // namespace

Result<Actor> actor_of(const Files& system, std::string_view account) {
  VSTATE_TRY_ASSIGN(const auto found, system.account(account));
  // An account that the server lacks cannot run anything, so what others may do is the most that
  // could be claimed for it.
  if (!found) return Actor{k_nobody, k_nobody, std::string(account)};
  return Actor{found->uid, found->gid, std::string(account)};
}

Actor actor_of(std::uint32_t uid, std::uint32_t gid) {
  return {uid, gid, fmt::format("uid {}", uid)};
}

bool may(const FileInfo& info, const Actor& who, unsigned wanted) {
  if (who.uid == 0)
    return (wanted & k_execute) == 0 || info.is_directory() || (info.mode & 0111U) != 0;
  // The first class that fits decides alone: an owner whom the file's bits shut out gets nothing
  // from those for the group or for others.
  unsigned bits = info.mode;
  if (info.uid == who.uid)
    bits >>= 6;
  else if (info.gid == who.gid)
    bits >>= 3;
  return (bits & wanted) == wanted;
}

std::string to_text(const FileInfo& info) {
  return fmt::format("belongs to {}:{} with mode {:04o}", info.uid, info.gid, info.mode);
}

// The same directories stand above every home of a domain; each is asked about once. What is not
// there is remembered as well.
Result<const PathWalker::Entry*> PathWalker::look(const std::string& path) {
  const auto known = seen_.find(path);
  if (known != seen_.end()) return &known->second;
  Entry entry;
  const auto info = system_.info(path);
  if (info) {
    entry.is_there = true;
    entry.info = *info;
    if (info->type == FileInfo::Type::link) {
      VSTATE_TRY_ASSIGN(entry.target, system_.link_target(path));
    }
  } else if (info.error().code != Errc::not_found) {
    return propagate(info);
  }
  return &seen_.emplace(path, std::move(entry)).first->second;
}

namespace {

bool may_enter(const Files& system, const std::string& path, const FileInfo& info,
               const Actor& who) {
  // The mode of the directory that a server was copied into is not the server's.
  const bool is_copys_own = path == "/" && !is_whole_machine(system);
  return is_copys_own || may(info, who, k_execute);
}

}  // namespace

Result<Reached> PathWalker::walk(const Actor& who, std::string_view path) {
  Components todo(path);
  std::string at = "/";
  VSTATE_TRY_ASSIGN(const auto* entry, look(at));
  int links = 0;
  while (!todo.is_empty()) {
    const auto name = todo.pop();
    // A path that goes on behind a file is as absent to open(2), with ENOTDIR, as one that does not
    // exist.
    if (!entry->info.is_directory())
      return stopped(Reached::State::missing, at, fmt::format("{} is not a directory", at));
    if (!may_enter(system_, at, entry->info, who)) return refused(entry->info, at, who, k_execute);
    if (name.size() > k_longest_name)
      return stopped(Reached::State::missing, at, fmt::format("{}: a name is too long", path));
    const auto next = name == ".." ? std::string(path_parent(at)) : path_join(at, name);
    // Entries stay where they are in the map when others are added, so a pointer to one may be kept
    // along the walk.
    VSTATE_TRY_ASSIGN(const auto* found, look(next));
    if (!found->is_there)
      return stopped(Reached::State::missing, next, fmt::format("{} does not exist", next));
    if (found->info.type == FileInfo::Type::link) {
      if (++links > k_most_links)
        return stopped(Reached::State::missing, next,
                       fmt::format("{} is a link in a circle of links", next));
      // What is left of the path stays below the link's target in the list. A relative target
      // starts in the directory that holds the link, which is where the walk stands.
      todo.push(found->target);
      if (!found->target.starts_with('/')) continue;
      at = "/";
      VSTATE_TRY_ASSIGN(entry, look(at));
      continue;
    }
    at = next;
    entry = found;
  }
  return Reached{Reached::State::there, entry->info, at, {}};
}

Result<Reached> PathWalker::reach(const Actor& who, std::string_view path, unsigned wanted) {
  VSTATE_TRY_ASSIGN(auto reached, walk(who, path));
  if (reached.is_there() && !may(reached.info, who, wanted))
    return refused(reached.info, reached.path, who, wanted);
  return reached;
}

Result<Opened> open_as(const Files& system, PathWalker& walker, const Actor& who,
                       std::string_view path) {
  VSTATE_TRY_ASSIGN(auto reached, walker.reach(who, path, k_read));
  Opened opened{std::move(reached), {}};
  // Only a regular file has a text; for the rest the caller judges by what is there.
  if (!opened.is_there() || !opened.info.is_regular()) return opened;
  VSTATE_TRY_ASSIGN(opened.text, system.read(opened.path));
  return opened;
}

}  // namespace vstate
