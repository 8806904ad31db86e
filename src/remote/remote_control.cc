// Each request waits for its answer: these are few and small files, and what comes next depends on
// how the one before ended.

#include "remote/remote_control.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>

#include "remote/sftp/sftp_reading.h"
#include "remote/ssh/child.h"
#include "sys/path.h"
#include "vstate/base/text.h"

namespace vstate::remote {

namespace {

constexpr const char* k_posix_rename = "posix-rename@openssh.com";
constexpr const char* k_fsync = "fsync@openssh.com";
constexpr std::uint32_t k_owner_follows = 2, k_mode_follows = 4;
constexpr std::size_t k_written_at_once = std::size_t{32} << 10;
/// ps of Linux and of the BSDs; a program may be shown with its path. The log-in shell may be any,
/// so that all of it is one word for `sh`.
constexpr const char* k_hup =
    R"(for p in `ps axo pid,comm | sed -n "s/^ *\([0-9][0-9]*\)  *\(.*\/\)*qmail-send$/\1/p"`; do )"
    R"(kill -HUP $p && echo told; done; echo end)";

/// The old file, while the new one takes its place.
std::string moved_away(std::string_view path) {
  return fmt::format("{}.vstate-old", path_join(path_parent(path), path_name(path)));
}

Status to_status(const Result<Reply>& reply, std::string_view shown, std::string_view what) {
  if (!reply) return propagate(reply);
  const auto status = status_of(*reply);
  if (status && status->code == StatusCode::ok) return {};
  return fail_status(status.value_or(ReplyStatus()), shown, what, Missing::possible);
}

/// A file of the other side that is open for writing.
class Writing {
 public:
  static Result<Writing> begin(SftpChannel& channel, const std::string& place,
                               std::string_view shown) {
    constexpr std::uint32_t for_writing = 2, make = 8, only_new = 0x20, private_mode = 0600;
    VSTATE_TRY_ASSIGN(const auto reply,
                      channel.ask(PacketType::open, PacketWriter()
                                                        .text(place)
                                                        .number(for_writing | make | only_new)
                                                        .number(k_mode_follows)
                                                        .number(private_mode)
                                                        .take()));
    if (const auto status = status_of(reply))
      return fail_status(*status, shown, "cannot create the temporary", Missing::possible);
    auto handle = handle_in(reply);
    if (!handle) return tl::unexpected<Error>(unasked_reply(shown, "cannot create the temporary"));
    return Writing(channel, *std::move(handle), shown);
  }
  Status write(std::string_view bytes) {
    for (std::size_t at = 0; at < bytes.size(); at += k_written_at_once)
      VSTATE_TRY(ask(PacketType::write,
                     start().large(at).text(bytes.substr(at, k_written_at_once)).take(),
                     "cannot write"));
    return {};
  }
  /// Who may not give a file away makes it for themselves, which is right where it is theirs.
  Status own(const Ownership& ownership) {
    VSTATE_TRY_ASSIGN(const auto reply, channel_.ask(PacketType::fstat, start().take()));
    const auto found = attributes_in(reply);
    const auto wanted = std::pair(ownership.uid, ownership.gid);
    if (!found || !found->owner || *found->owner != wanted)
      VSTATE_TRY(
          ask(PacketType::fsetstat,
              start().number(k_owner_follows).number(wanted.first).number(wanted.second).take(),
              "cannot set the owner"));
    return ask(PacketType::fsetstat, start().number(k_mode_follows).number(ownership.mode).take(),
               "cannot set the mode");
  }
  Status sync() {
    if (!channel_.has_extension(k_fsync)) return {};
    return ask(PacketType::extended, PacketWriter().text(k_fsync).text(handle_).take(),
               "cannot write to the disk");
  }
  Status close() { return ask(PacketType::close, start().take(), "cannot close"); }

 private:
  Writing(SftpChannel& channel, std::string handle, std::string_view shown)
      : channel_(channel), handle_(std::move(handle)), shown_(shown) {}
  [[nodiscard]] PacketWriter start() const {
    PacketWriter writer;
    writer.text(handle_);
    return writer;
  }
  Status ask(PacketType type, const std::string& fields, std::string_view what) {
    return to_status(channel_.ask(type, fields), shown_, what);
  }

  SftpChannel& channel_;
  std::string handle_, shown_;
};

Status rename_there(SftpChannel& channel, const std::string& from, const std::string& to,
                    std::string_view shown) {
  return to_status(channel.ask(PacketType::rename, PacketWriter().text(from).text(to).take()),
                   shown, "cannot rename");
}

/// What is not there need not be removed.
Status remove_there(SftpChannel& channel, const std::string& place, std::string_view shown) {
  auto status = to_status(channel.ask(PacketType::remove, PacketWriter().text(place).take()), shown,
                          "cannot remove");
  return !status && status.error().code == Errc::not_found ? Status() : status;
}

}  // namespace

Result<std::unique_ptr<RemoteControl>> RemoteControl::open(const Connecting& connecting,
                                                           const Place& place,
                                                           const StopFlag* stop) {
  VSTATE_TRY_ASSIGN(std::shared_ptr<SftpChannel> channel,
                    SftpChannel::open(connecting, place.host));
  VSTATE_TRY_ASSIGN(auto root, find_root(*channel, place));
  return std::make_unique<RemoteControl>(std::move(channel), place, std::move(root), stop);
}

Status RemoteControl::before_step(std::string_view, std::string_view) {
  if (stop_ == nullptr || !*stop_) return {};
  return fail(Errc::interrupted, "interrupted; what is done is done, run it again for the rest",
              Scope::run);
}

/// The directory is resolved as for reading; its entry may be new.
Result<std::string> RemoteControl::place_of(std::string_view path) const {
  VSTATE_TRY_ASSIGN(const auto way, way_of(path_parent(path)));
  return path_join(known().there(way.path), path_name(path));
}

Status RemoteControl::write(const std::string& place, std::string_view bytes,
                            const Ownership& ownership, std::string_view shown) {
  VSTATE_TRY_ASSIGN(auto file, Writing::begin(channel(), place, shown));
  VSTATE_TRY(file.write(bytes));
  VSTATE_TRY(file.own(ownership));
  VSTATE_TRY(file.sync());
  return file.close();
}

Status RemoteControl::put_over(const std::string& from, const std::string& to,
                               std::string_view shown) {
  if (channel().has_extension(k_posix_rename))
    return to_status(channel().ask(PacketType::extended,
                                   PacketWriter().text(k_posix_rename).text(from).text(to).take()),
                     shown, "cannot rename the temporary");
  const auto away = moved_away(to);
  VSTATE_TRY(remove_there(channel(), away, shown));
  if (auto moved = rename_there(channel(), to, away, shown);
      !moved && moved.error().code != Errc::not_found)
    return moved;
  if (auto placed = rename_there(channel(), from, to, shown); !placed) {
    (void)rename_there(channel(), away, to, shown);
    return placed;
  }
  return remove_there(channel(), away, shown);
}

Status RemoteControl::replace_file(std::string_view path, std::string_view bytes,
                                   Ownership ownership, Durability,
                                   std::optional<std::chrono::sys_seconds>) {
  VSTATE_TRY(before_step("write", path));
  VSTATE_TRY_ASSIGN(const auto place, place_of(path));
  const auto temporary = temporary_of(place);
  // It may be a stopped run's, and whatever it is, it is never written into.
  VSTATE_TRY(remove_there(channel(), temporary, path));
  auto status = write(temporary, bytes, ownership, path);
  if (status) status = put_over(temporary, place, path);
  if (!status) (void)remove_there(channel(), temporary, path);
  forget();
  return status;
}

Status RemoteControl::rename(std::string_view from, std::string_view to) {
  VSTATE_TRY(before_step("rename", to));
  VSTATE_TRY_ASSIGN(const auto source, place_of(from));
  VSTATE_TRY_ASSIGN(const auto target, place_of(to));
  auto status = rename_there(channel(), source, target, to);
  forget();
  return status;
}

Status RemoteControl::remove_file(std::string_view path) {
  VSTATE_TRY(before_step("remove", path));
  VSTATE_TRY_ASSIGN(const auto place, place_of(path));
  auto status = remove_there(channel(), place, path);
  forget();
  return status;
}

Result<FileLock> RemoteControl::lock(std::string_view, Ownership, int) {
  return FileLock(Handle());
}

Status mend_replacement(System& system, std::string_view path) {
  VSTATE_TRY_ASSIGN(const auto found, system.look(path));
  if (found) return {};
  const auto away = moved_away(path);
  VSTATE_TRY_ASSIGN(const auto old, system.look(away));
  return old ? system.rename(away, path) : Status();
}

Result<int> hup_qmail_send_there(const Connecting& connecting, const std::string& host) {
  auto words = words_of_rsh(connecting);
  words.push_back(host);
  words.push_back(fmt::format("{}sh -c '{}'", connecting.with_sudo ? "sudo -n " : "", k_hup));
  VSTATE_TRY_ASSIGN(auto child, Child::start(words));
  child.input.close();
  const auto printed = read_some(child.output.get(), connecting.timeout);
  const int status = child.end(Child::k_grace);
  const auto lines = split_lines(printed);
  if (status != 0 || lines.empty() || lines.back() != "end")
    return fail(Errc::unsupported,
                fmt::format("{}: no command can be run there (status {})", host, status));
  return static_cast<int>(std::count(lines.begin(), lines.end(), "told"));
}

}  // namespace vstate::remote
