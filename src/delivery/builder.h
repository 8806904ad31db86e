/// \file
/// Makes what a judge says is to be made: directories and links at once, messages and files under
/// temporary names that wait in the batch.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "delivery/batch.h"
#include "delivery/delivery.h"
#include "delivery/judge.h"
#include "delivery/keywords.h"
#include "maildir/sink.h"
#include "maildir/walk.h"

namespace vstate::mail {

/// Everything is made as the delivery's owner (ActingAs): directories with (mode & 0755) | 0700,
/// messages with 0600 and the entry's time, other files with (mode & 0755) | 0600. A message is
/// built in its folder's `tmp`, as every delivery agent does, other files beside their place. A
/// step is announced before each of them.
class Builder {
 public:
  Builder(Delivery& delivery, Judge& judge) : delivery_(delivery), judge_(judge) {}

  /// Makes a directory, and those above it (0700) that are missing. Returns false if something is
  /// in the way, which is counted as refused once.
  [[nodiscard]] Result<bool> make_directory(const std::string& path, unsigned mode = 0700);

  /// Builds a message under its own name. The content may be kept open and built later.
  Status message(const TreeEntry&, Content&, const NameHash& key);
  /// Builds a message whose place another one leaves in this pass, as is to be told yet.
  Status contested(const TreeEntry&, Content&, const MessageIdentity&);
  /// Hands over to the batch those whose place is left. Of the others what is here is remembered.
  Status settle_contested();
  /// Builds a message under a name that is made of its content, unless that came before.
  Status variant(const TreeEntry&, Content&);
  /// Builds a file. Returns `there` if what was built is what is here, and then only remembers it.
  [[nodiscard]] Result<Verdict> file(const TreeEntry&, Content&, const Judgement&);
  /// Makes a link, or replaces what is there by it.
  Status link(const TreeEntry&);

  /// Builds the messages that were kept open.
  Status build_queued();
  /// Hands over to the batch what has to come last: messages with keywords, whose letters are known
  /// by now, and then the files that tell of UIDs and keywords.
  Status hand_over_late(Keywords&);

 private:
  /// A message that is open at the source. The thread becomes its owner once for many of them.
  struct Queued {
    TreeEntry entry;
    std::unique_ptr<Content> content;
    Batch::Item item;
  };
  [[nodiscard]] Result<std::optional<Batch::Item>> begin_message(const TreeEntry&,
                                                                 const NameHash& named_by);
  [[nodiscard]] Batch::Item item_of(const TreeEntry&) const;
  Status write(const TreeEntry&, Content&, const Batch::Item&, Sha256* digest = nullptr);
  Status rename_temporary(Batch::Item&, std::string name);
  Status hand_on(Batch::Item);

  Delivery& delivery_;
  Judge& judge_;
  std::vector<Queued> queued_;
  std::vector<Batch::Item> late_;
  struct Contested {
    Batch::Item item;
    NameHash name;
  };
  std::vector<Contested> contested_;
};

/// Removes temporaries that a stopped pass left: of what the source has no more or has elsewhere,
/// and of what stands in its place.
Status remove_left_over(Delivery&, const TargetMessages&);

}  // namespace vstate::mail
