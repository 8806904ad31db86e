#include "support/domain_sandbox.h"

#include <sys/stat.h>

#include <filesystem>

#include <fmt/format.h>

#include "domain/accounts.h"
#include "domain/alias.h"
#include "domain/directory.h"
#include "inspect/inspect.h"
#include "support/catch.h"

namespace vstate::test {

namespace fs = std::filesystem;

namespace {

DomainName example() { return *DomainName::parse("example.com"); }

}  // namespace

DomainSandbox::DomainSandbox() : session(server.open()) {
  const auto where = preview_directory(*session.store, session.server, example());
  REQUIRE(where);
  must_write([&](Site& site) { return create_domain(site, {where->path, where->is_hashed}); });
  directory_ = where->path;
  std::vector<Change<Mailbox>> changes;
  for (const auto* name : {"postmaster", "alice", "bob"})
    changes.push_back({name, std::nullopt, Mailbox{}});
  must_write([&](Site& site) {
    AccountBatch batch(site, {&changes[0], &changes[1], &changes[2]});
    return batch.commit();
  });
  must_write([](Site& site) {
    return write_default(
        site, {"", std::nullopt, DeliveryLines{"| {vpopmail}/bin/vdelivermail '' delete"}});
  });
}

Observation DomainSandbox::inspect() {
  auto found =
      inspect_domain(*session.system, session.server, *session.store, *session.qmail, example());
  INFO((found ? std::string() : found.error().message));
  REQUIRE(found);
  return *std::move(found);
}

Status DomainSandbox::write(const std::function<Status(Site&)>& work) {
  const auto actual = inspect();
  const auto desired = actual.state.value_or(State(example()));
  Site site(*session.system, session.server, *session.store, desired, actual, remarks_);
  return work(site);
}

void DomainSandbox::must_write(const std::function<Status(Site&)>& work) {
  const auto status = write(work);
  INFO((status ? std::string() : status.error().message));
  REQUIRE(status);
}

std::vector<std::string> DomainSandbox::listing() const {
  auto lines = server.listing();
  std::erase_if(lines, [&](const auto& line) { return !line.starts_with(directory_ + "/"); });
  return lines;
}

std::vector<std::string> DomainSandbox::strangers(const std::string& shared) const {
  std::vector<std::string> out;
  for (const auto& entry : fs::recursive_directory_iterator(server.path(directory_))) {
    struct stat st {};
    REQUIRE(lstat(entry.path().c_str(), &st) == 0);
    const auto path = entry.path().string().substr(server.path(directory_).size() + 1);
    const bool is_open = !S_ISLNK(st.st_mode) && (st.st_mode & 0077U) != 0 && path != shared;
    if (is_open || Owner{st.st_uid, st.st_gid} != server.owner())
      out.push_back(fmt::format("{} {:o} {}:{}", path, st.st_mode, st.st_uid, st.st_gid));
  }
  return out;
}

}  // namespace vstate::test
