/// \file
/// Where text goes: answers to standard output, talk to standard error. Threads may share it: each
/// call writes all of its text at once.
#pragma once

#include <mutex>
#include <string>
#include <string_view>

#include "cli/exit.h"
#include "cli/options.h"
#include "view/plan_view.h"
#include "vstate/base/diagnostics.h"

namespace vstate::cli {

class Console {
 public:
  explicit Console(const CommonOptions& options) : options_(options) {}
  /// The answer. False when it could not be written.
  static bool print(std::string_view text);
  /// The same, and says so when it could not, unless nobody listens any more.
  static Exit print_all(std::string_view text);
  /// "vstate: TEXT" on standard error.
  static void error(std::string_view text);
  /// Errors, and warnings unless --quiet.
  void report(const Diagnostics&) const;
  /// "vstate: TEXT" of what is no error, which --quiet leaves out.
  void warning(std::string_view text) const;
  /// An answer that is for people only, which --quiet leaves out: the exit status tells it too.
  [[nodiscard]] bool tell(std::string_view text) const;
  /// Reports an error that came before any change, and returns its exit status.
  static Exit fail(const Error&);
  /// Talk that --quiet leaves out.
  void say(std::string_view text) const;
  [[nodiscard]] bool is_quiet() const { return options_.quiet; }
  [[nodiscard]] bool is_verbose() const { return options_.verbose; }
  /// A plan as standard output takes it.
  [[nodiscard]] view::TextOptions text_options() const;
  /// A line on the terminal; what is said next takes its place.
  static void status(std::string_view text);
  /// Takes that line away.
  static void end_status();
  /// Asks on the terminal; false without one.
  [[nodiscard]] static bool confirm(std::string_view question);

 private:
  static void erase_status();

  const CommonOptions& options_;
  static inline std::mutex mutex_;  ///< of both streams, and of what follows
  static inline bool has_status_ = false;
};

/// Asks on the terminal unless `is_said` by --yes; says that nothing was changed if it is not
/// meant.
[[nodiscard]] bool is_meant(bool is_said, std::string_view question);
/// Reports an error that came after the first change, and returns its exit status.
Exit fail_midway(const Error&);

/// Where standard output is a file, makes it readable for its owner alone before a hash is in it.
Status make_output_private();

}  // namespace vstate::cli
