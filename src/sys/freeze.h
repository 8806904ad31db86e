/// \file
/// Holding off deliveries to a domain while it is copied, as vpopmail's admins do by hand: with the
/// sticky bit of its directory qmail-local defers all mail for it and its alias domains
/// (qmail-local.c:checkhome), and qmail-send tries again later. POP3, IMAP, and qmailadmin work on;
/// a delivery that has begun ends.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "sys/handle.h"
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
  /// Sets the bit. A process of its own takes it away again when this one lets go of it, however it
  /// ends: by a signal that cannot be caught, too. Only a machine that stops leaves it, which every
  /// later look at the domain tells. A directory that has the bit already keeps it.
  ///
  /// Forks: call it before there are threads. The other process holds none of this one's files.
  [[nodiscard]] static Result<std::unique_ptr<DeliveryFreeze>> begin(System&,
                                                                     const std::string& directory);
  ~LocalFreeze() override;
  LocalFreeze(const LocalFreeze&) = delete;
  LocalFreeze& operator=(const LocalFreeze&) = delete;

  [[nodiscard]] bool is_ours() const override { return watcher_ > 0; }
  Status end() override;

 private:
  LocalFreeze() = default;
  std::string directory_;
  Handle held_;    ///< the watcher waits for its end
  Handle frozen_;  ///< the directory, for when the watcher is killed
  pid_t watcher_ = -1;
};

/// qmail-local.c:checkhome defers all mail for a home that has this bit.
inline constexpr unsigned k_sticky = 01000;

/// For a process that watches over another one: nothing of the other's may be held open by it.
void close_all_above(int last);

}  // namespace vstate
