/// \file
/// An archive delivered and compared as an apply does it, for one directory and without a ledger.
#pragma once

#include <string>

#include "delivery/check.h"
#include "delivery/compare.h"
#include "delivery/receiver.h"
#include "support/mail_sandbox.h"

namespace vstate::test {

inline Result<ArchiveStatus> compare(const System& system, const std::string& archive,
                                     const std::string& directory, OnDifference on_difference) {
  return compare_archive(system, archive, directory, {.on_difference = on_difference});
}

inline Result<std::vector<std::string>> check(const System& system, const std::string& archive,
                                              const std::string& directory, CheckDepth depth) {
  return check_archive(system, archive, directory, depth, FolderNames::as_they_are);
}

/// Delivers what the comparison finds missing. The archive is read to its end before the first
/// write.
inline Result<ReceiveCount> deliver(System& system, const std::string& archive,
                                    const std::string& directory, OnDifference on_difference) {
  VSTATE_TRY_ASSIGN(const auto status, compare(system, archive, directory, on_difference));
  if (status.is_whole()) return ReceiveCount{};
  Batch batch(system, mail_owner(), nullptr);
  MailMemory nothing;
  VSTATE_TRY_ASSIGN(
      const auto receiver,
      Receiver::open(system, {.directory = directory, .owner = mail_owner(), .label = ""},
                     {.rules = {.on_difference = on_difference}}, nothing, batch));
  receiver->expect_repeated(status.repeated);
  auto received = receive_archive(*receiver, archive, status.identity);
  if (!received && received.error().ends_run()) return tl::unexpected<Error>(received.error());
  VSTATE_TRY(batch.flush());
  if (!received) return tl::unexpected<Error>(received.error());
  if (const auto failures = batch.take_failures(); !failures.empty())
    return tl::unexpected<Error>(failures.begin()->second);
  VSTATE_TRY(system.sync(directory));
  return receiver->count();
}

}  // namespace vstate::test
