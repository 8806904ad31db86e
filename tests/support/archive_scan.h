/// \file
/// Reads all of one archive and counts what is in it.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "archive/archive.h"
#include "archive/digest.h"
#include "archive/tar_reader.h"
#include "maildir/names.h"

namespace vstate::test {

struct ArchiveScan {
  std::uint64_t entries = 0, messages = 0, bytes = 0;
  std::string sha256;
  /// Unique names that the archive holds more than once, sorted.
  std::vector<NameHash> duplicates;
};

inline Result<ArchiveScan> scan_archive(const std::string& host_path, ExtractLimits limits = {}) {
  VSTATE_TRY_ASSIGN(auto reader, mail::Reader::open(host_path, limits));
  ArchiveScan scan;
  mail::ContentDigest digest;
  std::vector<NameHash> names;
  while (true) {
    VSTATE_TRY_ASSIGN(const bool is_there, reader.next());
    if (!is_there) break;
    const auto& entry = reader.entry();
    ++scan.entries;
    digest.begin(entry);
    if (entry.kind != EntryKind::regular) continue;
    scan.bytes += entry.size;
    if (entry.is_message) {
      ++scan.messages;
      names.push_back(hash_name(mail::as_message(entry.path)->unique));
    }
    VSTATE_TRY(reader.read([&](std::string_view part) -> Status {
      digest.bytes(part);
      return {};
    }));
  }
  scan.sha256 = digest.finish();
  std::sort(names.begin(), names.end());
  for (std::size_t i = 1; i < names.size(); ++i)
    if (names[i] == names[i - 1] && (scan.duplicates.empty() || scan.duplicates.back() != names[i]))
      scan.duplicates.push_back(names[i]);
  return scan;
}

}  // namespace vstate::test
