#include "delivery/judge.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "vstate/base/digest.h"
#include "vstate/base/text.h"

namespace vstate::mail {

namespace {

Result<std::optional<std::uint64_t>> digest_here(int directory, const std::string& name,
                                                 mode_t mode, const std::string& shown) {
  if (!S_ISLNK(mode)) return digest_of_file(directory, name, shown);
  std::array<char, 4096> buffer{};
  const auto length = readlinkat(directory, name.c_str(), buffer.data(), buffer.size());
  if (length < 0) return fail_errno_of_open(shown, "cannot read the link");
  return std::optional(digest_of_link({buffer.data(), static_cast<std::size_t>(length)}));
}

}  // namespace

std::uint64_t digest_of_link(std::string_view target) {
  return short_digest("link\n" + std::string(target));
}

Result<Judgement> judge_file(Target& target, const std::string& path, const MemoryEntry* known,
                             OnDifference on_difference) {
  Judgement out;
  VSTATE_TRY_ASSIGN(const auto found, target.status(path));
  if (!found) {
    if (known != nullptr && known->pending == 0) out.verdict = Verdict::deleted;
    return out;
  }
  if (S_ISDIR(found->st_mode)) {
    out.verdict = Verdict::blocked;
    return out;
  }
  VSTATE_TRY_ASSIGN(const auto parent, target.directory(path_parent(path)));
  const std::string name(path_name(path));
  VSTATE_TRY_ASSIGN(out.here, digest_here(parent->get(), name, found->st_mode, target.full(path)));
  out.is_in_step = known != nullptr && out.here == known->state.place;
  if (!out.is_in_step && known != nullptr && known->pending != 0) {
    VSTATE_TRY_ASSIGN(out.is_in_step, waits_for_rename(parent->get(), name));
  }
  const bool is_replaced =
      known != nullptr ? out.is_in_step : on_difference == OnDifference::replace;
  out.verdict = is_replaced ? Verdict::replace : Verdict::keep;
  return out;
}

}  // namespace vstate::mail
