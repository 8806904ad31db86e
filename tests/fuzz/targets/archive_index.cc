// The index beside an archive; of archives that are there with their sizes.

#include "archive/index.h"

#include <fstream>

#include "fuzz.h"
#include "host/temporary_directory.h"

using namespace vstate;

namespace {

/// A directory with the archives "a" of 3 bytes and "b c" of none.
const std::string& archives_root() {
  static const auto directory = [] {
    auto made = TemporaryDirectory::make();
    VSTATE_ASSERT(made.has_value());
    std::ofstream((*made)->path() + "/a") << "abc";
    std::ofstream((*made)->path() + "/b c") << "";
    return *made;
  }();
  return directory->path();
}

}  // namespace

VSTATE_FUZZ_TARGET(archive_index) {
  const auto index = parse_index(bytes, archives_root());
  if (!index) return;
  const auto text = to_bytes(*index, archives_root());
  VSTATE_ASSERT(text.has_value());
  const auto again = parse_index(*text, archives_root());
  VSTATE_ASSERT(again && again->archive == index->archive);
  const auto same = to_bytes(*again, archives_root());
  VSTATE_ASSERT(same && *same == *text);
}
