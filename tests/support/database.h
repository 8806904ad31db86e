/// \file
/// Private MariaDB and PostgreSQL servers, started once a run by tests/support/database.py.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "support/sandbox.h"

namespace vstate::test {

class DatabaseServer {
 public:
  /// The server of this kind, "mysql" or "pgsql"; nothing where its programs are not installed.
  [[nodiscard]] static DatabaseServer* get(const std::string& kind);
  ~DatabaseServer();
  DatabaseServer(const DatabaseServer&) = delete;
  DatabaseServer& operator=(const DatabaseServer&) = delete;

  /// One command of database.py; a refusal fails the test.
  std::string run(const std::vector<std::string>& command);  // NOLINT(modernize-use-nodiscard)

 private:
  explicit DatabaseServer(const std::string& kind);
  [[nodiscard]] bool start();

  TemporaryDirectory directory_;
  pid_t process_ = -1;
  int to_ = -1, from_ = -1;
};

/// One way in which a server may keep its accounts.
struct StoreKind {
  std::string name;     ///< "mysql 5.4 own tables MyISAM"
  std::string backend;  ///< as --backend has it
  std::string version;
  bool many_domains = true, stores_clear_passwords = false;
  std::string engine;  ///< of MariaDB's tables
};

/// All that are compiled in and whose programs are installed.
[[nodiscard]] std::vector<StoreKind> store_kinds();
/// The back-ends that are compiled in and lack their server's programs.
[[nodiscard]] std::vector<std::string> missing_databases();

/// An empty mail server that keeps its accounts so, with an empty database of its own.
class KindOfServer {
 public:
  explicit KindOfServer(const StoreKind&);
  [[nodiscard]] const Sandbox& sandbox() const { return sandbox_; }
  [[nodiscard]] engine::Session open(std::unique_ptr<System> system = nullptr) const {
    return sandbox_.open(std::move(system));
  }
  /// Runs statements as the database's administrator.
  std::string sql(const std::string& text) const;  // NOLINT(modernize-use-nodiscard)
  [[nodiscard]] DatabaseServer* database() const { return database_; }

 private:
  StoreKind kind_;
  Sandbox sandbox_;
  DatabaseServer* database_ = nullptr;
  std::string name_;
};

}  // namespace vstate::test
