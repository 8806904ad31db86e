/// \file
/// The time zone of a server, which its mboxes tell their dates in: etc/localtime below its root
/// (tzfile(5)), and not that of the machine that vstate runs on.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "vstate/base/result.h"

namespace vstate::mbox {

class TimeZone {
 public:
  /// UTC.
  TimeZone() = default;
  /// Fails with `invalid` if it is no such file.
  [[nodiscard]] static Result<TimeZone> parse(std::string_view bytes);

  /// What local clocks were ahead of UTC at that instant.
  [[nodiscard]] std::chrono::seconds offset_at(std::chrono::sys_seconds) const;
  /// The instant at which local clocks showed that. Of two the first, as at the end of summer time.
  [[nodiscard]] std::chrono::sys_seconds to_utc(std::chrono::local_seconds) const;

 private:
  struct Change {
    std::int64_t at;
    std::int32_t offset;
  };
  /// A day and time of each year: "M3.5.0/2".
  struct YearlyRule {
    unsigned month = 1, week = 1, weekday = 0;
    std::int32_t second = 0;
    [[nodiscard]] std::chrono::local_seconds in(std::chrono::year) const;
  };
  /// What is true after the last change that is listed.
  struct Later {
    std::int32_t standard = 0;
    std::optional<std::int32_t> summer;
    YearlyRule begin, end;
  };
  class RuleReader;
  [[nodiscard]] std::chrono::seconds offset_later(std::chrono::sys_seconds) const;

  std::vector<Change> changes_;
  std::int32_t first_ = 0;  ///< before all changes
  std::optional<Later> later_;
};

}  // namespace vstate::mbox
