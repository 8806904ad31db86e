/// \file
/// The same work for many domains of one server that is only read, several of them at a time.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "engine/session.h"

namespace vstate::engine {

/// How many at a time are worth it: `jobs`, or where nobody said it (0) what the way to the server
/// asks for, and not more than there are `items`. 1: one after the other.
[[nodiscard]] unsigned lanes_for(const Session&, unsigned jobs, std::size_t items);

/// Threads that work on items side by side, each with a session of its own. Items are begun in
/// their order.
class Lanes {
 public:
  /// Is called in the threads, once for each item that is begun, and must not throw. A session that
  /// could not be opened is an error of each item that it would have served.
  using Work = std::function<void(const Result<Session*>&, std::size_t item)>;
  /// `count` sessions beside `server`, which need not outlive them.
  Lanes(const Session& server, unsigned count, std::size_t items, Work);
  /// Begins no further item, and waits for those that are begun.
  ~Lanes();
  Lanes(const Lanes&) = delete;
  Lanes& operator=(const Lanes&) = delete;
  /// False if there is no thread to be had: nothing is done then.
  [[nodiscard]] bool are_there() const;

 private:
  struct Shared;
  std::unique_ptr<Shared> shared_;
};

/// What is made of each item, taken in the order of the items whatever the order in which they are
/// done. None is begun long before its turn: what is made and not taken holds memory, and locks.
template <class Made>
class InOrder {
 public:
  using Make = std::function<Made(const Result<Session*>&, std::size_t item)>;
  /// With one lane each is made by `session` itself when it is asked for.
  InOrder(Session& session, unsigned lanes, std::size_t items, Make make)
      : session_(session), make_(std::move(make)), most_ahead_(2 * std::size_t{lanes}) {
    if (lanes < 2) return;
    made_.resize(items);
    lanes_ = std::make_unique<Lanes>(
        session, lanes, items,
        [this](const Result<Session*>& lane, std::size_t item) { work(lane, item); });
    if (!lanes_->are_there()) lanes_.reset();
  }
  ~InOrder() {
    const std::lock_guard lock(mutex_);
    is_over_ = true;
    changed_.notify_all();
  }
  InOrder(const InOrder&) = delete;
  InOrder& operator=(const InOrder&) = delete;

  /// Waits for the next one. There must be one.
  [[nodiscard]] Made next() {
    const auto item = taken_;
    if (lanes_ == nullptr) {
      ++taken_;
      return make_(&session_, item);
    }
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return made_[item].has_value(); });
    auto made = *std::exchange(made_[item], std::nullopt);
    ++taken_;
    changed_.notify_all();
    return made;
  }

 private:
  void work(const Result<Session*>& lane, std::size_t item) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return item < taken_ + most_ahead_ || is_over_; });
      if (is_over_) return;
    }
    auto made = make_(lane, item);
    const std::lock_guard lock(mutex_);
    made_[item] = std::move(made);
    changed_.notify_all();
  }

  Session& session_;
  const Make make_;
  const std::size_t most_ahead_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::optional<Made>> made_;  ///< and not taken
  std::size_t taken_ = 0;
  bool is_over_ = false;
  std::unique_ptr<Lanes> lanes_;  ///< the last: its threads use what is above
};

}  // namespace vstate::engine
