// Delivering an archive.

#include <unistd.h>

#include <fmt/format.h>

#include "archive/chain.h"
#include "delivery/compare.h"
#include "delivery/deliver.h"
#include "delivery/entry_content.h"
#include "delivery/receive.h"

namespace vstate {

Status receive_archive(Receiver& receiver, const ArchiveFiles& archive, const std::string& checked,
                       ExtractLimits limits) {
  VSTATE_TRY_ASSIGN(auto reader,
                    mail::Chain::open(archive, limits, false,
                                      archive.continues() ? &receiver.memory() : nullptr));
  if (reader.identity() != checked)
    return fail(Errc::conflict,
                fmt::format("{}: was changed meanwhile; run it again", archive.paths().front()));
  mail::EntryContent content(reader);
  while (true) {
    VSTATE_TRY_ASSIGN(const bool is_there, reader.next());
    if (!is_there) break;
    VSTATE_TRY(receiver.take(reader.entry(), content));
  }
  for (const auto& [key, path] : reader.earlier())
    VSTATE_TRY(path.empty() ? receiver.forget(key) : receiver.restate(key, path));
  if (!archive.continues()) receiver.expect_no_more();
  return receiver.finish();
}

Result<DeliveryCount> extract_archive(System& system, const ArchiveFiles& archive,
                                      std::string_view directory, Owner owner,
                                      OnDifference on_difference, ExtractLimits limits) {
  VSTATE_TRY_ASSIGN(const auto status,
                    compare_archive(system, archive, directory, on_difference, limits));
  if (status.is_whole()) return DeliveryCount{};
  Batch batch(system, owner, nullptr);
  MailMemory nothing;
  VSTATE_TRY_ASSIGN(const auto receiver,
                    Receiver::open(system, std::string(directory), owner,
                                   {on_difference, false, false, limits}, nothing, batch, ""));
  receiver->expect_repeated(status.repeated);
  auto received = receive_archive(*receiver, archive, status.identity, limits);
  if (!received && received.error().ends_run()) return tl::unexpected<Error>(received.error());
  VSTATE_TRY(batch.flush());
  if (!received) return tl::unexpected<Error>(received.error());
  if (const auto failures = batch.take_failures(); !failures.empty())
    return tl::unexpected<Error>(failures.begin()->second);
  VSTATE_TRY(system.sync(directory));
  return receiver->count();
}

}  // namespace vstate
