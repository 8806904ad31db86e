/// \file
/// Looks at domains of a source before their turn comes.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/lanes.h"
#include "pull/source_look.h"

namespace vstate::engine {

/// While one domain is built here, others are looked at, and those before it once more. A lane has
/// one domain from its first look until its second one is over.
class LooksAhead {
 public:
  LooksAhead(const Session& source, const DirectoryOptions&, const Selection&,
             const std::vector<DomainName>&, unsigned lanes);
  ~LooksAhead();
  LooksAhead(const LooksAhead&) = delete;
  LooksAhead& operator=(const LooksAhead&) = delete;

  /// Whether the look at this domain is made here, and nobody took it yet.
  [[nodiscard]] bool has(const DomainName&) const;
  /// Waits for it. Domains are taken in the order in which they were given. Null: it was a while
  /// ago, and whoever wants to know how the domain is looks again.
  [[nodiscard]] Result<std::shared_ptr<SourceLook>> take(const DomainName&);
  /// Its mail is here: looks once more, or not at all if nobody wants to know.
  enum class Then { look_again, forget };
  void let_go(const DomainName&, Then);
  [[nodiscard]] bool is_over(const DomainName&) const;
  void wait_for(const DomainName&) const;
  /// No domain is begun any more.
  void stop();

 private:
  struct Turn;
  void work(const Result<Session*>& session, Turn& turn);

  const DirectoryOptions options_;
  const Selection selection_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::vector<std::unique_ptr<Turn>> turns_;
  std::map<DomainName, Turn*> by_name_;
  bool is_stopped_ = false;
  std::unique_ptr<Lanes> lanes_;  ///< the last: its threads use what is above
};

}  // namespace vstate::engine
