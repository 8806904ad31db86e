// A database of the old server mostly listens for its own machine alone. ssh brings a socket of
// this machine there, in a directory that nobody else can enter; it ends with the object, or with
// the program.

#include "remote/ssh/tunnel.h"

#include <sys/stat.h>

#include <memory>

#include <fmt/format.h>

#include "host/temporary_directory.h"
#include "remote/ssh/child.h"
#include "sys/path.h"

namespace vstate::remote {

namespace {

/// Gone in this order: ssh, then where its sockets are.
struct Tunnel {
  std::shared_ptr<const TemporaryDirectory> directory;
  Child child;
};

}  // namespace

Result<Forwarded> open_tunnel(const Connecting& connecting, const std::string& host,
                              const std::vector<Target>& targets) {
  if (!is_ssh(connecting))
    return fail(
        Errc::unsupported,
        fmt::format("{}: its database is reached through ssh, which --rsh is not; forward it "
                    "by hand and name a file with its address by --connection",
                    host),
        Scope::run);
  VSTATE_TRY_ASSIGN(auto directory, TemporaryDirectory::make());
  auto words = words_of_rsh(connecting);
  words.insert(words.end(), {"-N", "-o", "ExitOnForwardFailure=yes"});
  Forwarded out;
  for (const auto& target : targets) {
    // Each in a directory of its own: PostgreSQL's library wants the socket's name to be its own.
    const auto place = path_join(directory->path(), std::to_string(out.sockets.size()));
    if (mkdir(place.c_str(), 0700) != 0) return fail_errno(place, "cannot make the directory");
    out.sockets.push_back(path_join(place, target.local));
    words.insert(words.end(), {"-L", out.sockets.back() + ":" + target.address});
  }
  words.push_back(host);
  VSTATE_TRY_ASSIGN(auto child, Child::start(words));
  // ssh -N reads no input, and has to be told that it is not needed any more.
  child.ends_by_signal = true;
  if (!await_sockets(child, out.sockets, connecting.timeout))
    return fail(Errc::io, fmt::format("{}: ssh forwards no connection to its database", host),
                Scope::run);
  out.kept = std::make_shared<const Tunnel>(Tunnel{std::move(directory), std::move(child)});
  return out;
}

Result<Forwarded> Tunnels::get(const std::string& service, const Open& open) {
  const std::lock_guard lock(mutex_);
  auto& known = known_[service];
  if (auto kept = known.kept.lock()) return Forwarded{known.sockets, std::move(kept)};
  VSTATE_TRY_ASSIGN(auto forwarded, open());
  known = {forwarded.sockets, forwarded.kept};
  return forwarded;
}

}  // namespace vstate::remote
