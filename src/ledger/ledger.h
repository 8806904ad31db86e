/// \file
/// The memory of a server: what the last apply left of each domain, and the runs. SQLite, in
/// /var/lib/vstate/ledger.sqlite below the root, 0600.
///
/// It is a memory and an accelerator, never a truth: a server whose ledger is gone is compared in
/// two ways instead of three, and converges all the same. Values are kept as keyed digests; the key
/// lies in the ledger and nowhere else.
///
/// One process writes at a time: cli/session.h:take_run_lock is held. Reading needs no lock and
/// writes nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "maildir/memory.h"
#include "sys/system.h"
#include "vstate/base/result.h"
#include "vstate/model/names.h"
#include "vstate/plan/memory.h"

namespace vstate {

/// What became of one action of a run.
struct RunChange {
  std::string address;  ///< plan/plan.h:address_of
  std::string failure;  ///< empty: done
};

/// One apply or pull of one domain that changed something, or tried.
struct Run {
  std::int64_t number = 0;
  std::string command;  ///< "apply", "pull"
  std::string domain;
  std::int64_t started = 0;  ///< seconds since 1970, UTC
  std::int64_t ended = 0;    ///< 0: it was stopped before its end
  std::string summary;       ///< as the run printed it; empty while it runs
  std::uint64_t messages = 0, bytes = 0;
  std::vector<RunChange> changes;
};

class Database;

class Ledger {
 public:
  /// For reading; nothing if there is none. What a killed run left half way is read as it was
  /// before that. `unsupported` for one of a newer version, `denied` for one that may not be read,
  /// `invalid` for one that is damaged.
  [[nodiscard]] static Result<std::optional<Ledger>> look(const System&);
  enum class Known { nothing, damaged };
  /// For writing; made if there is none, brought to this version's format if it is older, and taken
  /// back to before what a killed run left half way. One that is damaged, as SQLite says or as a
  /// reader found, is renamed to ledger.damaged-N beside it, and a new one is made.
  /// /var/lib/vstate must exist.
  [[nodiscard]] static Result<Ledger> open(System&, Known = Known::nothing);
  /// The path that `open` moved a damaged ledger to; empty if it moved none.
  [[nodiscard]] const std::string& moved_to() const { return moved_to_; }
  /// True once a call failed for what the file holds; the ledger is of no use from then on.
  [[nodiscard]] bool is_damaged() const;
  /// True if a transaction is under way, or a killed run left one that the next `open` takes back.
  [[nodiscard]] bool has_journal() const { return has_journal_; }
  /// Renames the ledger as `open` renames a damaged one, and returns the path. Nothing may be asked
  /// of a Ledger of this file any more.
  [[nodiscard]] static Result<std::string> move_away(System&);
  Ledger(Ledger&&) noexcept;
  Ledger& operator=(Ledger&&) noexcept;
  ~Ledger();

  /// What is known of these items; of the others the Memory knows nothing.
  [[nodiscard]] Result<Memory> memory_of(const DomainName&,
                                         const std::set<std::string>& items) const;
  /// Takes what an apply left, but for the items in `failed`. A domain that was made anew forgets
  /// all that was known first.
  Status remember(const DomainName&, const MemoryUpdate&, const std::set<std::string>& failed,
                  bool is_new);
  /// True if `remember` would change something.
  [[nodiscard]] Result<bool> is_news(const DomainName&, const MemoryUpdate&) const;

  /// Returns the run's number.
  Result<std::int64_t> begin_run(const std::string& command, const DomainName&);
  Status end_run(const Run&);
  /// The newest first; of one domain, or of all (empty). Changes are read only if asked for.
  [[nodiscard]] Result<std::vector<Run>> runs(const std::string& domain, std::size_t most,
                                              bool with_changes) const;

  /// What came to a mailbox, a list ("list"), or the domain's files ("files", no name). For
  /// reading, one that is not known has the number 0.
  [[nodiscard]] Result<MailMemory> mail_of(const DomainName&, const std::string& kind,
                                           const std::string& name) const;
  /// Kind and name of all that anything came to.
  [[nodiscard]] Result<std::vector<std::pair<std::string, std::string>>> mail_boxes(
      const DomainName&) const;
  /// The same as mail_of, and makes room for it.
  Result<MailMemory> open_mail(const DomainName&, const std::string& kind, const std::string& name);
  /// Forgets all that came to it: it is made anew.
  Status forget_mail(const DomainName&, const std::string& kind, const std::string& name);
  /// True if that archive was wholly in, and `identity` (archive_identity) says it is still the
  /// one.
  [[nodiscard]] Result<bool> has_archive(const DomainName&, const std::string& kind,
                                         const std::string& name, const std::string& sha256,
                                         const std::string& identity) const;
  Status remember_archive(const DomainName&, const std::string& kind, const std::string& name,
                          const std::string& sha256, const std::string& identity);

  /// Takes what is delivered. Its calls, open_mail, and mail_of may come from several threads at a
  /// time.
  [[nodiscard]] DeliveryLog& deliveries();
  /// All renames that this process announced are on the disk: none of them is pending any more.
  /// What a stopped run announced stays open until a pass over its mailbox has looked.
  Status settle();

  static constexpr int k_format = 2;

 private:
  explicit Ledger(std::unique_ptr<Database>);
  Result<std::int64_t> domain_number(const DomainName&);
  [[nodiscard]] Result<std::optional<std::int64_t>> find_domain(const DomainName&) const;
  Result<std::int64_t> open_box(const DomainName&, const std::string& kind,
                                const std::string& name);
  /// Nothing: the item is not known. One without parts is another thing.
  using ItemParts = std::map<std::string, std::string>;
  [[nodiscard]] Result<std::optional<ItemParts>> parts_of(std::int64_t domain,
                                                          const std::string& item) const;
  [[nodiscard]] Result<std::string> key() const;

  std::unique_ptr<Database> database_;
  std::string moved_to_;
  bool has_journal_ = false;
  bool keeps_mail_ = true;  ///< false for an older format that is only read
  class Deliveries;
  std::unique_ptr<Deliveries> deliveries_;
};

}  // namespace vstate
