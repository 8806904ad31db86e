/// \file
/// What came to each mailbox, each list ("list"), and each domain's files ("files", no name).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "maildir/memory.h"
#include "vstate/base/result.h"
#include "vstate/model/names.h"

namespace vstate {

class Database;
class Deliveries;

/// A part of a Ledger, valid as long as that is open.
class DeliveredMail {
 public:
  /// A ledger of an older format keeps no mail: it has none to read.
  DeliveredMail(Database&, bool is_kept);
  ~DeliveredMail();
  DeliveredMail(const DeliveredMail&) = delete;
  DeliveredMail& operator=(const DeliveredMail&) = delete;

  /// For reading; one that is not known has the number 0.
  [[nodiscard]] Result<MailMemory> memory_of(const DomainName&, const std::string& kind,
                                             const std::string& name) const;
  /// Kind and name of all that anything came to.
  [[nodiscard]] Result<std::vector<std::pair<std::string, std::string>>> boxes(
      const DomainName&) const;
  /// The same as memory_of, and makes room for it.
  Result<MailMemory> open(const DomainName&, const std::string& kind, const std::string& name);
  /// Forgets all that came to it: it is made anew.
  Status forget(const DomainName&, const std::string& kind, const std::string& name);
  /// True if that archive was wholly in, and `identity` (archive_identity) says it is still the
  /// one.
  [[nodiscard]] Result<bool> has_archive(const DomainName&, const std::string& kind,
                                         const std::string& name, const std::string& sha256,
                                         const std::string& identity) const;
  Status remember_archive(const DomainName&, const std::string& kind, const std::string& name,
                          const std::string& sha256, const std::string& identity);

  /// Comes before the first delivery of a process: tells its announcements from those that a
  /// stopped one left.
  Status begin();
  /// Takes what is delivered. Its calls, open, and memory_of may come from several threads at a
  /// time.
  [[nodiscard]] DeliveryLog& deliveries();
  /// All renames that this process announced are on the disk: none of them is pending any more.
  /// What a stopped run announced stays open until a pass over its mailbox has looked.
  Status settle();

 private:
  Result<std::int64_t> open_box(const DomainName&, const std::string& kind,
                                const std::string& name);

  Database& database_;
  bool is_kept_;
  std::unique_ptr<Deliveries> deliveries_;
};

}  // namespace vstate
