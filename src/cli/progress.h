/// \file
/// How far a run is, as one line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "view/ruler.h"

namespace vstate::cli {

struct Progress {
  std::string at;  ///< what is being worked on, for a person: "alice", "list news"; may be empty
  std::size_t others = 0;                       ///< that are worked on at the same time
  std::uint64_t messages = 0, bytes = 0;        ///< written so far
  std::uint64_t messages_of = 0, bytes_of = 0;  ///< to be written; 0: not known
  std::uint64_t steps = 0, steps_of = 0;        ///< done, and of how many; told if no more is known
  std::string step_noun;                        ///< "mailboxes", "changes"
  double seconds = 0;                           ///< since the first of it was begun
};

/// From 0 to 100: of the bytes if they are known, else of the messages, else of the steps; -1 if
/// nothing is known.
[[nodiscard]] int percent_of(const Progress&);
/// Of what percent_of() counts, at the rate until now; -1 if that cannot be told.
[[nodiscard]] double seconds_left(const Progress&);
/// "0:07", "1:23", "2 h 5 min".
[[nodiscard]] std::string duration_text(double seconds);
/// "45%, alice: 540 of 1,200 messages, 20.3 MiB, 3.2 MiB/s, 0:08 left" in at most `width` columns
/// (0: as many as it takes): what matters least is left out first.
[[nodiscard]] std::string progress_line(const Progress&, const view::Ruler&, std::size_t width,
                                        bool has_unicode);

}  // namespace vstate::cli
