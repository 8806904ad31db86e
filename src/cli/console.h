/// \file
/// Where text goes: answers to standard output, talk to standard error.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

#include "exit.h"
#include "options.h"
#include "vstate/base/diagnostics.h"

namespace vstate::cli {

class Console {
 public:
  explicit Console(const CommonOptions& options) : options_(options) {}
  /// The answer. False when it could not be written.
  static bool print(std::string_view text);
  /// "vstate: TEXT" on standard error.
  static void error(std::string_view text);
  static void report(const Diagnostics&);
  /// What a run says at its end, on standard error, --quiet or not.
  static void note(std::string_view text);
  /// Reports an error that came before any change, and returns its exit status.
  static Exit fail(const Error&);
  /// Talk that --quiet leaves out.
  void say(std::string_view text) const;
  /// --color, then NO_COLOR, then CLICOLOR_FORCE, then whether the stream is a terminal.
  [[nodiscard]] bool has_color(std::FILE* stream) const;
  /// Whether the locale can show more than ASCII.
  [[nodiscard]] static bool has_unicode();
  [[nodiscard]] bool is_quiet() const { return options_.quiet; }
  [[nodiscard]] bool is_verbose() const { return options_.verbose; }
  /// Whether standard error is one.
  [[nodiscard]] static bool is_terminal();
  /// A line on the terminal; what is said next takes its place.
  static void status(std::string_view text);
  /// Asks on the terminal; false without one.
  [[nodiscard]] static bool confirm(std::string_view question);

 private:
  static void end_status();
  const CommonOptions& options_;
  static inline bool has_status_ = false;
};

}  // namespace vstate::cli
