// A plan says in these words what a back-end cannot hold: as a statement that --alter will run, or
// as a problem that keeps the apply from beginning.

#include "vstate/model/server.h"

#include <algorithm>

#include <fmt/format.h>

#include "vstate/base/text.h"

namespace vstate {

/// A column that is too narrow may be so for every mailbox, so that only the first are named.
std::string to_text(const Misfit& misfit) {
  constexpr std::size_t shown = 10;
  const auto count = std::min(misfit.subjects.size(), shown);
  const std::vector<std::string> names(
      misfit.subjects.begin(), misfit.subjects.begin() + static_cast<std::ptrdiff_t>(count));
  auto subjects = join(names, ", ");
  if (misfit.subjects.size() > count)
    subjects += fmt::format(" and {} more", misfit.subjects.size() - count);
  return fmt::format("{}: {}", subjects, misfit.what);
}

}  // namespace vstate
