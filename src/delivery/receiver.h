/// \file
/// The receiver of one directory.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "delivery/batch.h"
#include "delivery/convert.h"
#include "delivery/receive.h"
#include "delivery/target.h"
#include "format/uid_files.h"
#include "maildir/message_keys.h"
#include "maildir/names.h"

namespace vstate::mail {

/// What a folder's letters mean to Dovecot.
constexpr std::string_view k_keywords = "dovecot-keywords";

inline bool has_letters(std::uint64_t marks) { return (marks & k_marks_of_letters) != 0; }

}  // namespace vstate::mail

namespace vstate {

class Receiver::Impl {
 public:
  Impl(System& system, std::shared_ptr<mail::Target> target, Owner owner,
       const ReceiveOptions& options, MailMemory& memory, Batch& batch, std::string label)
      : system_(system),
        target_(std::move(target)),
        owner_(owner),
        options_(options),
        memory_(memory),
        batch_(batch),
        label_(std::move(label)) {}

  Result<bool> wants_message(const std::string& path);
  bool wants_file(const std::string& path, std::uint64_t stamp);
  Status take(const TreeEntry&, Content&);
  Status restate(const NameHash&, const std::string& path);
  Status forget(const NameHash&);
  Status finish();
  Status settle_announced();

  /// Where an entry of the source stands here; nothing: under the same path.
  [[nodiscard]] std::optional<std::string> path_here(const std::string& path) const {
    return options_.to_dovecot ? std::optional(with_dovecot_folder(path)) : std::nullopt;
  }

  std::vector<NameHash> repeated;
  ReceiveCount count;
  bool is_whole = false;  ///< all that the source has was seen
  MailMemory& memory() { return memory_; }

 private:
  /// Under what a message is remembered, and whether it counts only within its folder.
  struct Identity {
    NameHash name, key;
    bool is_scoped = false;
  };
  /// What is done with a file that is built.
  struct Order {
    std::string path;
    bool is_message = false, is_replacing = false, is_late = false;
    std::optional<std::uint64_t> replaces;
    NameHash key;
    EntryState state;
    std::optional<EntryState> before;  ///< as remembered
  };

  Status step(std::string_view path) { return system_.before_step("deliver", target_->full(path)); }
  Status prepare_index();
  Identity identify(const mail::MessagePath&);
  Result<bool> is_remembered(const MemoryEntry&, const NameHash& name);
  Status note(const NameHash& key, const EntryState&);
  Result<std::optional<mail::Located>> find_here(const Identity&, const mail::MessagePath&,
                                                 const EntryState& before);
  Result<bool> make_parents(const std::string& path);
  Result<bool> make_directory(const std::string& path, unsigned mode);
  Status take_message(const TreeEntry&, Content&);
  Status take_file(const TreeEntry&, Content&);
  Status take_link(const TreeEntry&);
  Status place_link(const TreeEntry&);
  Status build(const TreeEntry&, Content&, Order, bool names_by_content);
  Status write_temporary(const TreeEntry&, Content&, const std::string& build_in,
                         const std::string& name,
                         const std::function<void(std::string_view)>* sink);
  Status hand_on(Batch::Item, bool is_late);
  Status build_queued();
  Status restate(const NameHash& key, const mail::MessagePath&, const EntryState& before,
                 const EntryState& now);
  Status take_keywords(const TreeEntry&, Content&);
  /// A file name with the source's keyword letters as the target's; the same name where both agree.
  Result<std::string> translated(const std::string& folder, const std::string& name);
  Result<std::uint64_t> translated_marks(const std::string& folder, std::uint64_t marks);
  Status finish_keywords();
  Status remove_left_over();
  Status remove_gone();
  Status remove_gone(const std::string& path, const mail::MessagePath&, mail::HashSet& left);
  Status change(const NameHash& key, const EntryState& before, const EntryState& after,
                const std::string& from, const std::string& to);
  template <class Visit>
  Status for_each_message(Visit);
  Status remove_merged_keywords(const std::string& directory);

  System& system_;
  std::shared_ptr<mail::Target> target_;
  Owner owner_;
  ReceiveOptions options_;
  MailMemory& memory_;
  Batch& batch_;
  std::string label_;
  mail::FolderNumbers folders_;
  std::optional<mail::TargetIndex> index_;
  std::optional<mail::Locator> locator_;
  mail::MessageKeys keys_{&memory_};
  std::unordered_map<NameHash, std::uint32_t, mail::HashOfHash> placed_;
  std::optional<std::pair<std::string, Identity>> asked_;
  /// Messages that are opened at the source and not yet built here: the thread becomes their owner
  /// once for all of them.
  struct Queued {
    TreeEntry entry;
    std::unique_ptr<Content> content;
    Batch::Item item;
    bool is_late = false;
  };
  std::vector<Queued> queued_;
  std::set<std::string> known_directories_, blocked_;
  std::vector<TreeEntry> links_;
  std::vector<Batch::Item> late_;
  /// What a folder's letters mean, at the source and here; no target: both mean the same.
  struct Keywords {
    uid_files::KeywordLetters source;
    std::optional<uid_files::KeywordLetters> target;
  };
  std::map<std::string, Keywords> keywords_;
  /// Messages with letters wait until it is known what the letters mean.
  struct Waiting {
    NameHash key;
    std::string path;
    EntryState before, now;
  };
  std::vector<Waiting> waiting_;
  bool has_all_keywords_ = false;
  mail::HashSet gone_;
};

}  // namespace vstate
