/// \file
/// What an archive would bring to a directory: what the judge says about each entry, counted.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "archive/archive.h"
#include "archive/chain.h"
#include "delivery/judge.h"
#include "delivery/target.h"
#include "maildir/memory.h"
#include "sys/files.h"
#include "vstate/base/result.h"

namespace vstate {

struct ArchiveStatus {
  std::uint64_t messages_missing = 0;
  std::uint64_t messages_changed = 0;  ///< remembered; the source has marked or moved them since
  std::uint64_t bytes_missing = 0;     ///< of messages and files that are missing
  std::uint64_t files_missing = 0;     ///< files that are no messages, links, and directories
  std::vector<std::string> kept;       ///< paths that differ and stay as they are
  std::vector<std::string> replaced;   ///< paths that differ and are to be replaced
  /// Paths of temporaries that a stopped run left beside what it had placed; they are removed.
  std::vector<std::string> left_over;
  std::vector<std::string> digests;  ///< of the content of the archive, and of each increment
  std::string identity;              ///< names its bytes on the disk while nobody changes them
  std::vector<NameHash> repeated;    ///< names that it holds in more than one folder, sorted
  bool has_courier_files = false;    ///< something for --convert courier-dovecot
  /// "PATH: why": links that lead out of the directory (never made), and what is in the way on the
  /// target: a directory of the archive that is a link or a file here. What lies below it counts
  /// as missing until a person has moved it.
  std::vector<std::string> refused;
  /// Returns whether delivering it would write nothing.
  [[nodiscard]] bool is_whole() const {
    return messages_missing == 0 && messages_changed == 0 && files_missing == 0 &&
           replaced.empty() && left_over.empty();
  }
};

/// Only reads. A directory that does not exist lacks everything, and nothing counts as remembered
/// there. Reads the archive once (twice if a message is there with another size), and asks no inode
/// for a message whose ",S=" is the entry's size. Takes some 60 bytes of memory for each message of
/// archive and directory. `memory` may be null; its announced changes are settled in it.
///
/// Fails with `not_found` or `invalid` for an archive that is missing, broken, or unsafe, and with
/// the errors of the file system.
[[nodiscard]] Result<ArchiveStatus> compare_archive(const Files&, const ArchiveFiles&,
                                                    std::string_view directory, const Rules&,
                                                    MailMemory* memory = nullptr,
                                                    ExtractLimits = {});

}  // namespace vstate

namespace vstate::mail {

struct Comparison {
  ArchiveStatus status;
  std::vector<bool> missing;        ///< by entry
  std::set<std::uint32_t> blocked;  ///< entries that are directories and cannot be made
  /// Messages that are there with another size, by entry: the unique name under which they are
  /// delivered, or already were (then they are not missing).
  std::map<std::uint32_t, std::string> variants;
  Chain::Gathered hard_links;  ///< for the next reader of the archive
};

class Comparer {
 public:
  /// `memory` is the judge's. All that is referred to must outlive the comparer.
  Comparer(ArchiveFiles archive, ExtractLimits limits, Judge& judge, const MailMemory& memory)
      : archive_(std::move(archive)), limits_(limits), judge_(judge), memory_(memory) {}
  [[nodiscard]] Result<Comparison> run(Chain::Digests);

 private:
  /// What the judge knows of a message. Which key it is remembered under depends on whether its
  /// name comes again, which is known at the end.
  struct Message {
    NameHash name;
    std::uint64_t size = 0;
    std::uint32_t number = 0, folder = 0;
    std::uint8_t sightings = 0;
    enum class Standing : std::uint8_t { unknown, same, changed };
    Standing if_single = Standing::unknown, if_repeated = Standing::unknown;
  };
  struct Link {
    TreeEntry entry;
    std::uint32_t number = 0;
  };

  [[nodiscard]] Result<Chain> open(Chain::Digests) const;
  Status read_all(Chain::Digests);
  Status take(Chain&);
  Status check_path(const ReadEntry&);
  [[nodiscard]] MessageIdentity identify_single(const ReadEntry&, const MessagePath&,
                                                const NameHash& name);
  Status take_message(const ReadEntry&);
  [[nodiscard]] Result<Message::Standing> standing(const MessageIdentity&, const EntryState& now);
  Status take_file(Chain&);
  Status take_link(const Link&);
  void count(const Judgement&, Verdict, const TreeEntry&, std::uint32_t number);
  void settle_messages();
  void settle_group(std::size_t first, std::size_t last);
  Status settle_variants();
  void note_left_over();
  void want_message(const Message&);

  ArchiveFiles archive_;
  ExtractLimits limits_;
  Judge& judge_;
  const MailMemory& memory_;
  Comparison out_;
  std::vector<Message> messages_;
  std::vector<Link> links_;
  std::set<NameHash> files_;  ///< paths of what is no message and no directory
  std::map<std::uint32_t, Message> need_variant_;
};

}  // namespace vstate::mail
