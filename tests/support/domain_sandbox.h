/// \file
/// One domain on a disk, on which a single thing is written as an apply writes it, and which is
/// then read as inspection reads it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "domain/site.h"
#include "support/sandbox.h"

namespace vstate::test {

class DomainSandbox {
 public:
  /// With the accounts postmaster, alice, and bob, and their homes; no server knows the name yet.
  DomainSandbox();

  [[nodiscard]] Observation inspect();
  [[nodiscard]] State state() { return *inspect().state; }
  /// Does `work` where an apply would do it now.
  Status write(const std::function<Status(Site&)>& work);
  /// The same, and fails the test if it does.
  void must_write(const std::function<Status(Site&)>& work);

  /// "PATH kind mode uid:gid content" of all below the domain's directory, sorted.
  [[nodiscard]] std::vector<std::string> listing() const;
  /// Paths below the domain's directory that belong to somebody else, or that others than their
  /// owner may use, but for `shared`, whose modes the file gives.
  [[nodiscard]] std::vector<std::string> strangers(const std::string& shared = "") const;
  [[nodiscard]] const std::string& directory() const { return directory_; }
  [[nodiscard]] std::string host(const std::string& name) const {
    return server.path(directory_ + "/" + name);
  }

  const Sandbox server;
  engine::Session session;

 private:
  std::string directory_;
  std::vector<std::string> remarks_;
};

}  // namespace vstate::test
