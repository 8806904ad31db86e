#include "support/database.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "store/account_store.h"
#include "support/catch.h"
#include "support/steps.h"

namespace vstate::test {

namespace {

constexpr int k_not_installed = 125;

std::string read_line(int descriptor) {
  std::string line;
  char byte = 0;
  while (read(descriptor, &byte, 1) == 1 && byte != '\n') line += byte;
  return line;
}

std::string defines_of(const StoreKind& kind) {
  if (kind.backend == "cdb") return "#define USE_CDB 1\n";
  const std::map<std::string, std::string> names{
      {"mysql", "USE_MYSQL"}, {"pgsql", "USE_POSTGRES"}, {"sqlite", "USE_SQLITE"}};
  auto defines = fmt::format("#define {} 1\n#define VALIAS 1\n#define ENABLE_MYSQL_LIMITS 1\n",
                             names.at(kind.backend));
  if (kind.many_domains) defines += "#define MANY_DOMAINS 1\n";
  if (kind.version.rfind("5.6", 0) == 0) defines += "#define ENABLE_SQL_ALIASDOMAINS 1\n";
  return defines;
}

}  // namespace

DatabaseServer::DatabaseServer(const std::string& kind) {
  int down[2], up[2];
  REQUIRE(pipe(down) == 0);
  REQUIRE(pipe(up) == 0);
  const auto script = std::string(VSTATE_SOURCE_DIR) + "/tests/support/database.py";
  const auto place = directory_.path() + "/" + kind;
  process_ = fork();
  REQUIRE(process_ >= 0);
  if (process_ == 0) {
    dup2(down[0], STDIN_FILENO);
    dup2(up[1], STDOUT_FILENO);
    for (const int end : {down[0], down[1], up[0], up[1]}) close(end);
    umask(022);
    execlp("python3", "python3", script.c_str(), kind.c_str(), place.c_str(), nullptr);
    _exit(k_not_installed);
  }
  close(down[0]);
  close(up[1]);
  to_ = down[1];
  from_ = up[0];
  for (const int end : {to_, from_}) fcntl(end, F_SETFD, FD_CLOEXEC);
}

DatabaseServer::~DatabaseServer() {
  if (to_ >= 0) close(to_);
  waitpid(process_, nullptr, 0);
  if (from_ >= 0) close(from_);
}

std::string DatabaseServer::run(const std::vector<std::string>& command) {
  const auto line = nlohmann::json(command).dump() + "\n";
  REQUIRE(write(to_, line.data(), line.size()) == static_cast<ssize_t>(line.size()));
  const auto text = read_line(from_);
  INFO(command.front() << ": " << text);
  const auto answer = nlohmann::json::parse(text, nullptr, false);
  REQUIRE(answer.is_object());
  REQUIRE(answer["ok"].get<bool>());
  return answer["output"];
}

bool DatabaseServer::start() {
  const std::string line = "[\"start\"]\n";
  (void)signal(SIGPIPE, SIG_IGN);
  const bool is_asked = write(to_, line.data(), line.size()) > 0;
  const auto text = is_asked ? read_line(from_) : std::string();
  if (text.empty()) {
    // A server that fails is a failed test; only one that is not installed can be left out.
    int status = 0;
    REQUIRE(waitpid(process_, &status, 0) == process_);
    REQUIRE((WIFEXITED(status) && WEXITSTATUS(status) == k_not_installed));
    return false;
  }
  const auto answer = nlohmann::json::parse(text, nullptr, false);
  INFO(text);
  REQUIRE(answer["ok"].get<bool>());
  return true;
}

DatabaseServer* DatabaseServer::get(const std::string& kind) {
  static std::map<std::string, std::unique_ptr<DatabaseServer>> servers;
  auto found = servers.find(kind);
  if (found == servers.end()) {
    std::unique_ptr<DatabaseServer> made(new DatabaseServer(kind));
    if (!made->start()) made.reset();
    found = servers.emplace(kind, std::move(made)).first;
  }
  return found->second.get();
}

std::vector<std::string> missing_databases() {
  std::vector<std::string> missing;
  for (const auto& backend : compiled_backends())
    if ((backend == "mysql" || backend == "pgsql") && DatabaseServer::get(backend) == nullptr)
      missing.push_back(backend);
  return missing;
}

std::vector<StoreKind> store_kinds() {
  std::vector<StoreKind> kinds;
  const auto missing = missing_databases();
  for (const auto& backend : compiled_backends()) {
    if (std::count(missing.begin(), missing.end(), backend) > 0) continue;
    const bool has_tables = backend != "cdb", has_engines = backend == "mysql";
    const bool has_server = has_engines || backend == "pgsql";
    for (const std::string version : {"5.4.33", "5.6.13"})
      for (const bool many : {true, false})
        for (const std::string engine : {"InnoDB", "MyISAM"}) {
          if ((!many && !has_tables) || (engine == "MyISAM" && !has_engines)) continue;
          if (backend == "sqlite" && version == "5.4.33") continue;
          // Half of the layouts have each two of version, tables and engine together once.
          const bool is_in_half = (engine == "InnoDB") == ((version == "5.6.13") == many);
          if (has_server && !is_in_half && !is_deep()) continue;
          kinds.push_back({fmt::format("{} {}{}{}", backend, version.substr(0, 3),
                                       has_tables ? (many ? " one table" : " own tables") : "",
                                       has_engines ? " " + engine : ""),
                           backend, version, many, version == "5.4.33", engine});
        }
  }
  return kinds;
}

KindOfServer::KindOfServer(const StoreKind& kind)
    : kind_(kind),
      sandbox_({"/srv/vpopmail", "/var/qmail", kind.version, kind.stores_clear_passwords,
                defines_of(kind)}) {
  if (kind.backend != "mysql" && kind.backend != "pgsql") return;
  static int number = 0;
  name_ = fmt::format("test{}", ++number);
  database_ = DatabaseServer::get(kind.backend);
  REQUIRE(database_ != nullptr);
  if (kind.backend == "mysql")
    database_->run({"sql", "mysql", "SET GLOBAL default_storage_engine = " + kind.engine});
  database_->run({"create", name_});
  sandbox_.write("/srv/vpopmail/etc/vpopmail." + kind.backend,
                 "# as vpopmail has it\n" + database_->run({"connection", name_}) + "\n");
}

std::string KindOfServer::sql(const std::string& text) const {
  REQUIRE(database_ != nullptr);
  return database_->run({"sql", name_, text});
}

}  // namespace vstate::test
