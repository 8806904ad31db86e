/// \file
/// What became of messages at the source since the last pass: renamed, flagged, moved, or gone.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "delivery/builder.h"
#include "delivery/delivery.h"
#include "delivery/judge.h"
#include "delivery/keywords.h"
#include "maildir/memory.h"
#include "maildir/message_keys.h"
#include "sys/handle.h"

namespace vstate {

/// What happens here to messages that are gone at the source.
enum class Gone {
  keep,    ///< they are counted
  remove,  ///< those that nobody touched here are deleted
};

/// How many messages a run may delete since they are gone at the source. A source that seems to
/// have lost most of what came from it is more likely not mounted: beyond a third of what is
/// remembered of a mailbox, of ten or more, only so many go as somebody allowed by a number.
/// Threads share it.
class DeletionBudget {
 public:
  explicit DeletionBudget(std::uint64_t allowed = 0) : left_(allowed) {}
  /// Returns whether `count` of `remembered` messages may go, and counts them if so.
  [[nodiscard]] bool take(std::uint64_t count, std::uint64_t remembered);

 private:
  std::atomic<std::uint64_t> left_;
};

}  // namespace vstate

namespace vstate::mail {

/// Settles changes that a stopped run announced: one is done if something of it is to be seen here.
/// `note` remembers the outcome. Lists the target's messages if there is anything to settle, or if
/// temporaries of a stopped run may be there.
Status settle_announced(TargetMessages&, MailMemory&,
                        const std::function<Status(const NameHash&, const EntryState&)>& note);

class Changes {
 public:
  struct Options {
    Gone gone = Gone::keep;
    DeletionBudget* may_delete = nullptr;     ///< null: as many as are gone
    const MailMemory* conversions = nullptr;  ///< letters that convert_courier gave; may be null
  };
  Changes(Delivery& delivery, Judge& judge, Builder& builder, Keywords& keywords,
          const Options& options)
      : delivery_(delivery),
        judge_(judge),
        builder_(builder),
        keywords_(keywords),
        options_(options) {}

  /// A message that the source has otherwise now than it is remembered.
  struct Restated {
    NameHash key;
    std::string path;  ///< at the source, in the target's names
    EntryState before, now;
  };
  /// Does here what changed at the source, and leaves all else as its owner has it. One whose
  /// letters changed waits until all keywords are known.
  Status restate(Restated);
  /// Restates what waited for the keywords.
  Status restate_waiting();

  /// Says that the source has a remembered message no more.
  void forget(const NameHash& key) { gone_.insert(key); }
  /// Says so of all that did not come in this pass.
  void forget_unseen();
  /// Deletes or counts what is gone. Fails with `conflict` if it is more than may be deleted, and
  /// then deletes nothing.
  Status finish();
  /// Removes what Courier's imapd has merged since into its list of keywords: such a file would go
  /// on to speak for its message. `is_whole`: what was not seen in this pass is gone.
  Status remove_merged_keywords(bool is_whole);

 private:
  Status restate_now(const Restated&);
  [[nodiscard]] Result<std::optional<Located>> find_here(const NameHash& key, const MessagePath&,
                                                         const EntryState& before);
  [[nodiscard]] Result<std::string> merged_path(const Restated&, const Located& here);
  Status remove(const std::string& path, const MessagePath&, HashSet& left);
  Status move(const Restated&, const std::string& from, const std::string& to);
  Status remove_keywords_file(const Directory& directory, const std::string& path);

  Delivery& delivery_;
  Judge& judge_;
  Builder& builder_;
  Keywords& keywords_;
  Options options_;
  std::vector<Restated> waiting_;
  HashSet gone_;
};

}  // namespace vstate::mail
