// A signal only sets a flag; it takes effect here, before the next change is begun. So no change is
// ever cut in two by it, and the run after this one finds what a run that was killed between two
// steps leaves.

#include "sys/process/interruptible.h"

namespace vstate {

Status InterruptibleSystem::before_step(std::string_view what, std::string_view) {
  // A run that was told to stop still records what it did.
  if (stop_ == nullptr || !stop_->load() || what == "record") return {};
  return fail(Errc::interrupted, "interrupted; what is done is done, run it again for the rest",
              Scope::run);
}

}  // namespace vstate
