/// \file
/// One file of the machine that vstate runs on, replaced as a whole.
#pragma once

#include <string>

#include "sys/handle.h"
#include "vstate/base/result.h"

namespace vstate {

/// Written to PATH.partial, for its owner alone, and renamed to PATH once all of it is on the disk:
/// readers see the old bytes or the new ones. Without `commit` nothing is left of it. Whoever may
/// write to PATH at the same time holds a lock: a PATH.partial that is there is of a stopped run.
class AtomicFile {
 public:
  explicit AtomicFile(std::string path) : path_(std::move(path)), partial_(path_ + ".partial") {}
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  Status open();
  [[nodiscard]] bool is_open() const { return file_.is_open(); }
  /// What is written into it goes here.
  [[nodiscard]] int descriptor() const { return file_.get(); }
  /// PATH.partial, for errors.
  [[nodiscard]] const std::string& partial() const { return partial_; }
  /// The bytes and the name are on the disk when it returns.
  Status commit();
  /// Takes away what was written; the destructor does it in silence.
  Status discard();

 private:
  std::string path_, partial_;
  Handle file_;
  bool is_made_ = false;
};

}  // namespace vstate
