/// \file
/// A copy of an mbox for the time in which it is read: it is taken in one pass while the mbox is
/// locked, and nobody else sees or changes it.
#pragma once

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

  /// Lets go of the memory of a part that need not be at hand; it can still be read.
  void release(std::size_t begin, std::size_t end) const;

 private:
  Spool() = default;

  std::string small_;
  const char* mapped_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace vstate::mbox
