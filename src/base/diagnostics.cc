// Errors in a file are gathered and shown together, each with its place, so that a person can mend
// all of them before the next try. The text is what editors and terminals know how to jump by.

#include "vstate/base/diagnostics.h"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "vstate/base/text.h"

namespace vstate {

std::string to_text(const Diagnostic& d) {
  std::string out;
  if (!d.place.file.empty()) {
    out += d.place.file;
    if (d.place.line > 0) out += fmt::format(":{}:{}", d.place.line, d.place.column);
    out += ": ";
  }
  // An error carries no word of its own: it is what a reader expects of such a line.
  if (d.severity == Severity::warning) out += "warning: ";
  out += d.what;
  if (!d.remedy.empty()) out += fmt::format("; {}", d.remedy);
  // Names and values from the file are in the text, and a control character among them must not
  // reach the terminal.
  return visible(out);
}

std::vector<Diagnostic> Diagnostics::sorted() const {
  auto out = list_;
  // Equal places keep the order in which they were found: the first is mostly the cause of the
  // next.
  std::stable_sort(out.begin(), out.end(), [](const Diagnostic& a, const Diagnostic& b) {
    return std::tie(a.place.file, a.place.line, a.place.column) <
           std::tie(b.place.file, b.place.line, b.place.column);
  });
  return out;
}

}  // namespace vstate
