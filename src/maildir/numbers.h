/// \file
/// Entries of a memory as 32 bytes: key, place, marks, each number with its highest byte first, so
/// that bytes sort as keys do.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "maildir/memory.h"

namespace vstate::mail {

constexpr std::size_t k_entry_bytes = 32;

inline void append_entry(std::string& out, const MemoryEntry& entry) {
  for (const auto number : {entry.key.high, entry.key.low, entry.state.place, entry.state.marks})
    append_number(out, number);
}

/// Of the first 32 bytes.
inline MemoryEntry entry_of(std::string_view bytes) {
  return {name_hash_of(bytes), {number_of(bytes.substr(16)), number_of(bytes.substr(24))}, 0};
}

}  // namespace vstate::mail
