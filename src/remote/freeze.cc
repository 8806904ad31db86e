// The bit is taken away by the connection that is open, as long as there is one. For all other ends
// a second process waits: it holds nothing of the first one's but a pipe, and connects by itself.

#include "remote/freeze.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

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

/// The other process.
[[noreturn]] void watch(int pipe, const Connecting& connecting, const std::string& host,
                        const std::string& place) {
  // Whatever is sent to the program, or to all of a session whose connection is gone, is not for
  // this one.
  setsid();
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGQUIT}) std::signal(signal, SIG_IGN);
  dup2(pipe, STDIN_FILENO);
  const Handle nowhere(open("/dev/null", O_RDWR | O_CLOEXEC));
  dup2(nowhere.get(), STDOUT_FILENO);
  // The first one's ssh must see its end.
  close_all_above(STDERR_FILENO);
  char byte = 0;
  ssize_t count = 0;
  while ((count = ::read(STDIN_FILENO, &byte, 1)) < 0 && errno == EINTR) {
  }
  if (count == 1) _exit(0);
  auto channel = SftpChannel::open(connecting, host);
  _exit(channel && lift(**channel, place, place) ? 0 : 1);
}

}  // namespace

RemoteFreeze::~RemoteFreeze() { (void)RemoteFreeze::end(); }

Result<std::unique_ptr<DeliveryFreeze>> RemoteFreeze::begin(const SftpFiles& files,
                                                            const Connecting& connecting,
                                                            const std::string& host,
                                                            const std::string& directory) {
  std::unique_ptr<RemoteFreeze> freeze(new RemoteFreeze(files, directory));
  VSTATE_TRY_ASSIGN(const auto way, files.way_of(directory));
  freeze->place_ = files.there(way.path);
  auto& channel = files.channel();
  VSTATE_TRY_ASSIGN(const auto info, look(channel, freeze->place_, directory));
  if ((info.mode & k_sticky) != 0) return freeze;
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno(directory, "cannot make a pipe");
  const Handle theirs(ends[0]);
  freeze->held_ = Handle(ends[1]);
  const auto pid = fork();
  if (pid < 0) return fail_errno(directory, "cannot start the process that unfreezes it");
  if (pid == 0) watch(theirs.get(), connecting, host, freeze->place_);
  freeze->watcher_ = pid;
  // The watcher is there before the bit is.
  VSTATE_TRY(
      set_mode(channel, freeze->place_, (info.mode & k_permission_bits) | k_sticky, directory));
  return freeze;
}

Status RemoteFreeze::end() {
  if (watcher_ <= 0) return {};
  const auto lifted = lift(files_.channel(), place_, directory_);
  const char done = 1;
  if (lifted) (void)!::write(held_.get(), &done, 1);
  held_.close();
  int status = 0;
  while (waitpid(watcher_, &status, 0) < 0 && errno == EINTR) {
  }
  watcher_ = -1;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return fail(Errc::io,
              fmt::format("{}: the sticky bit could not be taken away on {}, so that mail "
                          "for the domain waits; chmod -t it there",
                          directory_, files_.root()));
}

}  // namespace vstate::remote
