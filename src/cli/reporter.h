/// \file
/// What a person, or a program, sees of a run while it goes on.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/console.h"
#include "cli/progress.h"
#include "cli/terminal.h"
#include "engine/run/apply_domains.h"

namespace vstate::cli {

using Json = nlohmann::ordered_json;

/// One JSON event a line on standard output, or lines on standard error: on a terminal one that
/// changes at least each second, elsewhere one each ten seconds. --quiet leaves all of it out.
class Reporter final : public engine::DomainObserver {
 public:
  /// Of a run, or of one of its domains. A line begins with `noun` (cli/tally.h:noun_of); an event
  /// names its domain always.
  Reporter(const Console& console, bool is_json, std::string domain = "", std::string noun = "")
      : console_(console), is_json_(is_json), domain_(std::move(domain)), noun_(std::move(noun)) {}
  ~Reporter() override { stop(); }
  Reporter(const Reporter&) = delete;
  Reporter& operator=(const Reporter&) = delete;

  /// While it lives, a thread reports how far the run is, also when nothing moves. It must not
  /// outlive the reporter.
  class [[nodiscard]] Watch {
   public:
    explicit Watch(Reporter& reporter) : reporter_(reporter) { reporter_.start(); }
    ~Watch() { reporter_.stop(); }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;

   private:
    Reporter& reporter_;
  };

  void event(Json event) const;
  /// What is done before there is mail to count: "comparing example.com". Empty: mail is counted.
  void set_stage(std::string stage);
  /// What is to be done, as far as it is known; 0: it is not.
  struct Expected {
    std::uint64_t messages = 0, bytes = 0;
    std::uint64_t boxes = 0;  ///< mailboxes and lists of a feed
    std::uint64_t actions = 0;
  };
  /// Counting begins anew.
  void expect(const Expected&);

  void on_begin() override { start(); }
  void on_built() override { stop(); }
  void on_start(const Action&) override;
  void on_progress(std::uint64_t messages, std::uint64_t bytes) override;
  void on_box(const Box&) override;
  void on_box_end(const Box&) override;
  void on_failure(const std::string& address, const std::string& message) override;
  void on_end(const Action&, const std::string& message) override;
  void error(const std::string& message) const;
  /// Errors, and what is no error unless --quiet.
  void report(const Diagnostics&) const;

 private:
  using Clock = std::chrono::steady_clock;

  void start();
  void stop();
  void tick();
  /// Both with the lock held.
  void show(Clock::time_point now, Clock::duration pause);
  [[nodiscard]] std::string line(Clock::time_point now, std::size_t width) const;

  const Console& console_;
  const view::Ruler ruler_;
  const bool is_json_, is_terminal_ = is_terminal(stderr);
  const std::string domain_, noun_;

  mutable std::mutex mutex_;  ///< of what the threads that deliver mail and the ticking one share
  std::condition_variable wakes_;
  std::thread ticker_;
  bool is_watched_ = false;
  std::string stage_, action_;
  std::vector<Box> boxes_;  ///< being worked on, the first begun first
  Progress progress_;
  bool counts_boxes_ = false, has_begun_mail_ = false;
  Clock::time_point started_ = Clock::now(), shown_{};
};

}  // namespace vstate::cli
