#include "cli/progress.h"

#include "support/catch.h"

using namespace vstate;
using namespace vstate::test;
using cli::Progress;

namespace {

constexpr std::uint64_t k_mib = 1024ULL * 1024;

Progress half_way() {
  Progress progress;
  progress.at = "alice";
  progress.messages = 600;
  progress.messages_of = 1200;
  progress.bytes = 20 * k_mib;
  progress.bytes_of = 80 * k_mib;
  progress.seconds = 10;
  return progress;
}

std::string line_of(const Progress& progress, std::size_t width = 0) {
  return progress_line(progress, view::Ruler("C.UTF-8"), width, true);
}

}  // namespace

TEST_CASE("progress is told in percent of the bytes, with rate and time left", "[cli]") {
  CHECK(line_of(half_way()) == "25%, alice: 600 of 1,200 messages, 20 MiB, 2 MiB/s, 0:30 left");
}

TEST_CASE("where bytes are not known, messages or steps are counted", "[cli]") {
  auto progress = half_way();
  progress.bytes_of = 0;
  CHECK(cli::percent_of(progress) == 50);
  progress.messages_of = 0;
  CHECK(cli::percent_of(progress) == -1);
  CHECK(cli::seconds_left(progress) == -1);
  CHECK(line_of(progress) == "alice: 600 messages, 20 MiB, 2 MiB/s");
  progress.steps = 3;
  progress.steps_of = 4;
  progress.step_noun = "mailboxes";
  progress.others = 1;
  CHECK(line_of(progress) ==
        "75%, alice and 1 more: 3 of 4 mailboxes, 600 messages, 20 MiB, 2 MiB/s, 0:03 left");
}

TEST_CASE("nothing is promised before something was done, nor beyond all of it", "[cli]") {
  Progress progress;
  CHECK(line_of(progress) == "0 messages");
  progress.messages_of = 1;
  progress.bytes_of = 10;
  progress.seconds = 5;
  CHECK(line_of(progress) == "0%, 0 of 1 message");
  progress.bytes = 11;  // a message that had to be written twice
  CHECK(cli::percent_of(progress) == 100);
  CHECK(cli::seconds_left(progress) == 0);
}

TEST_CASE("time left is said as people do", "[cli]") {
  CHECK(cli::duration_text(0) == "0:00");
  CHECK(cli::duration_text(7.4) == "0:07");
  CHECK(cli::duration_text(83) == "1:23");
  CHECK(cli::duration_text(3599.6) == "1 h 0 min");
  CHECK(cli::duration_text(7530) == "2 h 5 min");
}

TEST_CASE("a progress line is never wider than the terminal", "[cli]") {
  const view::Ruler ruler("C.UTF-8");
  auto progress = half_way();
  progress.at = "漢字漢字漢字漢字漢字.sales\n";
  progress.others = 3;
  for (std::size_t width = 1; width < 120; ++width) {
    const auto line = line_of(progress, width);
    CHECK(ruler.columns(line) <= width);
    CHECK(line.find('\n') == std::string::npos);
  }
  // The time left is told as long as there is room for it.
  CHECK_THAT(line_of(progress, 80), ContainsSubstring(".sa…: "));
  CHECK(line_of(progress, 48) == "25%, 漢字漢字…: 600 of 1,200 messages, 0:30 left");
  CHECK(line_of(progress, 40) == "25%, 600 of 1,200 messages, 0:30 left");
}
