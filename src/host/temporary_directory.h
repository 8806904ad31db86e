/// \file
/// A directory of this machine that goes with the object, and that nobody else can look into.
#pragma once

#include <memory>
#include <string>

#include "vstate/base/result.h"

namespace vstate {

class TemporaryDirectory {
 public:
  [[nodiscard]] static Result<std::shared_ptr<const TemporaryDirectory>> make();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  explicit TemporaryDirectory(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace vstate
