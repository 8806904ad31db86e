/// \file
/// What has to be done for an archive to be in a directory: decided here, in one place, shown by
/// compare_archive, done by extract_archive, named by check_archive.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "archive/chain.h"
#include "delivery/deliver.h"
#include "delivery/judge.h"
#include "delivery/target.h"
#include "maildir/memory.h"

namespace vstate::mail {

/// How a directory or link of the archive stands on the target.
enum class Presence {
  there,
  absent,
  differs,  ///< a link with another target, or something that is no link
  blocked,  ///< a directory that is no directory here, and all directories below it
  refused,  ///< a link that must not be made
};

struct WantedDirectory {
  unsigned mode = 0700;
  Presence presence = Presence::absent;
};

struct WantedLink {
  std::string path, target;
  Presence presence = Presence::absent;
};

struct Comparison {
  ArchiveStatus status;
  std::vector<bool> wanted;          ///< by entry: a message or file that is to be delivered
  std::set<std::uint32_t> replaced;  ///< wanted files that replace one
  /// Messages that are there with another size, by entry: the unique name under which they are
  /// delivered, or already were (then they are not wanted).
  std::map<std::uint32_t, std::string> variants;
  std::map<std::string, WantedDirectory> directories;
  std::vector<WantedLink> links;  ///< in the archive's order
  Chain::Gathered hard_links;     ///< for the next reader of the archive

  [[nodiscard]] bool is_blocked(std::string_view directory) const;
};

/// Reads as many bytes as `expected` has, and tells whether they are those.
[[nodiscard]] Result<bool> has_bytes(int file, std::string_view expected, std::string_view path);

struct CompareOptions {
  OnDifference on_difference = OnDifference::keep;
  ExtractLimits limits;
  bool wants_digest = true;
  MailMemory* memory = nullptr;  ///< null: nothing is remembered
  bool to_dovecot = false;       ///< ReceiveOptions::to_dovecot
  const Reserved* reserved = nullptr;
};

class Comparer {
 public:
  /// `target`: nothing if the directory does not exist.
  Comparer(ArchiveFiles archive, Target* target, const CompareOptions& options)
      : archive_(std::move(archive)), target_(target), options_(options) {}
  [[nodiscard]] Result<Comparison> run();

  /// Both stay usable after run().
  [[nodiscard]] const TargetIndex& index() const { return index_; }
  [[nodiscard]] FolderNumbers& folders() { return folders_; }

 private:
  struct Message {
    NameHash hash;
    std::uint64_t size = 0;
    std::uint32_t number = 0, folder = 0;
    /// Bits of Seen.
    unsigned seen = 0;
    bool is_remembered = false;
  };
  enum Seen : unsigned { same_here = 1, other_here = 2, same_elsewhere = 4, other_elsewhere = 8 };

  Status read_all();
  Status take(Chain&);
  Status take_content(Chain&);
  Status take_message(const ReadEntry&);
  Status take_file(Chain&);
  Status take_parents(const std::string& path);
  Status compare_content(Chain&, bool& is_same);
  Status check_directories();
  Status check_link(WantedLink&);
  void settle_messages();
  void settle_group(std::size_t first, std::size_t last);
  Status settle_variants();
  void want(std::uint32_t number, std::uint64_t size, bool is_message);
  /// What apply would do with a file or link that is not the same here.
  Result<Judgement> judge(const std::string& path);
  void note_difference(const std::string& path, Verdict, std::string_view what);
  [[nodiscard]] bool is_remembered(const NameHash&) const;
  void count_change(const NameHash&, const std::string& path);

  ArchiveFiles archive_;
  Target* target_;
  CompareOptions options_;
  Comparison out_;
  FolderNumbers folders_;
  TargetIndex index_;
  std::optional<Locator> locator_;
  MessageKeys keys_;
  std::vector<Message> messages_;
  std::set<NameHash> files_;  ///< paths of what is no message and no directory
  std::map<std::uint32_t, Message> need_variant_;
  std::string last_parent_;
};

}  // namespace vstate::mail
