// Each further connection has a thread, which logs in and then moves what comes, so that no walk
// waits for a log-in, and none for a connection that another one has in hand.

#include "remote/sftp/channels.h"

#include <atomic>
#include <thread>

#include "sys/process/quiet_thread.h"

namespace vstate::remote {

namespace {

/// Below it, one connection brings all that two processors can take.
constexpr std::chrono::milliseconds k_long_way(10);
/// What is worth a log-in.
constexpr std::size_t k_many_files = 3000;
constexpr std::uint64_t k_many_bytes = std::uint64_t{16} << 20;

}  // namespace

class Channels::Further {
 public:
  explicit Further(std::unique_ptr<SftpChannel> channel)
      : channel_(std::move(channel)), thread_(start_quiet_thread([this] { run(); })) {}
  ~Further() {
    channel_->cut();
    if (thread_.joinable()) thread_.join();
  }
  Further(const Further&) = delete;
  Further& operator=(const Further&) = delete;

  [[nodiscard]] bool is_ready() const { return is_ready_; }
  [[nodiscard]] SftpChannel& channel() const { return *channel_; }

 private:
  void run() {
    if (!channel_->begin()) return;
    is_ready_ = true;
    // Until it is cut, or ends by itself.
    (void)channel_->wait([] { return false; });
    is_ready_ = false;
  }

  std::unique_ptr<SftpChannel> channel_;
  std::atomic<bool> is_ready_ = false;
  std::thread thread_;
};

Channels::Channels(std::shared_ptr<SftpChannel> first) : first_(std::move(first)) {
  if (first_->connecting().brings_much && has_long_way()) open_further();
}
Channels::~Channels() = default;

SftpChannel& Channels::for_file() const {
  const std::lock_guard lock(mutex_);
  auto* best = first_.get();
  for (const auto& further : further_)
    if (further->is_ready() && further->channel().open_files() < best->open_files())
      best = &further->channel();
  return *best;
}

bool Channels::has_long_way() const { return first_->round_trip() >= k_long_way; }

void Channels::expect(std::size_t files, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  files_ += files;
  bytes_ += bytes;
  if (further_.empty() && (files_ >= k_many_files || bytes_ >= k_many_bytes) && has_long_way())
    open_further();
}

void Channels::open_further() {
  // What else --rsh runs may ask for a password.
  if (!is_ssh(first_->connecting())) return;
  for (unsigned i = 1; i < first_->connecting().connections; ++i)
    further_.push_back(std::make_unique<Further>(first_->another()));
}

}  // namespace vstate::remote
