/// \file
/// Taking mail into a directory, entry by entry, from whatever source: an archive, a stream, or the
/// files of another server. Each entry is judged when it comes; nothing is known of those that
/// follow, so a source may be as long as it likes.
///
/// A message is known by its unique name within the directory:
///
///   remembered?  here?   result
///   as at the source     nothing to do: not even a look at the file
///   otherwise    yes     what changed at the source since is done: a rename, never a copy
///   otherwise    no      nothing: its owner deleted it here
///   no           yes     nothing; from now on it is remembered
///   no           other   same name, other size: both are kept (delivery/deliver.h)
///   no           no      delivered
///
/// A file that is no message is replaced if it is still what the last pass wrote, and left alone
/// once somebody here has changed it. Files that tell of the messages beside them (UIDs, keywords)
/// come last, under Dovecot's lock.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "delivery/deliver.h"
#include "maildir/memory.h"
#include "maildir/sink.h"
#include "maildir/walk.h"
#include "sys/system.h"
#include "vstate/base/result.h"
#include "vstate/model/server.h"

namespace vstate {

/// An open file: copied by the kernel if it is on this machine, shared between both files where the
/// file system can.
class FileContent : public Content {
 public:
  FileContent(std::shared_ptr<OpenFile> file, std::uint64_t size, std::string path)
      : file_(std::move(file)), size_(size), path_(std::move(path)) {}
  Status copy_to(int file, const std::function<void(std::string_view)>* sink) override;
  [[nodiscard]] std::unique_ptr<Content> keep() override;

 private:
  std::shared_ptr<OpenFile> file_;
  std::uint64_t size_;
  std::string path_;
};

/// How many messages a run may delete since they are gone at the source. A source that seems to
/// have lost most of what came from it is more likely not mounted: beyond a third of what is
/// remembered of a mailbox, of ten or more, only so many go as somebody allowed by a number.
/// Threads share it.
class DeletionBudget {
 public:
  explicit DeletionBudget(std::uint64_t allowed = 0) : left_(allowed) {}
  /// True if `count` of `remembered` messages may go.
  [[nodiscard]] bool take(std::uint64_t count, std::uint64_t remembered);

 private:
  std::atomic<std::uint64_t> left_;
};

struct ReceiveOptions {
  OnDifference on_difference = OnDifference::keep;
  bool prune = false;       ///< delete messages that are gone at the source and untouched here
  bool to_dovecot = false;  ///< folders get Dovecot's names (delivery/convert.h)
  ExtractLimits limits;
  MailMemory* conversions = nullptr;     ///< the letters that convert_courier gave to messages
  DeletionBudget* may_delete = nullptr;  ///< null: as many as are gone
  const Reserved* reserved = nullptr;
};

struct ReceiveCount : DeliveryCount {
  std::uint64_t restated = 0;     ///< messages renamed, since the source has other flags or folders
  std::uint64_t removed = 0;      ///< messages deleted
  std::uint64_t gone = 0;         ///< messages gone at the source and kept here
  std::vector<std::string> kept;  ///< files that somebody changed here
  std::vector<std::string> refused;  ///< "PATH: why"
};

/// Files that are written and wait for their rename, of any number of mailboxes. Its flush makes
/// them durable at once (one syncfs for each file system), writes them into the log, and renames
/// them. One thread uses it.
class Batch {
 public:
  /// Told of messages and bytes as they are written, before the flush that places them.
  using Written = std::function<void(std::uint64_t messages, std::uint64_t bytes)>;
  /// `log` may be null, `written` empty.
  Batch(System&, Owner, DeliveryLog* log, Written written = {});
  ~Batch();
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  /// A file that is built (batch.h).
  struct Item;
  Status add(Item);
  /// A message that is here and gets another path, or none (batch.h).
  struct Move;
  Status add(Move);
  /// Something to be remembered that needs no rename.
  Status note(const DeliveryLog::Record&);
  Status flush();
  /// Failures of single files, by the mailbox that they were for; others are not held up.
  [[nodiscard]] std::map<std::string, Error> take_failures();

 private:
  struct Files;
  Status place(const Item&);
  Status make(const Move&);
  void drop_quota_counters();
  Status make_moves(const std::vector<Move>&);
  Status place_file(const Item&);
  Status withdraw(const Item&);
  void drop_built();

  System& system_;
  Owner owner_;
  DeliveryLog* log_;
  Written written_;
  std::unique_ptr<Files> files_;
  std::uint64_t built_bytes_ = 0;
  std::size_t targets_ = 0;
  std::map<std::string, Error> failures_;
};

/// Delivers what compare_archive finds missing (delivery/deliver.h). `checked` is
/// ArchiveStatus::identity of a comparison that read all of it; if the archive is another now, the
/// result is `conflict`.
Status receive_archive(class Receiver&, const ArchiveFiles&, const std::string& checked,
                       ExtractLimits = {});

class Receiver final : public RemoteSink {
 public:
  /// Takes entries whose paths are relative to `directory`, which is made (0700) if it is missing.
  /// `label` names the mailbox in failures; `repeated` are names known to stand in more than one
  /// folder of the source. The memory must outlive the receiver.
  [[nodiscard]] static Result<std::unique_ptr<Receiver>> open(System&, std::string directory, Owner,
                                                              const ReceiveOptions&, MailMemory&,
                                                              Batch&, std::string label);
  ~Receiver() override;
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;

  void expect_repeated(std::vector<NameHash>) override;
  [[nodiscard]] Result<bool> wants_message(const std::string& path) override;
  [[nodiscard]] bool wants_file(const std::string& path, std::uint64_t stamp) override;
  Status take(const TreeEntry&, Content&) override;
  Status restate(const NameHash&, const std::string& path) override;
  Status forget(const NameHash&) override;
  Status forget_unseen() override;
  void expect_no_more() override;
  /// Links, and what comes last. What was built waits for the batch.
  Status finish() override;
  [[nodiscard]] const ReceiveCount& count() const;
  [[nodiscard]] const MailMemory& memory() const;

 private:
  class Impl;
  explicit Receiver(std::unique_ptr<Impl>);
  std::unique_ptr<Impl> impl_;
};

}  // namespace vstate
