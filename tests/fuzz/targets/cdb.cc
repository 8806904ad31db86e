// A cdb file: what `read` takes is what `find` and TinyCDB find in it, and is written again.

#include "format/cdb.h"

#include <cdb.h>

#include <map>

#include "fuzz.h"

namespace vstate::cdb {
namespace {

/// What TinyCDB finds in a file, which it may refuse.
std::optional<std::string> tiny_find(const fuzz::MemoryFile& file, const std::string& key) {
  struct cdb tiny {};
  VSTATE_ASSERT(cdb_init(&tiny, file.descriptor()) == 0);
  std::optional<std::string> found;
  if (cdb_find(&tiny, key.data(), static_cast<unsigned>(key.size())) > 0) {
    found.emplace(cdb_datalen(&tiny), '\0');
    VSTATE_ASSERT(cdb_read(&tiny, found->data(), cdb_datalen(&tiny), cdb_datapos(&tiny)) == 0);
  }
  cdb_free(&tiny);
  return found;
}

}  // namespace

VSTATE_FUZZ_TARGET(cdb) {
  // Of a damaged file nothing is claimed but that all of it is looked at in bounds.
  for (const auto key : {"", "!example.com-", "alice", "a"}) (void)find(bytes, key);
  const auto records = read(bytes);
  if (!records) return;
  const fuzz::MemoryFile file(bytes);
  std::map<std::string, std::string> first;
  for (const auto& [key, data] : *records) first.emplace(key, data);
  for (const auto& [key, data] : first) {
    VSTATE_ASSERT(find(bytes, key) == data);
    VSTATE_ASSERT(tiny_find(file, key) == data);
  }
  const auto again = read(write(*records));
  VSTATE_ASSERT(again && *again == *records);
}

}  // namespace vstate::cdb
