// The old server is read and never written to from here. Each change says so by itself, so that no
// way through the program can forget to ask.

#include "remote/remote_system.h"

#include <fmt/format.h>

namespace vstate::remote {

Result<std::unique_ptr<RemoteSystem>> RemoteSystem::open(const Connecting& connecting,
                                                         const Place& place) {
  VSTATE_TRY_ASSIGN(std::shared_ptr<SftpChannel> channel,
                    SftpChannel::open(connecting, place.host));
  VSTATE_TRY_ASSIGN(auto root, find_root(*channel, place));
  return std::make_unique<RemoteSystem>(std::move(channel), place, std::move(root));
}

tl::unexpected<Error> RemoteSystem::refuse(std::string_view path) const {
  return fail(Errc::unsupported, fmt::format("{}: is on {}, where vstate only reads", path, root()),
              Scope::run);
}

Result<bool> RemoteSystem::make_directory(std::string_view path, Ownership) { return refuse(path); }

Status RemoteSystem::replace_file(std::string_view path, std::string_view, Ownership, Durability,
                                  std::optional<std::chrono::sys_seconds>) {
  return refuse(path);
}

Status RemoteSystem::replace_link(std::string_view path, std::string_view, Ownership) {
  return refuse(path);
}

Status RemoteSystem::rename(std::string_view from, std::string_view) { return refuse(from); }

Status RemoteSystem::remove_file(std::string_view path) { return refuse(path); }

Status RemoteSystem::remove_directory(std::string_view path) { return refuse(path); }

Status RemoteSystem::remove_tree(std::string_view path) { return refuse(path); }

Status RemoteSystem::set_owner(std::string_view path, std::uint32_t, std::uint32_t) {
  return refuse(path);
}

Status RemoteSystem::own_tree(std::string_view path, std::uint32_t, std::uint32_t) {
  return refuse(path);
}

Status RemoteSystem::set_mode(std::string_view path, unsigned) { return refuse(path); }

Result<FileLock> RemoteSystem::lock(std::string_view path, Ownership, int) { return refuse(path); }

Result<FileLock> RemoteSystem::lock_like_ezmlm(std::string_view path, int) { return refuse(path); }

Status RemoteSystem::sync(std::string_view path) { return refuse(path); }

Status RemoteSystem::before_step(std::string_view, std::string_view path) { return refuse(path); }

Error refusal_to_write(const Place& place, std::string_view command) {
  return {
      Errc::unsupported,
      fmt::format("{} writes, and does not work on another machine; log in there and run it, or "
                  "bring the domain here with vstate pull {}",
                  command, place.host),
      Scope::run};
}

}  // namespace vstate::remote
