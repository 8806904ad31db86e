/// \file
/// Takes mail into a directory, entry by entry, from whatever source: an archive, a stream, or the
/// files of another server. Each entry is judged when it comes (delivery/judge.h); nothing is known
/// of those that follow, so a source may be as long as it likes.
///
/// Order: directories, files and messages as they come; at the end links, messages with keywords,
/// and the files that tell of the messages beside them (UIDs, keywords), under Dovecot's lock; then
/// what is gone at the source. What was built waits for the batch.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "archive/archive.h"
#include "delivery/batch.h"
#include "delivery/builder.h"
#include "delivery/delivery.h"
#include "delivery/judge.h"
#include "delivery/keywords.h"
#include "delivery/source_changes.h"
#include "maildir/memory.h"
#include "maildir/sink.h"
#include "sys/system.h"
#include "vstate/base/result.h"
#include "vstate/model/server.h"

namespace vstate {

struct ReceiveOptions {
  Rules rules = {};
  mail::Changes::Options changes = {};
};

/// Where the mail goes.
struct Destination {
  std::string directory;  ///< made (0700) if it is missing; its parents are not
  Owner owner;
  std::string label;  ///< names the mailbox in the batch's failures
};

class Receiver final : public RemoteSink {
 public:
  /// Takes entries whose paths are relative to the directory. The memory and the batch must outlive
  /// the receiver. Settles first what a stopped pass announced.
  [[nodiscard]] static Result<std::unique_ptr<Receiver>> open(System&, const Destination&,
                                                              const ReceiveOptions&, MailMemory&,
                                                              Batch&);

  void expect_repeated(std::vector<NameHash> names) override {
    judge_.expect_repeated(std::move(names));
  }
  [[nodiscard]] Result<bool> wants_message(const std::string& path) override;
  [[nodiscard]] bool wants_file(const std::string& path, std::uint64_t stamp) override;
  Status take(const TreeEntry&, Content&) override;
  Status restate(const NameHash&, const std::string& path) override;
  Status forget(const NameHash&) override;
  Status forget_unseen() override;
  void expect_no_more() override { is_whole_ = true; }
  /// Does what comes last. Fails with `conflict`, after all else was built, if something is in the
  /// way of a directory.
  Status finish() override;
  [[nodiscard]] const ReceiveCount& count() const { return delivery_.count; }
  [[nodiscard]] const MailMemory& memory() const { return delivery_.memory; }

 private:
  Receiver(mail::Delivery delivery, const ReceiveOptions& options);
  Status take_here(const TreeEntry&, Content&);
  Status take_message(const TreeEntry&, Content&);
  [[nodiscard]] Result<bool> wants_here(const std::string& path, bool is_scoped);
  [[nodiscard]] Result<mail::Verdict> take_file(const TreeEntry&, Content&);
  Status take_keywords(const TreeEntry&, Content&);
  Status place_link(const TreeEntry&);

  mail::Delivery delivery_;
  mail::Judge judge_;
  mail::Builder builder_;
  mail::Keywords keywords_;
  mail::Changes changes_;
  /// Messages that are wanted and did not come yet, by path.
  std::unordered_map<std::string, mail::MessageIdentity> asked_;
  std::vector<TreeEntry> links_;
  bool is_whole_ = false;  ///< all that the source has was seen
};

/// Gives the receiver all of an archive. `checked` is ArchiveStatus::identity of a comparison that
/// read all of it: one that is broken or unsafe never comes here. Fails with `conflict` if the
/// archive is another now.
Status receive_archive(Receiver&, const ArchiveFiles&, const std::string& checked,
                       ExtractLimits = {});

}  // namespace vstate
