/// \file
/// The line that begins each message of an mbox: "From joe@example.org Wed Mar  3 09:20:30 2021".
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "mbox/time_zone.h"

namespace vstate::mbox {

struct FromLine {
  std::string_view sender;  ///< of the envelope; refers to the line; may be empty
  std::chrono::local_seconds shown{};
  /// What the line says of its zone as a number; without, it is the writer's.
  std::optional<std::chrono::seconds> offset;

  [[nodiscard]] std::chrono::sys_seconds date(const TimeZone& zone) const {
    return offset ? std::chrono::sys_seconds(shown.time_since_epoch() - *offset)
                  : zone.to_utc(shown);
  }
};

/// `line` is without its end. nullopt for a line without "From " in front or without a date, in any
/// form that programs have written: with and without seconds, with a zone in front of the year or
/// behind it, as in a header, with "remote from HOST" at the end, with blanks in the sender.
[[nodiscard]] std::optional<FromLine> parse_from_line(std::string_view line);

}  // namespace vstate::mbox
