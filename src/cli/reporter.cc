// What is seen of a run while it goes on. Threads that deliver mail tell what they have done, and a
// thread of its own speaks once a while, also when nothing moves: a person must be able to tell a
// slow disk from a program that hangs. For a program the same is said as JSON.

#include "cli/reporter.h"

#include <algorithm>

#include <fmt/format.h>

#include "cli/json_text.h"
#include "sys/process/quiet_thread.h"
#include "vstate/base/text.h"

namespace vstate::cli {

namespace {

using std::chrono::milliseconds;

/// Two ticks a second: one that comes late still makes a line each second.
constexpr milliseconds k_tick(500), k_shortest_pause(200), k_pause_of_plain_lines(10'000);

std::string shown_box(const Box& box) {
  switch (box.kind) {
    case Box::Kind::mailbox:
      return box.name;
    case Box::Kind::list:
      return "list " + box.name;
    case Box::Kind::files:
      break;
  }
  return "files";
}

}  // namespace

void Reporter::event(Json event) const {
  if (!is_json_) return;
  // Whoever reads the events of several domains has to know whose each one is.
  if (!domain_.empty()) event["domain"] = domain_;
  Console::print(to_json_text(event) + "\n");
}

void Reporter::set_stage(std::string stage) {
  const std::scoped_lock lock(mutex_);
  stage_ = std::move(stage);
  started_ = Clock::now();
}

void Reporter::expect(const Expected& expected) {
  const std::scoped_lock lock(mutex_);
  counts_boxes_ = expected.boxes > 0;
  has_begun_mail_ = false;
  progress_ = {};
  progress_.messages_of = expected.messages;
  progress_.bytes_of = expected.bytes;
  progress_.steps_of = counts_boxes_ ? expected.boxes : expected.actions;
  progress_.step_noun = counts_boxes_ ? "mailboxes" : "changes";
  stage_.clear();
  action_.clear();
  started_ = Clock::now();
}

void Reporter::start() {
  if (console_.is_quiet() && !is_json_) return;
  {
    const std::scoped_lock lock(mutex_);
    is_watched_ = true;
    // Away from a terminal a short run needs no line.
    shown_ = is_json_ || is_terminal_ ? Clock::time_point{} : Clock::now();
  }
  ticker_ = start_quiet_thread([this] { tick(); });
}

void Reporter::stop() {
  {
    const std::scoped_lock lock(mutex_);
    // What came since the last line is told too, where it does not cost a line of its own.
    if (stage_.empty() && (is_json_ || is_terminal_)) show(Clock::now(), {});
    is_watched_ = false;
  }
  // The thread is waited for: it must not write once the summary is printed.
  wakes_.notify_all();
  if (!ticker_.joinable()) return;
  ticker_.join();
  Console::end_status();
}

void Reporter::tick() {
  std::unique_lock lock(mutex_);
  while (!wakes_.wait_for(lock, k_tick, [this] { return !is_watched_; }))
    show(Clock::now(), k_shortest_pause);
}

void Reporter::show(Clock::time_point now, Clock::duration pause) {
  if (!is_watched_) return;
  if (!is_json_ && !is_terminal_) pause = std::max<Clock::duration>(pause, k_pause_of_plain_lines);
  if (now - shown_ < pause) return;
  shown_ = now;
  if (is_json_) {
    // There is nothing to count yet, and an event of zeros says nothing.
    if (!stage_.empty()) return;
    Json json{{"event", "progress"}, {"messages", progress_.messages}, {"bytes", progress_.bytes}};
    const auto mailbox = std::find_if(boxes_.begin(), boxes_.end(), [](const Box& box) {
      return box.kind == Box::Kind::mailbox;
    });
    if (mailbox != boxes_.end()) json["mailbox"] = mailbox->name;
    event(std::move(json));
  } else if (is_terminal_) {
    // A line that fills the last column makes some terminals begin the next one.
    const auto width = std::max<std::size_t>(terminal_width(stderr), 2);
    Console::status(line(now, width - 1));
  } else {
    console_.say(line(now, 0));
  }
}

std::string Reporter::line(Clock::time_point now, std::size_t width) const {
  auto progress = progress_;
  progress.seconds = std::chrono::duration<double>(now - started_).count();
  if (!stage_.empty()) {
    const auto text = fmt::format("{}, {}", visible(stage_), duration_text(progress.seconds));
    return width == 0 ? text : ruler_.cut(text, width, has_unicode_locale() ? "…" : "...");
  }
  progress.at = boxes_.empty() ? action_ : shown_box(boxes_.front());
  progress.others = boxes_.empty() ? 0 : boxes_.size() - 1;
  return progress_line(progress, ruler_, width, has_unicode_locale());
}

void Reporter::on_start(const Action& action) {
  event({{"event", "action_start"}, {"address", address_of(action)}});
  const std::scoped_lock lock(mutex_);
  action_ = address_of(action);
}

void Reporter::on_progress(std::uint64_t messages, std::uint64_t bytes) {
  const std::scoped_lock lock(mutex_);
  progress_.messages += messages;
  progress_.bytes += bytes;
  show(Clock::now(), k_shortest_pause);
}

void Reporter::on_box(const Box& box) {
  const std::scoped_lock lock(mutex_);
  // Several are worked on at a time; the one that was begun first is named.
  boxes_.push_back(box);
  // The rate is that of mail, not of what is made before it.
  if (!std::exchange(has_begun_mail_, true)) started_ = Clock::now();
  show(Clock::now(), k_shortest_pause);
}

void Reporter::on_box_end(const Box& box) {
  const std::scoped_lock lock(mutex_);
  const auto found = std::find(boxes_.begin(), boxes_.end(), box);
  if (found != boxes_.end()) boxes_.erase(found);
  // A domain's own files are no mailbox, and are not in the number that was expected.
  if (counts_boxes_ && box.kind != Box::Kind::files) ++progress_.steps;
}

void Reporter::on_failure(const std::string& address, const std::string& message) {
  event({{"event", "action_failed"}, {"address", address}, {"message", message}});
  if (!is_json_) Console::error(fmt::format("{}{}: {}", noun_, address, message));
}

void Reporter::on_end(const Action& action, const std::string& message) {
  {
    const std::scoped_lock lock(mutex_);
    if (!counts_boxes_) ++progress_.steps;
  }
  if (!message.empty()) {
    on_failure(address_of(action), message);
    return;
  }
  event({{"event", "action_complete"}, {"address", address_of(action)}});
  if (!is_json_ && console_.is_verbose()) console_.say("  done    " + noun_ + address_of(action));
}

void Reporter::error(const std::string& message) const {
  event({{"event", "diagnostic"}, {"severity", "error"}, {"message", message}});
  if (!is_json_) Console::error(noun_ + message);
}

void Reporter::report(const Diagnostics& diagnostics) const {
  for (const auto& item : diagnostics.sorted())
    if (is_json_ || !console_.is_quiet() || item.severity == Severity::error) error(to_text(item));
}

}  // namespace vstate::cli
