/// \file
/// What becomes of a file or a link of a source at its place here. Plan and verify ask it of an
/// archive, apply and pull of each entry as it comes: one answer for all four.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "delivery/deliver.h"
#include "delivery/target.h"
#include "maildir/memory.h"

namespace vstate::mail {

enum class Verdict {
  place,    ///< nothing is here
  deleted,  ///< somebody here deleted it, and it stays so
  replace,  ///< what is here is what the last pass wrote, or all differences are to be replaced
  keep,     ///< somebody here made or changed it
  blocked,  ///< a directory is in its way
};

struct Judgement {
  Verdict verdict = Verdict::place;
  std::optional<std::uint64_t> here;  ///< digest of the file, or of the link, that is here
  /// Replaced because it is what the last pass wrote, whatever else differences get.
  bool is_in_step = false;
};

/// `known` is what is remembered of the path, or null. That both sides are equal is the caller's to
/// find, by `here` or by comparing bytes. Fails if what is here cannot be read.
[[nodiscard]] Result<Judgement> judge_file(Target&, const std::string& path,
                                           const MemoryEntry* known, OnDifference);

/// As what a link is remembered.
[[nodiscard]] std::uint64_t digest_of_link(std::string_view target);

}  // namespace vstate::mail
