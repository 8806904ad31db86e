/// \file
/// A mail server below a temporary directory, and ways to run vstate against it inside the test.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "apply/apply.h"
#include "engine/domain_file.h"
#include "engine/session.h"
#include "sys/local_system.h"
#include "vstate/plan/plan.h"

namespace vstate::test {

/// A directory of mode 0755 that goes with the object, in memory where the machine has /dev/shm.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

struct ServerLayout {
  std::string vpopmail_dir = "/srv/vpopmail";
  std::string qmail_dir = "/var/qmail";
  std::string version = "5.6.13";
  bool stores_clear_passwords = false;
  std::string defines;  ///< more lines of vpopmail_config.h
};

/// An empty server: qmail's control files with foreign lines in them, vpopmail's etc, no domain.
class Sandbox {
 public:
  explicit Sandbox(ServerLayout layout = {});

  [[nodiscard]] const std::string& root() const { return directory_.path(); }
  [[nodiscard]] std::string path(std::string_view server_path) const;
  [[nodiscard]] const ServerLayout& layout() const { return layout_; }
  [[nodiscard]] Owner owner() const { return owner_; }
  void write(const std::string& server_path, std::string_view bytes) const;
  [[nodiscard]] std::string read(const std::string& server_path) const;
  /// A message as an MTA delivers it, into `folder` ("" is the inbox) of a home.
  void deliver(const std::string& home, const std::string& folder, const std::string& name,
               std::string_view body) const;

  /// Opens the server with `system`, or with an ordinary one.
  [[nodiscard]] engine::Session open(std::unique_ptr<System> system = nullptr) const;

  /// "PATH kind mode uid:gid content" for everything below the root, sorted; without what may
  /// differ between two runs that end alike (see the source).
  [[nodiscard]] std::vector<std::string> listing() const;

 private:
  TemporaryDirectory directory_;
  ServerLayout layout_;
  Owner owner_;
};

/// Stops, as if the process had been killed, at the step numbered `last` and at each later one;
/// counts steps otherwise.
class SteppedSystem : public LocalSystem {
 public:
  explicit SteppedSystem(std::string root, long last = -1)
      : LocalSystem(std::move(root)), last_(last) {}
  Status before_step(std::string_view what, std::string_view path) override;
  [[nodiscard]] long steps() const { return steps_; }

 private:
  long last_;
  long steps_ = 0;
};

/// A document's text as `prepare` takes it.
[[nodiscard]] engine::DomainFile domain_file(const std::string& text,
                                             const std::string& archive_root);

/// Plan and apply in one go. The error is what ended the run early.
[[nodiscard]] Result<ApplyReport> apply(engine::Session&, const engine::DomainFile&,
                                        const PlanOptions& = {});
[[nodiscard]] Plan plan(engine::Session&, const engine::DomainFile&, const PlanOptions& = {});

/// The document that describes `domain` on a server; archives go below `archive_root`.
[[nodiscard]] std::string dump(engine::Session&, const std::string& domain,
                               const std::string& archive_root);

/// Directory of unpacked captures (VSTATE_CAPTURES), if there is one.
[[nodiscard]] std::optional<std::string> captures();

}  // namespace vstate::test
