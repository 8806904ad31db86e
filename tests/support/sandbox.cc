#include "support/sandbox.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

#include "dump/dump.h"
#include "engine/prepare.h"
#include "support/catch.h"
#include "sys/local_system.h"
#include "vstate/base/digest.h"

namespace vstate::test {

namespace fs = std::filesystem;

TemporaryDirectory::TemporaryDirectory() {
  const std::string base =
      access("/dev/shm", W_OK) == 0 ? "/dev/shm" : fs::temp_directory_path().string();
  path_ = base + "/vstate-test-XXXXXX";
  REQUIRE(mkdtemp(path_.data()) != nullptr);
  REQUIRE(chmod(path_.c_str(), 0755) == 0);
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

Sandbox::Sandbox(ServerLayout layout)
    : layout_(std::move(layout)),
      owner_(geteuid() == 0 ? Owner{89, 89} : Owner{geteuid(), getegid()}) {
  umask(0);
  for (const auto& name : {"/etc", "/domains", "/include"})
    fs::create_directories(path(layout_.vpopmail_dir + name));
  for (const auto& name : {"/control", "/users"})
    fs::create_directories(path(layout_.qmail_dir + name));
  write(layout_.qmail_dir + "/control/me", "mail.test.example\n");
  write(layout_.qmail_dir + "/control/locals", "localhost\n");
  write(layout_.qmail_dir + "/control/rcpthosts", "localhost\n# kept by hand\nzzz.example\n");
  write(layout_.qmail_dir + "/control/virtualdomains", "zzz.example:zzz\n");
  write(layout_.vpopmail_dir + "/etc/vlimits.default", "maxpopaccounts: -1\n");
  fs::create_directories(path("/var/lib/vstate"));
  write("/etc/passwd", fmt::format("vpopmail:x:{}:{}::{}:/bin/sh\n", owner_.uid, owner_.gid,
                                   layout_.vpopmail_dir));
  write(
      layout_.vpopmail_dir + "/include/vpopmail_config.h",
      fmt::format("#define PACKAGE_VERSION \"{}\"\n#define USERS_BIG_DIR 1\n{}{}", layout_.version,
                  layout_.stores_clear_passwords ? "#define CLEAR_PASS 1\n" : "", layout_.defines));
  const auto domains = path(layout_.vpopmail_dir + "/domains");
  REQUIRE(chown(domains.c_str(), owner_.uid, owner_.gid) == 0);
  REQUIRE(chmod(domains.c_str(), 0700) == 0);
}

std::string Sandbox::path(std::string_view server_path) const {
  return root() + std::string(server_path);
}

void Sandbox::write(const std::string& server_path, std::string_view bytes) const {
  const auto target = path(server_path);
  fs::create_directories(fs::path(target).parent_path());
  std::ofstream(target, std::ios::binary | std::ios::trunc) << bytes;
  REQUIRE(chmod(target.c_str(), 0644) == 0);
}

std::string Sandbox::read(const std::string& server_path) const {
  std::ifstream file(path(server_path), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void Sandbox::deliver(const std::string& home, const std::string& folder, const std::string& name,
                      std::string_view body) const {
  const auto maildir = home + "/Maildir" + (folder.empty() ? "" : "/" + folder);
  const auto part = name.find(":2,") == std::string::npos ? "/new/" : "/cur/";
  for (const auto* directory : {"/new", "/cur", "/tmp"})
    fs::create_directories(path(maildir + directory));
  write(maildir + part + name, body);
  const auto target = path(maildir);
  for (const auto& entry : fs::recursive_directory_iterator(path(home)))
    REQUIRE(lchown(entry.path().c_str(), owner_.uid, owner_.gid) == 0);
}

engine::Session Sandbox::open(std::unique_ptr<System> system) const {
  engine::Session session;
  session.system = system ? std::move(system) : std::make_unique<LocalSystem>(root());
  ServerOverrides said;
  said.qmail_dir = layout_.qmail_dir;
  auto server = detect_server(*session.system, said);
  INFO((server ? std::string() : server.error().message));
  REQUIRE(server);
  session.server = *server;
  auto store = open_store(*session.system, session.server);
  INFO((store ? std::string() : store.error().message));
  REQUIRE(store);
  session.store = *std::move(store);
  auto qmail = QmailFiles::load(*session.system, session.server);
  REQUIRE(qmail);
  session.qmail.emplace(*std::move(qmail));
  return session;
}

std::vector<std::string> Sandbox::listing() const {
  std::vector<std::string> lines;
  for (const auto& entry : fs::recursive_directory_iterator(root())) {
    struct stat st {};
    REQUIRE(lstat(entry.path().c_str(), &st) == 0);
    const auto name = entry.path().string().substr(root().size());
    // The ledger has a key of its own and the times of its runs.
    if (name.starts_with("/var/lib/vstate")) continue;
    // A quota counter is a cache that vpopmail itself drops and makes anew at any time.
    if (entry.path().filename() == "maildirsize") continue;
    std::string content = "-";
    if (S_ISREG(st.st_mode)) content = sha256_hex(read(name));
    if (S_ISLNK(st.st_mode)) content = fs::read_symlink(entry.path()).string().substr(0, 200);
    lines.push_back(
        fmt::format("{} {:o} {}:{} {}", name, st.st_mode, st.st_uid, st.st_gid, content));
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

Status SteppedSystem::before_step(std::string_view what, std::string_view path) {
  ++steps_;
  if (last_ >= 0 && steps_ >= last_)
    return fail(Errc::interrupted, fmt::format("stopped before step {}: {} {}", steps_, what, path),
                Scope::run);
  return {};
}

engine::DomainFile domain_file(const std::string& text, const std::string& archive_root) {
  Diagnostics diagnostics;
  document::Places places;
  auto state = document::read(text, "test.toml", diagnostics, &places);
  for (const auto& item : diagnostics.sorted()) UNSCOPED_INFO(to_text(item));
  REQUIRE(state);
  return {"test.toml", sha256_hex(text), *std::move(state), std::move(places), archive_root};
}

namespace {

engine::Prepared prepared(engine::Session& session, const engine::DomainFile& file,
                          const PlanOptions& options) {
  Diagnostics diagnostics;
  auto out = engine::prepare(session, file, options, diagnostics);
  for (const auto& item : diagnostics.sorted()) UNSCOPED_INFO(to_text(item));
  INFO((out ? std::string() : out.error().message));
  REQUIRE(out);
  REQUIRE_FALSE(diagnostics.has_errors());
  for (const auto& problem : out->plan.problems) UNSCOPED_INFO(problem);
  REQUIRE(out->plan.problems.empty());
  return *std::move(out);
}

}  // namespace

Result<ApplyReport> apply(engine::Session& session, const engine::DomainFile& file,
                          const PlanOptions& options) {
  session.memory.reset();
  auto memory = Ledger::look(*session.system);
  REQUIRE(memory);
  session.memory = *std::move(memory);
  VSTATE_TRY(session.store->backend().mend());
  const auto ready = prepared(session, file, options);
  ApplyObserver silent;
  VSTATE_TRY_ASSIGN(auto ledger, Ledger::open(*session.system));
  return apply_plan({*session.system, session.server, *session.store, file.state, ready.observation,
                     file.archive_root, &ledger},
                    ready.plan, silent);
}

Plan plan(engine::Session& session, const engine::DomainFile& file, const PlanOptions& options) {
  return prepared(session, file, options).plan;
}

std::string dump(engine::Session& session, const std::string& domain,
                 const std::string& archive_root) {
  const auto out =
      engine::dump_domain(session, *DomainName::parse(domain),
                          {.mail = archive_root, .clear_passwords = engine::ClearPasswords::take});
  INFO((out ? std::string() : out.error().message));
  REQUIRE(out);
  return out->text;
}

std::optional<std::string> captures() {
  const char* directory = std::getenv("VSTATE_CAPTURES");
  if (directory == nullptr || *directory == '\0') return std::nullopt;
  return directory;
}

}  // namespace vstate::test
