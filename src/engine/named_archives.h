/// \file
/// The archives that a State names, in its order, each with what it is called in the file.
#pragma once

#include <string>
#include <vector>

#include "vstate/model/state.h"
#include "vstate/plan/plan.h"

namespace vstate::engine {

/// It refers to the State that it was made of.
struct NamedArchive {
  Box box;
  std::string subject;  ///< "mailbox.alice.mail"
  const ArchiveRef* archive = nullptr;
};
[[nodiscard]] std::vector<NamedArchive> archives_of(const State&);

/// The archive itself or one of its increments.
struct NamedPart {
  std::string subject;  ///< "mailbox.alice.mail.increments[0]"
  const ArchivePart* part = nullptr;
};
[[nodiscard]] std::vector<NamedPart> parts_of(const NamedArchive&);

}  // namespace vstate::engine
