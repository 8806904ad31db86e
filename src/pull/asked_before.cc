#include "pull/asked_before.h"

#include <unistd.h>

#include <fmt/format.h>

#include "sys/far_side.h"
#include "vstate/base/digest.h"

namespace vstate::engine {

namespace {

constexpr std::size_t k_largest = std::size_t{64} << 20;

std::string path_of(const std::string& root) {
  return fmt::format("/var/lib/vstate/asked-{:016x}", short_digest(root));
}

}  // namespace

std::string asked_before(const Session& target, const std::string& root) {
  return target.system->read(path_of(root), k_largest).value_or("");
}

void keep_asked(Session& target, const std::string& root, const Files& source) {
  const auto* far = source.far_side();
  const auto asked = far == nullptr ? std::string() : far->asked();
  if (asked.empty() || asked == asked_before(target, root)) return;
  (void)target.system->replace_file(path_of(root), asked, {geteuid(), getegid(), 0600},
                                    Durability::batch);
}

}  // namespace vstate::engine
