/// \file
/// One domain on its way through a pull.
#pragma once

#include <memory>
#include <optional>

#include "pull/looks_ahead.h"
#include "pull/pull.h"

namespace vstate::engine {

/// What a run uses until the domain is published, and what is known of it so far.
struct PullRun::Domain {
  Domain(DomainName there, DomainName name_here)
      : name(std::move(there)), here(std::move(name_here)) {}

  DomainName name;  ///< at the source
  DomainName here;
  PullReport report;
  bool is_in_run = false;  ///< its document could be read
  // Of a source that this program reads.
  std::shared_ptr<SourceLook> look;
  LooksAhead* ahead = nullptr;  ///< has the look in hand
  std::optional<DomainFile> file;
  // Of one that is read there.
  std::unique_ptr<StreamedDomain> streamed;
};

}  // namespace vstate::engine
