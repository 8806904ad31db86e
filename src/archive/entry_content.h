/// \file
/// The bytes of an archive's entry, for who receives them.
#pragma once

#include "archive/chain.h"
#include "maildir/sink.h"

namespace vstate::mail {

/// The content of whatever entry the chain is at.
class EntryContent final : public Content {
 public:
  explicit EntryContent(Chain& chain) : chain_(chain) {}
  Status read(const Sink& sink) override { return chain_.read(sink); }

 private:
  Chain& chain_;
};

}  // namespace vstate::mail
