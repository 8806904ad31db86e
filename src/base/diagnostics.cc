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
  if (d.severity == Severity::warning) out += "warning: ";
  out += d.what;
  if (!d.remedy.empty()) out += fmt::format("; {}", d.remedy);
  return visible(out);
}

std::vector<Diagnostic> Diagnostics::sorted() const {
  auto out = list_;
  std::stable_sort(out.begin(), out.end(), [](const Diagnostic& a, const Diagnostic& b) {
    return std::tie(a.place.file, a.place.line, a.place.column) <
           std::tie(b.place.file, b.place.line, b.place.column);
  });
  return out;
}

}  // namespace vstate
