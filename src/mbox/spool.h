/// \file
/// A copy of an mbox for the time in which it is read: it is taken in one pass while the mbox is
/// locked, and nobody else sees or changes it.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "sys/files.h"
#include "vstate/base/result.h"

namespace vstate::mbox {

class Spool {
 public:
  /// Reads the file to its end. What is larger than a megabyte goes into a file without a name in
  /// $TMPDIR, else in /var/tmp. `shown` names the mbox in errors.
  [[nodiscard]] static Result<std::shared_ptr<const Spool>> take(OpenFile&, std::string_view shown);
  ~Spool();
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;
  [[nodiscard]] std::string_view text() const {
    return mapped_ == nullptr ? std::string_view(small_) : std::string_view(mapped_, size_);
  }

  /// Says that so much of it was read. Memory of a large one is let go of now and then; all of it
  /// can still be read.
  void note_read(std::size_t bytes) const;

 private:
  Spool() = default;

  std::string small_;
  char* mapped_ = nullptr;
  std::size_t size_ = 0;
  mutable std::atomic<std::size_t> since_release_ = 0;
};

}  // namespace vstate::mbox
