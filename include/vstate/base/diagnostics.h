/// \file
/// Errors and warnings about input, gathered so that all of them are shown at once.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace vstate {

enum class Severity { warning, error };

/// Where in an input something stands. Line and column start at 1; 0 means unknown.
struct Place {
  std::string file;
  std::size_t line = 0;
  std::size_t column = 0;
};

struct Diagnostic {
  Severity severity = Severity::error;
  Place place;
  std::string what;
  std::string remedy;  ///< what to do about it; may be empty
};

/// "FILE:LINE:COL: what is wrong; what to do", without the parts that are unknown or empty.
[[nodiscard]] std::string to_text(const Diagnostic&);

class Diagnostics {
 public:
  void error(Place place, std::string what, std::string remedy = {}) {
    list_.push_back({Severity::error, std::move(place), std::move(what), std::move(remedy)});
    ++errors_;
  }
  void warning(Place place, std::string what, std::string remedy = {}) {
    list_.push_back({Severity::warning, std::move(place), std::move(what), std::move(remedy)});
  }
  [[nodiscard]] bool has_errors() const { return errors_ > 0; }
  [[nodiscard]] std::size_t error_count() const { return errors_; }
  /// In the order of their places within each file.
  [[nodiscard]] std::vector<Diagnostic> sorted() const;

 private:
  std::vector<Diagnostic> list_;
  std::size_t errors_ = 0;
};

}  // namespace vstate
