// The bit is taken away by the connection that is open, as long as there is one, and for all other
// ends by a watcher with a connection of its own.

#include "remote/freeze.h"

#include <fmt/format.h>

namespace vstate::remote {

namespace {

constexpr unsigned k_permission_bits = 07777;

Result<FileInfo> look(SftpChannel& channel, const std::string& place, std::string_view shown) {
  VSTATE_TRY_ASSIGN(const auto reply,
                    channel.ask(PacketType::lstat, PacketWriter().text(place).take()));
  if (const auto status = status_of(reply))
    return fail_status(*status, shown, "cannot stat", Missing::possible);
  return to_info(PacketReader(reply.fields).attributes(), place);
}

Status set_mode(SftpChannel& channel, const std::string& place, unsigned mode,
                std::string_view shown) {
  constexpr std::uint32_t mode_follows = 4;
  VSTATE_TRY_ASSIGN(
      const auto reply,
      channel.ask(PacketType::setstat,
                  PacketWriter().text(place).number(mode_follows).number(mode).take()));
  const auto status = status_of(reply);
  if (status && status->code == StatusCode::ok) return {};
  return fail_status(status.value_or(ReplyStatus()), shown, "cannot set the mode",
                     Missing::impossible);
}

/// The mode is read again, since somebody may have changed the other bits meanwhile.
Status lift(SftpChannel& channel, const std::string& place, std::string_view shown) {
  VSTATE_TRY_ASSIGN(const auto info, look(channel, place, shown));
  if ((info.mode & k_sticky) == 0) return {};
  return set_mode(channel, place, info.mode & k_permission_bits & ~k_sticky, shown);
}

}  // namespace

RemoteFreeze::~RemoteFreeze() { (void)RemoteFreeze::end(); }

Result<std::unique_ptr<DeliveryFreeze>> RemoteFreeze::begin(const SftpFiles& files,
                                                            const std::string& directory) {
  std::unique_ptr<RemoteFreeze> freeze(new RemoteFreeze(files, directory));
  VSTATE_TRY_ASSIGN(const auto way, files.way_of(directory));
  freeze->place_ = files.known().there(way.path);
  auto& channel = files.channel();
  VSTATE_TRY_ASSIGN(const auto info, look(channel, freeze->place_, directory));
  if ((info.mode & k_sticky) != 0) return freeze;
  constexpr int nothing = -1;
  const auto undo = [&](int) {
    auto anew = SftpChannel::open(channel.connecting(), channel.host());
    return anew && lift(**anew, freeze->place_, directory).has_value();
  };
  VSTATE_TRY_ASSIGN(freeze->watcher_, EndWatcher::start(nothing, undo, directory));
  // The watcher is there before the bit is.
  VSTATE_TRY(
      set_mode(channel, freeze->place_, (info.mode & k_permission_bits) | k_sticky, directory));
  return freeze;
}

Status RemoteFreeze::end() {
  if (!watcher_.is_running()) return {};
  const bool is_lifted = lift(files_.channel(), place_, directory_).has_value();
  if (watcher_.end(is_lifted)) return {};
  return fail(Errc::io,
              fmt::format("{}: the sticky bit could not be taken away on {}, so that mail "
                          "for the domain waits; chmod -t it there",
                          directory_, files_.root()));
}

}  // namespace vstate::remote
