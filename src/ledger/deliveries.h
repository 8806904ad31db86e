/// \file
/// How the ledger keeps what is delivered.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "maildir/memory.h"
#include "vstate/base/result.h"

namespace vstate {

class Database;

class Deliveries final : public DeliveryLog {
 public:
  explicit Deliveries(Database& database) : database_(database) {}
  Status record(const std::vector<Record>&) override;
  Status withdraw(const std::vector<Record>&) override;

  /// Held by whoever uses the database while mail is delivered.
  [[nodiscard]] std::mutex& mutex() { return mutex_; }
  /// Tells the announcements of this process from those that a stopped one left.
  Status begin();
  Status settle();

 private:
  /// A write that failed may still have come through; whoever asked for it does not do what it
  /// says.
  Status certain(Status status) {
    is_certain_ = is_certain_ && status.has_value();
    return status;
  }

  Database& database_;
  std::mutex mutex_;
  bool is_certain_ = true;  ///< each announcement was done or withdrawn
  std::int64_t begun_ = 0;  ///< no earlier announcement is as late as this
};

}  // namespace vstate
