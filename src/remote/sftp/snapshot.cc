// Listings and files are begun as they become known, in the handlers, and awaited in the order in
// which they were begun. Bounds keep what is under way below what the other side lets one
// connection have open, and what is kept below what is worth it.

#include "remote/sftp/snapshot.h"

#include <algorithm>
#include <array>
#include <deque>

#include "remote/sftp/known_places.h"
#include "remote/sftp/tasks.h"
#include "sys/path.h"

namespace vstate::remote {

namespace {

/// What of a server is asked for by name (delivery lines, messages of robots, control files) is
/// smaller; larger files come when their turn comes.
constexpr std::uint64_t k_largest_text = 65536;
constexpr std::uint64_t k_most_bytes = std::uint64_t{64} << 20;
/// A tree without an end is no server's, but what another machine may say.
constexpr std::size_t k_most_directories = 1'000'000;
/// PATH_MAX.
constexpr std::size_t k_longest_place = 4096;
constexpr std::size_t k_most_listings_under_way = 128;
constexpr std::size_t k_most_files_under_way = 256;

}  // namespace

class Snapshot::Taking {
 public:
  Taking(SftpChannel& channel, const KnownPlaces& known, Snapshot& out)
      : channel_(channel), known_(known), out_(out) {}

  void run(const std::vector<Start>& starts) {
    for (const auto& start : starts) waiting_.push_back({start, nullptr});
    finish();
  }
  /// Without anything in between.
  void run_again(const Asked& asked);

 private:
  struct Directory {
    Start start;
    std::shared_ptr<Listing> listing;
  };
  struct File {
    std::string path, place;
    FileInfo info;
    std::shared_ptr<Transfer> transfer;
  };

  void finish();
  void begin_more();
  void want(std::string path, std::string place, const FileInfo&);
  void descend(std::string path, std::string place, const Ahead&);
  void on_listed(const Start&, const Listed&);
  /// The one that was begun first. False: there is none.
  bool take_listing();
  bool take_file();
  void keep(std::string place, Transfer&);
  template <class Item>
  std::optional<Item> first_of(std::deque<Item>& begun);

  SftpChannel& channel_;
  const KnownPlaces& known_;
  Snapshot& out_;
  // With the channel's lock held.
  std::deque<Directory> waiting_, listings_;  ///< not begun; begun
  std::deque<File> files_waiting_, transfers_;
  std::uint64_t bytes_ = 0;  ///< of the files that are wanted
  std::uint64_t kept_ = 0;   ///< of those that came; without the lock
  std::set<std::string, std::less<>> descended_;
  std::size_t looks_ = 0;  ///< under way
};

void Snapshot::Taking::finish() {
  begin_more();
  while (take_listing() || take_file() ||
         (looks_ > 0 && channel_.wait([this] { return looks_ == 0 || !transfers_.empty(); })))
    begin_more();
}

void Snapshot::Taking::run_again(const Asked& asked) {
  static const Ahead alone{.directories = {}, .descends = {}, .reads_files = false};
  for (const auto& place : asked.directories) waiting_.push_back({{place, place, &alone}, nullptr});
  for (const auto& place : asked.files) {
    const std::lock_guard lock(channel_.mutex());
    ++looks_;
    // A fifo that somebody has put there would hold the other side up if it were opened.
    channel_.submit(PacketType::lstat, PacketWriter().text(known_.there(place)).take(),
                    [this, place](const Reply& reply) {
                      --looks_;
                      const auto info = look_in(reply, known_.there(place), place);
                      if (info && *info && (*info)->is_regular()) want(place, place, **info);
                      begin_more();
                    });
  }
  finish();
}

/// A small file.
void Snapshot::Taking::want(std::string path, std::string place, const FileInfo& info) {
  if (info.size > k_largest_text || bytes_ + info.size > k_most_bytes) return;
  bytes_ += info.size;
  files_waiting_.push_back({std::move(path), std::move(place), info, nullptr});
}

void Snapshot::Taking::begin_more() {
  const std::lock_guard lock(channel_.mutex());
  while (!waiting_.empty() &&
         listings_.size() < channel_.sharers().part_of(k_most_listings_under_way)) {
    auto next = std::move(waiting_.front());
    // A listing that has ended already comes back here.
    waiting_.pop_front();
    known_.tasks().add_directory(next.start.place);
    if (const auto held = known_.listing(next.start.place)) {
      out_.listings_.emplace(next.start.place, *held);
      on_listed(next.start, *held);
      continue;
    }
    next.listing = std::move(next.start.begun);
    const bool is_begun = next.listing != nullptr;
    if (!is_begun)
      next.listing =
          std::make_shared<Listing>(channel_, known_.there(next.start.place), next.start.path);
    auto ended = [this, start = next.start](const Listed* listed) {
      if (listed == nullptr) return;
      on_listed(start, *listed);
      begin_more();
    };
    listings_.push_back(next);
    is_begun ? next.listing->tell(std::move(ended)) : next.listing->start(std::move(ended));
  }
  for (; !files_waiting_.empty() &&
         transfers_.size() < channel_.sharers().part_of(k_most_files_under_way);
       files_waiting_.pop_front()) {
    auto next = std::move(files_waiting_.front());
    next.transfer =
        std::make_shared<Transfer>(channel_, known_.there(next.place), next.path, next.info);
    next.transfer->start();
    transfers_.push_back(std::move(next));
  }
}

void Snapshot::Taking::descend(std::string path, std::string place, const Ahead& ahead) {
  if (place.size() < k_longest_place && ahead.descends(path) &&
      descended_.size() < k_most_directories && descended_.insert(place).second)
    waiting_.push_back({{std::move(path), std::move(place), &ahead}, nullptr});
}

/// What is in a directory is begun as soon as its names are here.
void Snapshot::Taking::on_listed(const Start& start, const Listed& listed) {
  const auto& ahead = *start.ahead;
  // A guess may have met a link, which leads elsewhere.
  if (!listed.before.is_directory()) return;
  for (const auto& entry : listed.entries) {
    auto below = path_join(start.path, entry.name);
    auto place = path_join(start.place, entry.name);
    if (entry.info.is_directory()) {
      if (!ahead.descends || !ahead.descends(below)) continue;
      if (!ahead.likely.empty() && path_name(below) != ahead.likely)
        descend(path_join(below, ahead.likely), path_join(place, ahead.likely), ahead);
      descend(std::move(below), std::move(place), ahead);
    } else if (entry.info.is_regular() && ahead.reads_files) {
      known_.tasks().add_file(place);
      if (known_.text(place) == nullptr) want(std::move(below), std::move(place), entry.info);
    }
  }
}

template <class Item>
std::optional<Item> Snapshot::Taking::first_of(std::deque<Item>& begun) {
  const std::lock_guard lock(channel_.mutex());
  if (begun.empty()) return std::nullopt;
  auto first = std::move(begun.front());
  begun.pop_front();
  return first;
}

bool Snapshot::Taking::take_listing() {
  auto directory = first_of(listings_);
  if (!directory) return false;
  auto listed = directory->listing->take();
  if (listed && listed->before.is_directory() && listed->before.mtime == listed->after.mtime)
    out_.listings_.emplace(std::move(directory->start.place), *std::move(listed));
  return true;
}

bool Snapshot::Taking::take_file() {
  auto file = first_of(transfers_);
  if (file) keep(std::move(file->place), *file->transfer);
  return file.has_value();
}

void Snapshot::Taking::keep(std::string place, Transfer& transfer) {
  const auto info = transfer.info();
  if (!info || !*info || !(*info)->is_regular() || (*info)->size > k_largest_text) return;
  // What a listing says of its size, by which it was wanted, need not be so.
  if (kept_ + (*info)->size > k_most_bytes) return;
  kept_ += (*info)->size;
  Text text{**info, {}};
  std::array<char, k_largest_text> part;
  while (true) {
    const auto count = transfer.read(part);
    if (!count) return;
    if (*count == 0) break;
    text.bytes.append(part.data(), *count);
  }
  out_.texts_.emplace(std::move(place), std::make_shared<const Text>(std::move(text)));
}

std::shared_ptr<const Snapshot> Snapshot::take(SftpChannel& channel, const KnownPlaces& known,
                                               const std::vector<Start>& starts) {
  auto out = std::make_shared<Snapshot>();
  Taking(channel, known, *out).run(starts);
  return out;
}

std::shared_ptr<const Snapshot> Snapshot::take_again(SftpChannel& channel, const KnownPlaces& known,
                                                     const Asked& asked) {
  auto out = std::make_shared<Snapshot>();
  Taking(channel, known, *out).run_again(asked);
  return out;
}

const Listed* Snapshot::listing(std::string_view place) const {
  const auto found = listings_.find(place);
  return found == listings_.end() ? nullptr : &found->second;
}

std::set<std::string> Snapshot::links() const {
  std::set<std::string> links;
  for (const auto& [place, listed] : listings_)
    for (const auto& entry : listed.entries)
      if (entry.info.is_link()) links.insert(path_join(place, entry.name));
  return links;
}

std::shared_ptr<const Snapshot::Text> Snapshot::text(std::string_view place) const {
  const auto found = texts_.find(place);
  return found == texts_.end() ? nullptr : found->second;
}

std::optional<std::optional<FileInfo>> Snapshot::look(std::string_view place) const {
  if (place == "/") return std::nullopt;
  const auto* above = listing(path_parent(place));
  if (above == nullptr) return std::nullopt;
  const auto* entry = find_entry(above->entries, path_name(place));
  return std::optional(entry != nullptr ? std::optional(entry->info) : std::nullopt);
}

}  // namespace vstate::remote
