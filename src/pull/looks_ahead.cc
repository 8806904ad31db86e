#include "pull/looks_ahead.h"

#include <utility>

namespace vstate::engine {

namespace {

/// A domain that was looked at longer ago has likely changed since.
constexpr std::chrono::seconds k_fresh(30);

}  // namespace

struct LooksAhead::Turn {
  enum class Phase { waiting, looked, taken, copied, forgotten, over };

  DomainName name;
  // With the lock held.
  std::shared_ptr<SourceLook> look;  ///< until it is taken: a large domain's is large
  Phase phase = Phase::waiting;
  Status looked = {};
  std::chrono::steady_clock::time_point looked_at = {};
};

LooksAhead::LooksAhead(const Session& source, const DirectoryOptions& options,
                       const Selection& selection, const std::vector<DomainName>& names,
                       unsigned lanes)
    : options_(options), selection_(selection) {
  for (const auto& name : names) {
    turns_.push_back(std::make_unique<Turn>(Turn{.name = name, .look = nullptr}));
    by_name_.emplace(name, turns_.back().get());
  }
  lanes_ = std::make_unique<Lanes>(
      source, lanes, turns_.size(),
      [this](const Result<Session*>& session, std::size_t item) { work(session, *turns_[item]); });
  if (!lanes_->are_there()) by_name_.clear();
}

LooksAhead::~LooksAhead() { stop(); }

void LooksAhead::stop() {
  const std::lock_guard lock(mutex_);
  is_stopped_ = true;
  changed_.notify_all();
}

void LooksAhead::work(const Result<Session*>& session, Turn& turn) {
  using Phase = Turn::Phase;
  {
    const std::lock_guard lock(mutex_);
    if (is_stopped_) return;
  }
  const auto look = std::make_shared<SourceLook>(options_, selection_, turn.name);
  auto looked = session ? look->look(**session) : Status(propagate(session));
  {
    std::unique_lock lock(mutex_);
    turn.look = look;
    turn.looked = std::move(looked);
    turn.phase = Phase::looked;
    turn.looked_at = std::chrono::steady_clock::now();
    changed_.notify_all();
    // What was taken is let go by who has it; what nobody took is not waited for.
    changed_.wait(lock, [&] {
      return turn.phase == Phase::copied || turn.phase == Phase::forgotten ||
             (is_stopped_ && turn.phase == Phase::looked);
    });
    if (turn.phase != Phase::copied) return;
  }
  look->look_again(**session);
  const std::lock_guard lock(mutex_);
  turn.phase = Phase::over;
  changed_.notify_all();
}

bool LooksAhead::has(const DomainName& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = by_name_.find(name);
  return found != by_name_.end() && !is_stopped_ && found->second->phase <= Turn::Phase::looked;
}

Result<std::shared_ptr<SourceLook>> LooksAhead::take(const DomainName& name) {
  std::unique_lock lock(mutex_);
  auto& turn = *by_name_.at(name);
  changed_.wait(lock, [&] { return turn.phase == Turn::Phase::looked; });
  turn.phase = Turn::Phase::taken;
  auto look = std::exchange(turn.look, nullptr);
  const bool is_old = std::chrono::steady_clock::now() - turn.looked_at > k_fresh;
  if (turn.looked && !is_old) return look;
  turn.phase = Turn::Phase::forgotten;
  changed_.notify_all();
  if (is_old) return std::shared_ptr<SourceLook>();
  return tl::unexpected<Error>(turn.looked.error());
}

void LooksAhead::let_go(const DomainName& name, Then then) {
  const std::lock_guard lock(mutex_);
  by_name_.at(name)->phase =
      then == Then::look_again ? Turn::Phase::copied : Turn::Phase::forgotten;
  changed_.notify_all();
}

bool LooksAhead::is_over(const DomainName& name) const {
  const std::lock_guard lock(mutex_);
  const auto phase = by_name_.at(name)->phase;
  return phase == Turn::Phase::over || phase == Turn::Phase::forgotten;
}

void LooksAhead::wait_for(const DomainName& name) const {
  std::unique_lock lock(mutex_);
  const auto& turn = *by_name_.at(name);
  changed_.wait(lock, [&] {
    return turn.phase == Turn::Phase::over || turn.phase == Turn::Phase::forgotten;
  });
}

}  // namespace vstate::engine
