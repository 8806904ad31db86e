// One line about how far a run is. Only what is known is said, as a stream tells no totals. On a
// narrow terminal the name of the mailbox is cut first, then the rate goes, then the bytes, and the
// name last; the percentage and the count stay.

#include "cli/progress.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <fmt/format.h>

#include "vstate/base/text.h"

namespace vstate::cli {

namespace {

/// How much of how much is done; zeros if that is not known.
struct Share {
  std::uint64_t done = 0, of = 0;
};

Share share_of(const Progress& progress) {
  // Bytes are what takes the time; messages differ in size by a thousand times.
  if (progress.bytes_of > 0) return {progress.bytes, progress.bytes_of};
  if (progress.messages_of > 0) return {progress.messages, progress.messages_of};
  return {progress.steps, progress.steps_of};
}

double fraction_of(const Share& share) {
  // Mail that comes during the copy is beyond what was counted before.
  return std::min(1.0, static_cast<double>(share.done) / static_cast<double>(share.of));
}

struct Parts {
  bool has_bytes, has_rate;
};

std::string line_of(const Progress& progress, std::string_view name, const Parts& parts) {
  std::vector<std::string> said;
  const bool knows_mail = progress.messages_of + progress.bytes_of > 0;
  if (!knows_mail && progress.steps_of > 0)
    said.push_back(fmt::format("{} of {} {}", with_thousands(progress.steps),
                               with_thousands(progress.steps_of), progress.step_noun));
  if (progress.messages_of > 0)
    said.push_back(fmt::format("{} of {} message{}", with_thousands(progress.messages),
                               with_thousands(progress.messages_of),
                               progress.messages_of == 1 ? "" : "s"));
  else if (progress.messages > 0 || said.empty())
    said.push_back(fmt::format("{} message{}", with_thousands(progress.messages),
                               progress.messages == 1 ? "" : "s"));
  if (parts.has_bytes && progress.bytes > 0) said.push_back(human_bytes(progress.bytes));
  if (parts.has_rate && progress.bytes > 0 && progress.seconds > 0)
    said.push_back(human_bytes(static_cast<std::uint64_t>(static_cast<double>(progress.bytes) /
                                                          progress.seconds)) +
                   "/s");
  if (const auto left = seconds_left(progress); left > 0)
    said.push_back(duration_text(left) + " left");
  std::string out;
  if (const auto percent = percent_of(progress); percent >= 0) out = fmt::format("{}%, ", percent);
  if (!name.empty()) out += fmt::format("{}: ", name);
  return out + join(said, ", ");
}

}  // namespace

int percent_of(const Progress& progress) {
  const auto share = share_of(progress);
  if (share.of == 0) return -1;
  constexpr double whole = 100;
  return static_cast<int>(whole * fraction_of(share));
}

double seconds_left(const Progress& progress) {
  const auto share = share_of(progress);
  // Before the first of it is done there is no rate to reckon with.
  if (share.of == 0 || share.done == 0 || progress.seconds <= 0) return -1;
  const auto fraction = fraction_of(share);
  return progress.seconds * (1 - fraction) / fraction;
}

std::string duration_text(double seconds) {
  constexpr std::uint64_t minute = 60, hour = 60 * minute;
  const auto whole = static_cast<std::uint64_t>(std::llround(std::max(0.0, seconds)));
  if (whole >= hour) return fmt::format("{} h {} min", whole / hour, whole % hour / minute);
  return fmt::format("{}:{:02}", whole / minute, whole % minute);
}

std::string progress_line(const Progress& progress, const view::Ruler& ruler, std::size_t width,
                          bool has_unicode) {
  auto name = visible(progress.at);
  const auto others =
      progress.others == 0 ? std::string() : fmt::format(" and {} more", progress.others);
  auto line = line_of(progress, name.empty() ? name : name + others, {true, true});
  if (width == 0 || ruler.columns(line) <= width) return line;
  const std::string_view mark = has_unicode ? "…" : "...";
  constexpr std::size_t shortest_name = 8;
  const auto least = std::min(shortest_name, ruler.columns(name));
  for (const Parts parts : {Parts{true, true}, Parts{false, true}, Parts{false, false}}) {
    // The colon stands for a name of one column, which is taken off again; an empty name would
    // leave its separator out.
    const auto rest = ruler.columns(line_of(progress, ":", parts)) - 1;
    if (rest + least <= width) return line_of(progress, ruler.cut(name, width - rest, mark), parts);
  }
  line = line_of(progress, "", {false, false});
  return ruler.cut(line, width, mark);
}

}  // namespace vstate::cli
