/// \file
/// What is told of a plan while it is carried out, and what became of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "vstate/model/box.h"
#include "vstate/plan/plan.h"

namespace vstate {

struct Failure {
  std::string address;  ///< of the action (plan/plan.h:address_of)
  std::string message;
};

struct ApplyReport {
  std::vector<Failure> failures;
  std::uint64_t done = 0;                 ///< actions
  std::uint64_t messages = 0, bytes = 0;  ///< delivered
  std::uint64_t restated = 0;  ///< messages renamed: the source has other flags, or moved them
  std::uint64_t removed = 0;   ///< messages deleted, since they are gone at the source
  std::uint64_t gone = 0;      ///< messages that are gone at the source and stay here
  bool is_published = true;    ///< false: the domain stays hidden until what failed is mended
  std::vector<std::string> remarks;  ///< "qmail-send is not running, so it was not told"
};

/// Told of each action as it begins and ends. An apply itself prints nothing.
class ApplyObserver {
 public:
  virtual ~ApplyObserver() = default;
  virtual void on_start(const Action&) {}
  /// More messages and bytes are written. Like on_box, called by several threads at once.
  virtual void on_progress(std::uint64_t messages, std::uint64_t bytes) {
    (void)messages;
    (void)bytes;
  }
  /// The mail of a mailbox or a list, or the domain's own files, is being taken in.
  virtual void on_box(const Box& box) { (void)box; }
  virtual void on_box_end(const Box& box) { (void)box; }
  /// Something failed that is no action of its own: the mail of one mailbox of a feed.
  virtual void on_failure(const std::string& address, const std::string& message) {
    (void)address;
    (void)message;
  }
  /// `message` is empty when the action succeeded.
  virtual void on_end(const Action&, const std::string& message) { (void)message; }
};

}  // namespace vstate
