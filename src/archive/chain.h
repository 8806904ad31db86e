/// \file
/// An archive and its increments, read as the one archive that the last dump would have written.
/// Whoever compares, delivers, or checks an archive knows nothing of increments.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "archive/archive.h"
#include "archive/change_lines.h"
#include "archive/digest.h"
#include "archive/tar_reader.h"
#include "maildir/message_keys.h"

namespace vstate::mail {

class HardLinks;

class Chain {
 public:
  /// With digests all content is read, whether or not somebody asks for it.
  enum class Digests { none, all };
  /// Reads increments for what they change in the archives before them. `memory` is what came from
  /// archives that are left out, and may be null.
  [[nodiscard]] static Result<Chain> open(const ArchiveFiles&, ExtractLimits,
                                          Digests digests = Digests::none,
                                          const MailMemory* memory = nullptr);

  /// Goes to the next entry and returns whether there is one. What was not read of the entry before
  /// is skipped. An entry that an increment replaces or takes away does not appear, and one that it
  /// renames appears under its new name.
  [[nodiscard]] Result<bool> next();
  [[nodiscard]] const ReadEntry& entry() const { return entry_; }
  /// Gives the present entry another path.
  void rename(std::string path) { entry_.path = std::move(path); }
  /// Gives the content of a regular file, exactly `entry().size` bytes.
  Status read(const Sink&);
  /// archive_identity of the files that are read.
  [[nodiscard]] const std::string& identity() const { return identity_; }
  /// Content digests of the archives that were read to their end.
  [[nodiscard]] const std::vector<std::string>& digests() const { return digests_; }

  /// What became of messages of archives that are left out, by key: their present path, or an empty
  /// one. It is complete at the end: a message that went and came back is not among them.
  [[nodiscard]] const std::map<NameHash, std::string>& earlier() const { return earlier_; }

  /// What was gathered for hard links, for the next reader of the same archives.
  using Gathered = std::vector<std::shared_ptr<HardLinks>>;
  [[nodiscard]] const Gathered& hard_links() const { return hard_links_; }
  void adopt(Gathered gathered) { hard_links_ = std::move(gathered); }

 private:
  /// What an increment says of the archives before it.
  struct Changes {
    std::set<NameHash> dropped;  ///< gone, or brought anew by the increment itself
    std::map<NameHash, std::string> renamed;
  };
  Chain(ArchiveFiles files, ExtractLimits limits, bool wants_digests, const MailMemory* memory)
      : files_(std::move(files)), limits_(limits), wants_digests_(wants_digests), memory_(memory) {}
  Status look_ahead(const std::string& path);
  Status open_next();
  /// Returns false for an entry that a later increment drops. Renames it where one says so.
  [[nodiscard]] bool takes(ReadEntry&);

  ArchiveFiles files_;
  ExtractLimits limits_;
  bool wants_digests_;
  const MailMemory* memory_;
  std::map<NameHash, std::string> earlier_;
  std::vector<Changes> changes_;  ///< by archive
  std::string identity_;
  std::size_t at_ = 0;
  std::optional<Reader> reader_;
  ReadEntry entry_;
  bool is_read_ = true;
  std::uint32_t number_ = 0;
  ContentDigest digest_;
  std::vector<std::string> digests_;
  Gathered hard_links_;
  MessageKeys keys_;
  std::set<NameHash> dropped_;  ///< by this archive and those before it
};

}  // namespace vstate::mail
