#include "pull/source_look.h"

#include "sys/far_side.h"

namespace vstate::engine {

Status SourceLook::look(Session& source) {
  if (const auto* far = source.system->far_side()) far->expect_walks_behind(task_of(name_));
  auto observation = inspect_source(source, name_, selection_, options_.renaming);
  if (!observation) return tl::unexpected<Error>(observation.error().in(options_.root));
  observation_ = *std::move(observation);
  text_ = document_of(*observation_->state, options_.clear_passwords);
  feed_ = std::make_unique<LocalFeed>(source, *observation_, options_.root);
  return {};
}

void SourceLook::look_again(Session& source) {
  const auto again = inspect_source(source, name_, selection_, options_.renaming);
  if (!again)
    failure_ = again.error().in(options_.root);
  else  // comparing texts is comparing all that the file can say
    is_other_now_ = document_of(*again->state, options_.clear_passwords) != text_;
}

bool SourceLook::has_changed() const {
  return is_other_now_ || failure_ || feed_->has_changed() || observation_->has_changed;
}

}  // namespace vstate::engine
