// A long way is gone once for all that is known to be wanted, and a second time for what that made
// known.

#include "remote/sftp/sftp_far_side.h"

#include <utility>

#include <fmt/format.h>

#include "remote/sftp/sftp_files.h"
#include "remote/ssh/tunnel.h"

namespace vstate::remote {

void SftpFarSide::expect_walks(const std::vector<std::string>& directories) const {
  known_.expect(directories);
  std::vector<ListingsAhead::Wanted> wanted;
  for (const auto& path : directories) {
    const auto place = files_.directory_at(path);
    if (!place) continue;
    wanted.push_back({known_.there(*place), path, true});
    // What is known to be below it need not wait until it is listed.
    for (const auto& below : known_.directories_below(*place))
      wanted.push_back({known_.there(below), path + below.substr(place->size()), true});
  }
  listings_ahead_.expect_later(std::move(wanted));
}

/// Most directories are where they are spelt, and are listed while it is looked whether they are.
/// The other side follows a link by its own rules; what it lists then is not asked for.
SftpFarSide::Guesses SftpFarSide::guess_listings(const std::vector<Ahead>& wanted) const {
  constexpr std::size_t most = 32;
  Guesses guesses;
  for (const auto& ahead : wanted)
    for (const auto& path : ahead.directories) {
      if (guesses.size() == most || !path.starts_with('/') || path.find("/..") != path.npos)
        continue;
      if (!known_.may_be_directory(path) || known_.listing(path) != nullptr) continue;
      auto& guess = guesses[path];
      if (guess != nullptr) continue;
      guess = std::make_shared<Listing>(channels_.first(), known_.there(path), path);
      guess->start();
    }
  return guesses;
}

std::shared_ptr<const void> SftpFarSide::gather(const std::vector<Ahead>& wanted) const {
  std::vector<std::string> paths;
  auto guesses = guess_listings(wanted);
  for (const auto& ahead : wanted)
    for (const auto* some : {&ahead.directories, &ahead.places})
      paths.insert(paths.end(), some->begin(), some->end());
  known_.expect(paths);
  std::vector<Snapshot::Start> starts;
  for (const auto& ahead : wanted)
    for (const auto& path : ahead.directories)
      if (auto place = files_.directory_at(path)) {
        const auto guess = guesses.extract(*place);
        starts.push_back(
            {path, *std::move(place), &ahead, guess.empty() ? nullptr : guess.mapped()});
      }
  const auto snapshot = Snapshot::take(channels_.first(), known_, starts);
  known_.add(snapshot);
  return snapshot;
}

std::shared_ptr<const void> SftpFarSide::begin(const std::string& task) const {
  struct Task {
    Tasks& tasks;
    std::shared_ptr<const Snapshot> snapshot;
    explicit Task(Tasks& begun) : tasks(begun) {}
    Task(const Task&) = delete;
    Task& operator=(const Task&) = delete;
    ~Task() { tasks.end(); }
  };
  files_.forget();
  const auto before = tasks_.begin(task);
  auto begun = std::make_shared<Task>(tasks_);
  if (std::exchange(walks_behind_, {}) == task) {
    std::vector<ListingsAhead::Wanted> wanted;
    for (const auto& place : before.walked) wanted.push_back({known_.there(place), place, false});
    listings_ahead_.expect_later(std::move(wanted));
  }
  begun->snapshot = known_.ask_again(before);
  return begun;
}

/// Sockets come first: who may log in from where is mostly said of them, and a server may listen on
/// nothing else. An sshd of before 2014 forwards none, and the port is tried then.
Result<Forwarded> SftpFarSide::forward(const Service& service) const {
  return channels_.tunnels().get(fmt::format("{}:{}", service.host, service.port),
                                 [&] { return open_way_to(service); });
}

Result<Forwarded> SftpFarSide::open_way_to(const Service& service) const {
  auto& channel = channels_.first();
  const auto local = fmt::format(".s.PGSQL.{}", service.port);
  std::vector<Target> targets;
  for (const auto& socket : service.sockets) {
    // A socket is the machine's, also where the server's files are a copy below some directory.
    VSTATE_TRY_ASSIGN(const auto reply,
                      channel.ask(PacketType::lstat, PacketWriter().text(socket).take()));
    if (to_info(PacketReader(reply.fields).attributes(), socket).type == FileInfo::Type::socket &&
        reply.type == PacketType::attributes)
      targets.push_back({socket, local});
  }
  const auto host = service.host.empty() ? std::string("127.0.0.1") : service.host;
  targets.push_back({fmt::format("{}:{}", host, service.port), local});
  return open_tunnel(channel.connecting(), channel.host(), targets);
}

}  // namespace vstate::remote
