/// \file
/// Holding off deliveries to a domain while it is copied, as vpopmail's admins do by hand: with the
/// sticky bit of its directory qmail-local defers all mail for it and its alias domains
/// (qmail-local.c:checkhome), and qmail-send tries again later. POP3, IMAP, and qmailadmin work on;
/// a delivery that has begun ends.
#pragma once

#include <memory>
#include <string>

#include "sys/handle.h"
#include "sys/process/end_watcher.h"
#include "sys/system.h"
#include "vstate/base/result.h"

namespace vstate {

/// A domain whose deliveries are held off. Goes on to be so until `end`, or until it is destroyed.
class DeliveryFreeze {
 public:
  virtual ~DeliveryFreeze() = default;
  /// False: it was frozen before, and stays so.
  [[nodiscard]] virtual bool is_ours() const = 0;
  /// Takes the bit away and says whether that worked; the destructor does it in silence.
  virtual Status end() = 0;
};

/// Of a server on this machine.
class LocalFreeze final : public DeliveryFreeze {
 public:
  /// Sets the bit; a EndWatcher takes it away again when this process ends without doing so. Only a
  /// machine that stops leaves it, which every later look at the domain tells. A directory that has
  /// the bit already keeps it.
  [[nodiscard]] static Result<std::unique_ptr<DeliveryFreeze>> begin(System&,
                                                                     const std::string& directory);
  ~LocalFreeze() override;
  LocalFreeze(const LocalFreeze&) = delete;
  LocalFreeze& operator=(const LocalFreeze&) = delete;

  [[nodiscard]] bool is_ours() const override { return watcher_.is_running(); }
  Status end() override;

 private:
  LocalFreeze() = default;
  std::string directory_;
  Handle frozen_;  ///< the directory
  EndWatcher watcher_;
};

/// qmail-local.c:checkhome defers all mail for a home that has this bit.
inline constexpr unsigned k_sticky = 01000;

}  // namespace vstate
