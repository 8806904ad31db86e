// A session is opened by the thread that uses it, so that the ways of all are gone at once.

#include "engine/lanes.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "sys/far_side.h"
#include "sys/process/quiet_thread.h"

namespace vstate::engine {

namespace {

/// Of a server that is far away most of the time is spent on the way.
constexpr unsigned k_lanes_over_long_way = 16;
constexpr unsigned k_lanes_over_short_way = 4;

}  // namespace

unsigned lanes_for(const Session& session, unsigned jobs, std::size_t items) {
  const auto* far = session.system->far_side();
  auto lanes = jobs;
  if (lanes == 0 && far != nullptr)
    lanes = far->has_long_way() ? k_lanes_over_long_way : k_lanes_over_short_way;
  // std::thread::hardware_concurrency may answer 0 for "not known".
  if (lanes == 0) lanes = std::max(1U, std::thread::hardware_concurrency());
  return static_cast<unsigned>(std::min<std::size_t>(lanes, std::max<std::size_t>(items, 1)));
}

struct Lanes::Shared {
  Work work;
  std::size_t items = 0;
  std::atomic<std::size_t> next = 0;
  std::atomic<bool> is_over = false;
  std::vector<Session> sessions;
  std::vector<std::thread> threads;

  bool knows_ledger = false;

  Status open(Session& session) const {
    VSTATE_TRY(open_tables(session));
    return knows_ledger ? look_at_ledger(session) : Status();
  }
  void run(Session& session) {
    const auto opened = open(session);
    const auto ready = opened ? Result<Session*>(&session)
                              : Result<Session*>(tl::unexpected<Error>(opened.error()));
    while (!is_over) {
      const auto item = next++;
      if (item >= items) return;
      work(ready, item);
    }
  }
};

Lanes::Lanes(const Session& server, unsigned count, std::size_t items, Work work)
    : shared_(std::make_unique<Shared>()) {
  shared_->work = std::move(work);
  shared_->items = items;
  shared_->knows_ledger = server.memory.has_value() || !server.memory_problem.empty();
  // They stay where they are from now on.
  for (unsigned i = 0; i < count; ++i) shared_->sessions.push_back(beside(server));
  for (auto& session : shared_->sessions)
    shared_->threads.push_back(start_quiet_thread([this, &session] { shared_->run(session); }));
}

bool Lanes::are_there() const {
  return std::any_of(shared_->threads.begin(), shared_->threads.end(),
                     [](const std::thread& thread) { return thread.joinable(); });
}

Lanes::~Lanes() {
  shared_->is_over = true;
  for (auto& thread : shared_->threads)
    if (thread.joinable()) thread.join();
}

}  // namespace vstate::engine
