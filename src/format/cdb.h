/// \file
/// The constant database of qmail: users/cdb, morercpthosts.cdb, vpasswd.cdb.
///
/// TinyCDB reads from descriptors only, and this module does no I/O. The format is small, so it is
/// read and written here, in memory; TinyCDB is the reference in the tests. Writing it here also
/// keeps the layout that qmail's own cdbmake produces, which TinyCDB does not promise.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "vstate/base/result.h"

namespace vstate::cdb {

/// Keys with their data, in the order of the file. Keys may repeat; readers see the first.
using Records = std::vector<std::pair<std::string, std::string>>;

/// All records. Fails with `invalid` unless the file is whole: records that end where the tables
/// begin, tables that fill the rest of the file, each record in exactly one slot of the right table
/// where a reader finds it, and the first of equal keys found first. Takes any writer's order of
/// tables and slots.
[[nodiscard]] Result<Records> read(std::string_view bytes);

/// The file that qmail's cdbmake writes for these records: tables in order, two slots for each
/// record. The result stays below 4 GiB; more is a bug of the caller.
[[nodiscard]] std::string write(const Records&);

/// The data of the first record with this key, found through the hash tables as qmail's cdb_seek
/// does it. Damage on the way reads as "not there"; `read` tells the difference.
[[nodiscard]] std::optional<std::string> find(std::string_view bytes, std::string_view key);

/// The hash of a key: 5381, then per byte times 33, exclusive-or the byte, in 32 bits.
[[nodiscard]] std::uint32_t hash(std::string_view key);

}  // namespace vstate::cdb
