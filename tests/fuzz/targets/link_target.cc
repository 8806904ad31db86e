// Where a link of an archive may lead: a path, and the target.

#include "archive/tar_reader.h"
#include "fuzz.h"
#include "maildir/names.h"
#include "vstate/base/text.h"

using namespace vstate;

VSTATE_FUZZ_TARGET(link_target) {
  fuzz::Input input(bytes);
  const auto path = mail::checked_path(input.line());
  const auto target = input.rest();
  if (!path || path->empty() || !mail::link_refusal(*path, target).empty()) return;
  // Walked by its parts, it never leaves the tree.
  VSTATE_ASSERT(!target.starts_with('/'));
  auto depth = static_cast<std::ptrdiff_t>(split(*path, '/').size()) - 1;
  for (const auto part : split(target, '/')) {
    if (part == "..")
      --depth;
    else if (!part.empty() && part != ".")
      ++depth;
    VSTATE_ASSERT(depth >= 0);
  }
}
