/// \file
/// Holding off deliveries to a domain while it is copied, as vpopmail's admins do by hand: with the
/// sticky bit of its directory qmail-local defers all mail for it and its alias domains
/// (qmail-local.c:checkhome), and qmail-send tries again later. POP3, IMAP, and qmailadmin work on;
/// a delivery that has begun ends.
#pragma once

#include <sys/types.h>

#include <string>

#include "sys/handle.h"
#include "sys/system.h"
#include "vstate/base/result.h"

namespace vstate {

class DeliveryFreeze {
 public:
  /// Sets the bit. A process of its own takes it away again when this one lets go of it, however it
  /// ends: by a signal that cannot be caught, too. Only a machine that stops leaves it, which every
  /// later look at the domain tells. A directory that has the bit already keeps it.
  ///
  /// Forks: call it before there are threads. The other process holds none of this one's files.
  [[nodiscard]] static Result<DeliveryFreeze> begin(System&, const std::string& directory);
  ~DeliveryFreeze();
  DeliveryFreeze(DeliveryFreeze&&) noexcept;
  DeliveryFreeze& operator=(DeliveryFreeze&&) = delete;

  /// False: it was frozen before, and stays so.
  [[nodiscard]] bool is_ours() const { return watcher_ > 0; }
  /// Takes the bit away and says whether that worked; the destructor does it in silence.
  Status end();

 private:
  DeliveryFreeze() = default;
  std::string directory_;
  Handle held_;    ///< the watcher waits for its end
  Handle frozen_;  ///< the directory, for when the watcher is killed
  pid_t watcher_ = -1;
};

}  // namespace vstate
