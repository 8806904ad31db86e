/// \file
/// What a person, or a program, sees of a run while it goes on.
#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "console.h"
#include "vstate/apply/apply.h"
#include "vstate/base/text.h"

namespace vstate::cli {

using Json = nlohmann::ordered_json;

/// One JSON event a line on standard output, or one plain line on standard error.
class Reporter final : public ApplyObserver {
 public:
  /// Of a run, or of one of its domains. A line begins with `noun` (cli/tally.h:noun_of); an event
  /// names its domain always.
  Reporter(const Console& console, bool is_json, std::string domain = "", std::string noun = "")
      : console_(console), is_json_(is_json), domain_(std::move(domain)), noun_(std::move(noun)) {}

  void event(Json event) const {
    if (!is_json_) return;
    if (!domain_.empty()) event["domain"] = domain_;
    Console::print(event.dump() + "\n");
  }
  void on_start(const Action& action) override {
    event({{"event", "action_start"}, {"address", address_of(action)}});
  }
  /// On a terminal: what was copied, of how much, how fast, and how long it will take.
  void on_progress(std::uint64_t messages, std::uint64_t bytes) override {
    messages_ += messages;
    bytes_ += bytes;
    const auto now = std::chrono::steady_clock::now();
    constexpr auto pause = std::chrono::milliseconds(200);
    if (now - shown_ < pause) return;
    shown_ = now;
    event({{"event", "progress"}, {"messages", messages_}, {"bytes", bytes_}});
    if (!is_json_ && !console_.is_quiet() && Console::is_terminal())
      Console::status(progress_line(now));
  }
  /// How much there is to copy, as far as that is known.
  void expect(std::uint64_t messages, std::uint64_t bytes) {
    expected_messages_ = messages;
    expected_bytes_ = bytes;
    started_ = std::chrono::steady_clock::now();
  }
  void on_failure(const std::string& address, const std::string& message) override {
    changes_.push_back({address, message});
    event({{"event", "action_failed"}, {"address", address}, {"message", message}});
    if (!is_json_) Console::error(fmt::format("{}{}: {}", noun_, address, message));
  }
  void on_end(const Action& action, const std::string& message) override {
    changes_.push_back({address_of(action), message});
    if (message.empty()) {
      event({{"event", "action_complete"}, {"address", address_of(action)}});
      if (!is_json_ && console_.is_verbose())
        console_.say("  done    " + noun_ + address_of(action));
    } else {
      event({{"event", "action_failed"}, {"address", address_of(action)}, {"message", message}});
      if (!is_json_) Console::error(fmt::format("{}{}: {}", noun_, address_of(action), message));
    }
  }
  /// What became of the actions since the last call.
  std::vector<RunChange> take_changes() { return std::exchange(changes_, {}); }
  void error(const std::string& message) const {
    event({{"event", "diagnostic"}, {"severity", "error"}, {"message", message}});
    if (!is_json_) Console::error(noun_ + message);
  }

 private:
  [[nodiscard]] std::string progress_line(std::chrono::steady_clock::time_point now) const {
    const auto seconds = std::chrono::duration<double>(now - started_).count();
    const auto rate = seconds > 0 ? static_cast<double>(bytes_) / seconds : 0.0;
    auto line = with_thousands(messages_);
    if (expected_messages_ > 0) line += " of " + with_thousands(expected_messages_);
    line += " messages";
    if (expected_messages_ > 0) line += fmt::format(" ({}%)", messages_ * 100 / expected_messages_);
    line += ", " + human_bytes(bytes_);
    if (rate > 0) line += fmt::format(", {}/s", human_bytes(static_cast<std::uint64_t>(rate)));
    if (rate > 0 && expected_bytes_ > bytes_)
      line += fmt::format(", {:.0f} s left", static_cast<double>(expected_bytes_ - bytes_) / rate);
    return line;
  }

  const Console& console_;
  bool is_json_;
  std::string domain_, noun_;
  std::uint64_t messages_ = 0, bytes_ = 0, expected_messages_ = 0, expected_bytes_ = 0;
  std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now(), shown_{};
  std::vector<RunChange> changes_;
};

}  // namespace vstate::cli
