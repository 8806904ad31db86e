/// \file
/// Plan -> server. Each action is safe to repeat; what was done when a run stops stays done, and
/// the next run's plan holds the rest.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apply/mail_feed.h"
#include "delivery/deliver.h"
#include "inspect/inspect.h"
#include "ledger/ledger.h"
#include "store/account_store.h"
#include "sys/system.h"
#include "vstate/plan/plan.h"

namespace vstate {

struct Failure {
  std::string address;  ///< of the action (plan/plan.h:address_of)
  std::string message;
};

struct ApplyReport {
  std::vector<Failure> failures;
  std::uint64_t done = 0;                 ///< actions
  std::uint64_t messages = 0, bytes = 0;  ///< delivered
  std::uint64_t restated = 0;  ///< messages renamed: the source has other flags, or moved them
  std::uint64_t removed = 0;   ///< messages deleted, since they are gone at the source
  std::uint64_t gone = 0;      ///< messages that are gone at the source and stay here
  bool is_published = true;    ///< false: the domain stays hidden until what failed is mended
  std::vector<std::string> remarks;  ///< "qmail-send is not running, so it was not told"
};

/// Told of each action as it begins and ends. Implemented by views; an apply prints nothing.
class ApplyObserver {
 public:
  virtual ~ApplyObserver() = default;
  virtual void on_start(const Action&) {}
  /// More messages and bytes are written. Like on_box, called by several threads at once.
  virtual void on_progress(std::uint64_t messages, std::uint64_t bytes) {
    (void)messages;
    (void)bytes;
  }
  /// The mail of a mailbox or a list, or the domain's own files, is being taken in.
  virtual void on_box(ArchiveKind, const std::string& name) { (void)name; }
  virtual void on_box_end(ArchiveKind, const std::string& name) { (void)name; }
  /// Something failed that is no action of its own: the mail of one mailbox of a feed.
  virtual void on_failure(const std::string& address, const std::string& message) {
    (void)address;
    (void)message;
  }
  /// `message` is empty when the action succeeded.
  virtual void on_end(const Action&, const std::string& message) { (void)message; }
};

struct ApplyInput {
  System& system;
  const Server& server;
  AccountStore& store;
  const State& desired;
  const Observation& actual;
  std::string archive_root;      ///< host directory that the file's archives are relative to
  Ledger* ledger = nullptr;      ///< null: nothing is remembered
  MailFeed* feed = nullptr;      ///< mail that no archive of the file holds
  bool prunes_mail = false;      ///< deletes messages that are gone at the feed's source
  std::uint64_t max_delete = 0;  ///< so many, however many there are (PlanOptions::max_delete)
  bool to_dovecot = false;       ///< makes Dovecot's files of Courier's
  unsigned jobs = 1;             ///< mailboxes at a time
  Selection selection = {};      ///< what of the feed is taken
};

class Executor;

/// A plan that is carried out in steps, so that many domains are published at once: a publication
/// rewrites files of qmail that grow with the domains of the server. What it is made of must
/// outlive it. A failed item does not stop the others; a failure keeps a new domain unpublished.
/// The steps fail themselves only where going on makes no sense: a full disk, a lock that is held,
/// an interruption. What was done until then stays.
class PlanRun {
 public:
  PlanRun(const ApplyInput&, const Plan&, ApplyObserver&);
  PlanRun(const PlanRun&) = delete;
  PlanRun& operator=(const PlanRun&) = delete;
  ~PlanRun();

  /// All but the publication. Where it fails the ledger knows what was done, and nothing follows.
  Status build();
  /// Tells the ledger what was done, and gives the report.
  Result<ApplyReport> end();

  [[nodiscard]] Executor& executor() { return *executor_; }

 private:
  std::unique_ptr<Executor> executor_;
};

/// Tells qmail of all names of domains that are built; of the others none. If one domain's cannot
/// be published the others are all the same, and the reports say which.
Status publish(const std::vector<PlanRun*>&);

/// The steps together, for one domain.
[[nodiscard]] Result<ApplyReport> apply_plan(const ApplyInput&, const Plan&, ApplyObserver&);

/// The directory that an archive belongs to on a server with these paths; nothing for a mailbox
/// that has no home yet.
[[nodiscard]] std::optional<std::string> archive_target(ArchiveKind, const std::string& name,
                                                        const Paths&);
/// What a delivery into a home, a list or the domain's directory leaves alone: in the last one
/// homes and lists, which others deliver to, and everywhere what the State or the back-end
/// describes.
[[nodiscard]] Reserved reserved_in(ArchiveKind, const Paths&, const State& desired);
/// The archive and its increments on this machine, without the first `known`.
[[nodiscard]] ArchiveFiles archive_files(const std::string& root, const ArchiveRef&,
                                         std::size_t known = 0);
/// The digests of the first `count` of them, as the ledger remembers them.
[[nodiscard]] std::string digests_of(const ArchiveRef&, std::size_t count);
/// The domain's own files are as the file says; what lies in mailboxes and lists is their owners'.
[[nodiscard]] OnDifference on_difference(ArchiveKind);

/// Where vpopmail would make a new domain's directory at this moment, and whether the domains'
/// counter takes part.
struct NewDirectory {
  std::string path;
  bool is_hashed = false;
};
[[nodiscard]] Result<NewDirectory> preview_directory(AccountStore&, const Server&,
                                                     const DomainName&);

}  // namespace vstate
