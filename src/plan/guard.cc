// What a plan must not delete without a number that allows it. A source that has lost its disk
// looks like one whose owner deleted everything, and --yes is given by scripts; a number has to be
// meant. Every kind is judged by itself, so that many aliases cannot hide few mailboxes.

#include <fmt/format.h>

#include "vstate/base/text.h"
#include "vstate/plan/plan.h"

namespace vstate {

std::vector<std::string> mass_deletions(const Deletions& deletions, const PlanInput& input) {
  std::vector<std::string> refused;
  if (input.actual == nullptr) return refused;
  const auto& actual = *input.actual;
  const auto most = input.options.max_delete;
  const auto check = [&](std::uint64_t count, std::uint64_t of, std::string_view what) {
    // Of a handful of things a third is soon reached, and a person sees each of them in the plan.
    constexpr std::uint64_t few = 10;
    const bool is_many = of >= few && count * 3 > of;
    if (is_many && count > most)
      refused.push_back(fmt::format("would delete {} of {} {}; --max-delete {} allows it",
                                    with_thousands(count), with_thousands(of), what, count));
  };
  std::uint64_t subscribers = 0;
  for (const auto& [name, list] : actual.lists)
    for (const auto& [directory, addresses] : list.addresses) subscribers += addresses.size();
  check(deletions.mailboxes, actual.mailboxes.size(), "mailboxes");
  check(deletions.aliases, actual.alias.size() + actual.autoresponders.size(), "aliases");
  check(deletions.subscribers, subscribers, "addresses of lists");
  const auto& wanted = input.desired.mailboxes;
  if (deletions.mailboxes == 0 || deletions.mailboxes <= most) return refused;
  const auto postmaster = MailboxName::parse("postmaster");
  // A file without any mailbox is more likely an accident than a wish.
  if (deletions.mailboxes == actual.mailboxes.size() && wanted.empty())
    refused.push_back(fmt::format("would delete the last mailbox; --max-delete {} allows it",
                                  deletions.mailboxes));
  else if (actual.mailboxes.contains(*postmaster) && !wanted.contains(*postmaster))
    refused.push_back(
        fmt::format("would delete postmaster; --max-delete {} allows it", deletions.mailboxes));
  return refused;
}

}  // namespace vstate
