/// \file
/// Mail from the files of another server that are on this machine.
#pragma once

#include <memory>

#include "apply/feed.h"
#include "dump/dump.h"
#include "engine/session.h"
#include "inspect/inspect.h"

namespace vstate::engine {

class LocalFeed final : public MailFeed {
 public:
  /// Both must outlive it.
  LocalFeed(const Session& source, const Observation& observation, std::string title);
  ~LocalFeed() override;
  Result<std::optional<Parcel>> next() override;
  [[nodiscard]] bool is_parallel() const override { return true; }
  [[nodiscard]] std::string title() const override { return title_; }
  /// True if something at the source changed while it was copied.
  [[nodiscard]] bool has_changed() const;
  /// What cannot travel.
  [[nodiscard]] std::vector<LeftOut> left_out() const;

 private:
  struct Shared;
  const Session& source_;
  std::vector<BoxSource> boxes_;
  std::string title_;
  std::size_t at_ = 0;
  std::unique_ptr<Shared> shared_;
};

}  // namespace vstate::engine
