/// \file
/// The memory of a server: what the last apply left of each domain, and the runs. SQLite, in
/// /var/lib/vstate/ledger.sqlite below the root, 0600.
///
/// It is a memory and an accelerator, never a truth: a server whose ledger is gone is compared in
/// two ways instead of three, and converges all the same. Values are kept as keyed digests; the key
/// lies in the ledger and nowhere else.
///
/// One process writes at a time: engine/session.h:take_run_lock is held. Reading needs no lock and
/// writes nothing.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "ledger/delivered_mail.h"
#include "ledger/domain_memory.h"
#include "ledger/run_history.h"
#include "sys/system.h"
#include "vstate/base/result.h"

namespace vstate {

class Database;

/// The file. What it holds is asked of its parts, which live as long as it does.
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

  [[nodiscard]] const DomainMemory& domains() const;
  [[nodiscard]] DomainMemory& domains();
  [[nodiscard]] const RunHistory& runs() const;
  [[nodiscard]] RunHistory& runs();
  [[nodiscard]] const DeliveredMail& mail() const;
  [[nodiscard]] DeliveredMail& mail();

  static constexpr int k_format = 2;

 private:
  Ledger(std::unique_ptr<Database>, bool keeps_mail);

  struct Tables;
  std::unique_ptr<Tables> tables_;
  std::string moved_to_;
  bool has_journal_ = false;
};

}  // namespace vstate
