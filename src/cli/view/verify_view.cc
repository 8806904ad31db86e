// A verification in words: what differs first, and then whether the domain is whole.

#include "cli/view/verify_view.h"

#include <fmt/format.h>

#include "view/detail.h"
#include "vstate/base/text.h"

namespace vstate::cli {

namespace {

std::string difference_line(const std::string& domain, const Action& action) {
  const auto detail = view::detail_of(action);
  return fmt::format("  ! {}: {} is not as the file says{}\n", domain, address_of(action),
                     detail.empty() ? "" : ": " + detail);
}

}  // namespace

std::string text_of(const std::string& domain, const engine::Verification& result,
                    engine::Depth depth) {
  std::string out;
  // What people changed here since the last apply is theirs, so it is told and is no difference.
  for (const auto& note : result.kept)
    out += fmt::format("  = {}\n",
                       visible(fmt::format("{}{} {}", note.subject_kind,
                                           note.name.empty() ? "" : " " + note.name, note.text)));
  for (const auto& action : result.differences) out += difference_line(domain, action);
  for (const auto& problem : result.problems) out += fmt::format("  ! {}\n", problem);
  const auto count = result.differences.size() + result.problems.size();
  if (count == 0)
    return out + fmt::format("{} is whole{}: {} addresses routed, {} archives checked{}.\n", domain,
                             result.kept.empty() ? "" : " but for what was changed here",
                             with_thousands(result.addresses), with_thousands(result.archives),
                             depth == engine::Depth::content ? " by content" : "");
  return out + fmt::format("{}: {} thing{} not as the file says.\n", domain, with_thousands(count),
                           count == 1 ? " is" : "s are");
}

}  // namespace vstate::cli
