// Any records, a line each, as a cdb: written, read, and found by both readers.

#include <cdb.h>

#include <map>

#include "format/cdb.h"
#include "fuzz.h"

namespace vstate::cdb {

VSTATE_FUZZ_TARGET(cdb_records) {
  fuzz::Input input(bytes);
  Records records;
  while (!input.is_empty()) {
    const auto line = input.line();
    const auto colon = std::min(line.find(':'), line.size());
    records.emplace_back(line.substr(0, colon), line.substr(colon));
  }
  const auto written = write(records);
  const auto again = read(written);
  VSTATE_ASSERT(again && *again == records);
  const fuzz::MemoryFile file(written);
  struct cdb tiny {};
  VSTATE_ASSERT(cdb_init(&tiny, file.descriptor()) == 0);
  std::map<std::string, std::string> first;
  for (const auto& [key, data] : records) first.emplace(key, data);
  for (const auto& [key, data] : first) {
    VSTATE_ASSERT(find(written, key) == data);
    VSTATE_ASSERT(cdb_find(&tiny, key.data(), static_cast<unsigned>(key.size())) > 0);
    std::string found(cdb_datalen(&tiny), '\0');
    VSTATE_ASSERT(cdb_read(&tiny, found.data(), cdb_datalen(&tiny), cdb_datapos(&tiny)) == 0);
    VSTATE_ASSERT(found == data);
  }
  cdb_free(&tiny);
}

}  // namespace vstate::cdb
