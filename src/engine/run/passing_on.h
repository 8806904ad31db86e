/// \file
/// Observers that tell another one.
#pragma once

#include <string>

#include "vstate/plan/report.h"

namespace vstate::engine {

/// Passes all that it is told of an apply on. `Observer` is ApplyObserver, or made of it.
template <class Observer>
class PassingOn : public Observer {
 public:
  /// `to` must outlive it.
  explicit PassingOn(ApplyObserver& to) : to_(to) {}
  void on_start(const Action& action) override { to_.on_start(action); }
  void on_progress(std::uint64_t messages, std::uint64_t bytes) override {
    to_.on_progress(messages, bytes);
  }
  void on_box(const Box& box) override { to_.on_box(box); }
  void on_box_end(const Box& box) override { to_.on_box_end(box); }
  void on_failure(const std::string& address, const std::string& message) override {
    to_.on_failure(address, message);
  }
  void on_end(const Action& action, const std::string& message) override {
    to_.on_end(action, message);
  }

 private:
  ApplyObserver& to_;
};

}  // namespace vstate::engine
