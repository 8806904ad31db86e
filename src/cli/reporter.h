/// \file
/// What a person, or a program, sees of a run while it goes on.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "console.h"
#include "vstate/apply/apply.h"

namespace vstate::cli {

using Json = nlohmann::ordered_json;

/// One JSON event a line on standard output, or one plain line on standard error.
class Reporter final : public ApplyObserver {
 public:
  Reporter(const Console& console, bool is_json) : console_(console), is_json_(is_json) {}

  void event(Json event) const {
    if (is_json_) Console::print(event.dump() + "\n");
  }
  void on_start(const Action& action) override {
    event({{"event", "action_start"}, {"address", address_of(action)}});
  }
  void on_end(const Action& action, const std::string& message) override {
    changes_.push_back({address_of(action), message});
    if (message.empty()) {
      event({{"event", "action_complete"}, {"address", address_of(action)}});
      if (!is_json_) console_.say("  done    " + address_of(action));
    } else {
      event({{"event", "action_failed"}, {"address", address_of(action)}, {"message", message}});
      if (!is_json_) Console::error(fmt::format("{}: {}", address_of(action), message));
    }
  }
  /// What became of the actions since the last call.
  std::vector<RunChange> take_changes() { return std::exchange(changes_, {}); }
  void error(const std::string& message) const {
    event({{"event", "diagnostic"}, {"severity", "error"}, {"message", message}});
    if (!is_json_) Console::error(message);
  }

 private:
  const Console& console_;
  bool is_json_;
  std::vector<RunChange> changes_;
};

}  // namespace vstate::cli
