/// \file
/// The other end of a receiver: gives one directory of a source to somebody who remembers what came
/// before. The files of one machine go from one to the other without a detour.
#pragma once

#include "maildir/sink.h"
#include "maildir/walk.h"
#include "vstate/base/result.h"

namespace vstate {

struct OfferCount {
  TreeCount tree;
  bool has_changed = false;  ///< names came or went while it was copied
};

/// Gives the sink everything that walk_tree finds, reading only what it does not remember.
/// Directories and files of the source are read with the rights of the process. A source that is
/// not there has changed. What cannot be read is an error that names all of it, once the rest has
/// been given; the sink then is not told that anything is gone.
Status offer_tree(const Files&, const TreeSource&, MailSink&, OfferCount&);

}  // namespace vstate
