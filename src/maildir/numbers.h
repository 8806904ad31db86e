/// \file
/// Entries of a memory as 32 bytes: key, place, marks, each number with its highest byte first, so
/// that bytes sort as keys do.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/number_bytes.h"
#include "maildir/memory.h"

namespace vstate::mail {

constexpr std::size_t k_entry_bytes = 32;

inline void append_entry(std::string& out, const MemoryEntry& entry) {
  for (const auto number : {entry.key.high, entry.key.low, entry.state.place, entry.state.marks})
    append_big_endian(out, number);
}

/// Decodes an entry from the first 32 bytes, which must be there.
inline MemoryEntry entry_of(std::string_view bytes) {
  return {.key = name_hash_of(bytes),
          .state = {from_big_endian(bytes.substr(16)), from_big_endian(bytes.substr(24))}};
}

}  // namespace vstate::mail
