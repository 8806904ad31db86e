// A server that lies by SFTP. The input tells how it answers each request, in their order: as
// asked, but with any values; with another kind of packet; with any bytes; or not at all.

#include <poll.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <thread>

#include "archive/tar_reader.h"
#include "fuzz.h"
#include "maildir/walk.h"
#include "remote/remote_system.h"
#include "sys/far_side.h"

using namespace vstate;
using remote::PacketType;
using remote::PacketWriter;

namespace {

class LyingServer {
 public:
  explicit LyingServer(std::string_view input) : input_(input) {
    std::array<int, 2> there{}, back{};
    VSTATE_ASSERT(pipe(there.data()) == 0 && pipe(back.data()) == 0);
    requests_ = Handle(there[0]);
    replies_ = Handle(back[1]);
    client_.emplace(Handle(there[1]), Handle(back[0]));
    thread_ = std::thread([this] { run(); });
  }
  ~LyingServer() { thread_.join(); }
  LyingServer(const LyingServer&) = delete;
  LyingServer& operator=(const LyingServer&) = delete;
  [[nodiscard]] remote::Child take_client() { return *std::move(client_); }

 private:
  void run() {
    std::string received;
    bool is_silent = false;
    while (true) {
      while (const auto packet = remote::first_packet(received)) {
        if (!answer(*packet, is_silent)) return close_all();
        received.erase(0, packet->length);
      }
      // Who waits for an answer that does not come is not kept waiting.
      constexpr int moment = 5;
      pollfd ready{requests_.get(), POLLIN, 0};
      std::array<char, 4096> buffer;
      if (poll(&ready, 1, is_silent ? moment : -1) <= 0) return close_all();
      const auto count = ::read(requests_.get(), buffer.data(), buffer.size());
      if (count <= 0) return close_all();
      received.append(buffer.data(), static_cast<std::size_t>(count));
    }
  }
  void close_all() {
    requests_.close();
    replies_.close();
  }

  /// Returns false at the end of the input.
  bool answer(const remote::RawPacket& request, bool& is_silent) {
    enum : unsigned { k_other_kind = 0xf0, k_raw = 0xf8, k_silent = 0xfc };
    if (input_.is_empty()) return false;
    const unsigned how = input_.byte();
    remote::PacketReader reader(request.payload);
    const auto number = reader.number();
    // From then on an answer may be missing.
    if (how >= k_raw) is_silent = true;
    if (how >= k_silent) return true;
    if (how >= k_raw) return send(some_bytes());
    if (request.type == PacketType::init)
      return send(
          remote::to_packet(PacketType::version, PacketWriter().number(3).take() + some_bytes()));
    PacketWriter fields;
    fields.number(number);
    auto type = PacketType::status;
    if (how >= k_other_kind) {
      type = static_cast<PacketType>(input_.byte());
      return send(remote::to_packet(type, fields.take() + some_bytes()));
    }
    type = reply_to(request.type, how, fields);
    return send(remote::to_packet(type, fields.take()));
  }

  PacketType reply_to(PacketType request, unsigned how, PacketWriter& fields) {
    constexpr unsigned refuses = 0xe0;
    const bool is_refused = how >= refuses;
    if (!is_refused) switch (request) {
        case PacketType::open:
        case PacketType::opendir:
          fields.text("h");
          return PacketType::handle;
        case PacketType::lstat:
        case PacketType::fstat:
          attributes(fields);
          return PacketType::attributes;
        case PacketType::read:
          fields.text(some_bytes());
          return PacketType::data;
        case PacketType::readdir:
          return names(how, fields);
        case PacketType::realpath:
        case PacketType::readlink:
          fields.number(1).text(input_.line()).text("").number(0);
          return PacketType::name;
        default:
          break;
      }
    fields.number(how % 16).text("no").text("");
    return PacketType::status;
  }

  PacketType names(unsigned how, PacketWriter& fields) {
    const unsigned count = how % 8;
    if (count == 0) {
      fields.number(1).text("").text("");
      return PacketType::status;
    }
    fields.number(how >= 0x80 ? 0xffffff : count);
    for (unsigned i = 0; i < count; ++i) {
      const std::string name(input_.line());
      fields.text(name).text("-rw-------    1 u g 1 Jan 1 1970 " + name);
      attributes(fields);
    }
    return PacketType::name;
  }

  void attributes(PacketWriter& fields) {
    constexpr std::array<std::uint32_t, 4> types{0100000, 0040000, 0120000, 0010000};
    const unsigned what = input_.byte();
    fields.number(what & 0x0fU);
    if ((what & 1U) != 0) fields.large((what & 0x80U) != 0 ? input_.number() : input_.byte());
    if ((what & 2U) != 0) fields.number(89).number(89);
    if ((what & 4U) != 0) fields.number(types.at(what >> 4U & 3U) | 0700U);
    if ((what & 8U) != 0)
      fields.number(1).number((what & 0x40U) != 0 ? static_cast<std::uint32_t>(input_.number())
                                                  : 1000000000U);
  }

  std::string some_bytes() {
    std::string bytes(input_.byte(), 'x');
    const std::size_t own = std::min<std::size_t>(bytes.size(), 16);
    for (std::size_t i = 0; i < own; ++i) bytes[i] = static_cast<char>(input_.byte());
    return bytes;
  }

  /// All of it: a client always reads.
  bool send(const std::string& bytes) {
    std::string_view left = bytes;
    while (!left.empty()) {
      const auto count = ::write(replies_.get(), left.data(), left.size());
      if (count <= 0) return false;
      left.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }

  fuzz::Input input_;
  Handle requests_, replies_;
  std::optional<remote::Child> client_;
  std::thread thread_;
};

void check_listing(const Files& files, const std::string& path) {
  const auto entries = files.list(path);
  if (!entries) return;
  for (const auto& entry : *entries) {
    VSTATE_ASSERT(!entry.name.empty() && entry.name != "." && entry.name != "..");
    VSTATE_ASSERT(entry.name.find_first_of(std::string_view("/\0", 2)) == std::string::npos);
  }
}

void look_around(const Files& files) {
  (void)files.info("/etc");
  (void)files.read("/etc/passwd", std::size_t{1} << 20U);
  (void)files.way_of("/srv/link/x");
  check_listing(files, "/srv");
  {
    const auto gathered = gather(
        files, {{.directories = {"/srv/mail"}, .descends = [](std::string_view) { return true; }}});
    check_listing(files, "/srv/mail");
    (void)files.read_if_there("/srv/mail/.qmail");
  }
  TreeCount count;
  (void)walk_tree(files, {"/srv/mail/alice"}, count, [](TreeEntry& entry) -> Result<bool> {
    VSTATE_ASSERT(mail::checked_path(entry.path) == entry.path);
    if (entry.file) (void)read_all(*entry.file);
    return true;
  });
  (void)files.look_again({"/etc", "/srv"});
}

}  // namespace

VSTATE_FUZZ_TARGET(sftp_session) {
  // What was closed at the other end is an error of a write, as in the program.
  static const auto ignored [[maybe_unused]] = std::signal(SIGPIPE, SIG_IGN);
  LyingServer server(bytes);
  remote::Connecting connecting;
  connecting.timeout = std::chrono::seconds(10);
  auto channel = remote::SftpChannel::over(server.take_client(), connecting, "old.example");
  if (!channel) return;
  const std::shared_ptr<remote::SftpChannel> shared = *std::move(channel);
  const remote::Place place{"old.example", "/srv"};
  const auto root = remote::find_root(*shared, place);
  if (!root) return;
  const remote::RemoteSystem files(shared, place, *root);
  look_around(files);
}
