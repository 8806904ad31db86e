// An mbox, taken apart and shown as a folder.

#include <map>

#include "fuzz.h"
#include "mbox/folder.h"
#include "mbox/numbered.h"
#include "mbox/spool.h"
#include "support/memory_files.h"

using namespace vstate;

namespace {

/// The bytes of a message, as they go to the target.
std::string bytes_of(std::string_view text, const mbox::Message& message) {
  std::string all;
  mbox::for_each_part(text, message, [&](std::string_view part) { all += part; });
  return all;
}

void check_as_folder(std::string_view text, mbox::Folder folder) {
  test::MemoryFiles files;
  files.file("/mbox", text);
  const auto directory = files.open_directory("/").value();
  const auto file = directory->open_file("mbox").value();
  const auto spool = mbox::Spool::take(*file, "mbox");
  VSTATE_ASSERT(spool && (*spool)->text() == text);
  std::vector<mbox::Loaded> loaded;
  loaded.push_back({*spool, std::move(folder)});
  const mbox::NumberedFolder shown(std::move(loaded), {});
  std::map<std::string, std::size_t> names;
  for (std::size_t i = 0; i < shown.size(); ++i) {
    VSTATE_ASSERT(names.emplace(shown.name(i), i).second);
    VSTATE_ASSERT(shown.find(shown.name(i)) == i);
  }
  const auto uids = shown.uids_text("example.com/alice");
  if (uids.empty()) return;
  const auto list = uid_files::parse_dovecot_uids(uids);
  VSTATE_ASSERT(list && list->problems.empty() && list->messages.size() == shown.size());
}

}  // namespace

VSTATE_FUZZ_TARGET(mbox) {
  const mbox::Zones zones{.writer = {}, .is_qmails = bytes.size() % 2 == 1};
  std::size_t passed = 0;
  const auto folder = mbox::parse(bytes, zones, [&](std::size_t now) {
    VSTATE_ASSERT(now >= passed && now <= bytes.size());
    passed = now;
  });
  VSTATE_ASSERT(folder.has_value() == (bytes.empty() || mbox::is_mbox(bytes)));
  if (!folder) return;
  VSTATE_ASSERT(folder->keywords.size() <= uid_files::k_dovecot_keywords);
  std::uint64_t end = 0;
  std::uint32_t uid = 0;
  for (const auto& message : folder->messages) {
    VSTATE_ASSERT(message.at >= end && message.at + message.length <= bytes.size());
    end = message.at + message.length;
    VSTATE_ASSERT(bytes_of(bytes, message).size() == message.size);
    VSTATE_ASSERT(message.date >= 0);
    VSTATE_ASSERT(message.uid < folder->next && (message.uid == 0 || message.uid > uid));
    uid = std::max(uid, message.uid);
  }
  check_as_folder(bytes, *folder);
}
