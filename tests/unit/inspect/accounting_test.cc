// Law 3: every path below a domain's directory is expressed, archived, rebuilt with a reason, or
// refused by name.

#include <sys/stat.h>

#include <filesystem>
#include <set>

#include "inspect/inspect.h"
#include "maildir/walk.h"
#include "support/catch.h"
#include "support/example.h"
#include "support/sandbox.h"
#include "vstate/base/text.h"

using namespace vstate;
using namespace vstate::test;
namespace fs = std::filesystem;

namespace {

/// The paths below the domain's directory that nobody claims. Directories that hold something are
/// claimed by what they hold.
std::set<std::string> unclaimed(engine::Session& session, const DomainName& name) {
  const auto observation =
      inspect_domain(*session.system, session.server, *session.store, *session.qmail, name);
  INFO((observation ? std::string() : observation.error().message));
  REQUIRE(observation);
  const auto& directory = observation->condition.directory;
  std::set<std::string> claimed = observation->accounting.expressed;
  for (const auto& [path, reason] : observation->accounting.rebuilt) {
    REQUIRE_FALSE(reason.empty());
    claimed.insert(path);
  }
  for (const auto& refused : observation->accounting.refused)
    claimed.insert(refused.substr(0, refused.find(": ")));
  std::uint64_t rebuilt = 0;
  const auto walk = [&](const ArchiveSource& source) {
    TreeCount count;
    const auto prefix = source.directory.size() > directory.size()
                            ? source.directory.substr(directory.size() + 1) + "/"
                            : "";
    const auto status =
        walk_tree(*session.system, source, count, [&](const TreeEntry& entry) -> Result<bool> {
          claimed.insert(prefix + entry.path);
          return true;
        });
    REQUIRE(status);
    rebuilt += count.rebuilt;
  };
  for (const auto& [mailbox, source] : observation->mailbox_archives) walk(source);
  for (const auto& [list, source] : observation->list_archives) walk(source);
  if (observation->domain_archive) walk(*observation->domain_archive);
  std::set<std::string> missing;
  const auto root = session.system->root() + directory;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    const auto path = entry.path().string().substr(root.size() + 1);
    const bool holds_something =
        entry.is_directory() && !entry.is_symlink() && !fs::is_empty(entry.path());
    if (!holds_something && !claimed.contains(path)) missing.insert(path);
  }
  // What a walk rebuilds (quota counters, indexes, files in tmp) it counts without naming: there
  // must be as many as are left.
  if (missing.size() == rebuilt) missing.clear();
  return missing;
}

}  // namespace

TEST_CASE("every path of every captured domain is accounted for", "[inspect][law][captures]") {
  const auto directory = captures();
  if (!directory) SKIP("VSTATE_CAPTURES names no captures");
  struct Capture {
    const char *name, *vpopmail, *qmail;
  };
  for (const auto& capture : {Capture{"vp54-cdb", "/opt/real/vp54", "/opt/real/q54"},
                              Capture{"vp56-cdb", "/opt/real/vp56", "/opt/real/q56"}}) {
    engine::ServerOptions options;
    options.root = *directory + "/" + capture.name;
    options.overrides.vpopmail_dir = capture.vpopmail;
    options.overrides.qmail_dir = capture.qmail;
    auto session = engine::open_session(options, engine::Access::read);
    REQUIRE(session);
    const auto domains = real_domains(*session->qmail);
    REQUIRE_FALSE(domains.empty());
    for (const auto& domain : domains) {
      INFO(capture.name << " " << domain.text());
      REQUIRE(unclaimed(*session, domain) == std::set<std::string>{});
    }
  }
}

TEST_CASE("what no step of the inspection knows becomes a file of the state", "[inspect][law]") {
  const TemporaryDirectory archives;
  const Sandbox server;
  auto session = server.open();
  REQUIRE(apply(session, domain_file(example_document(), archives.path())));
  const std::string domain = "/srv/vpopmail/domains/example.com";
  server.write(domain + "/notes.txt", "kept by the owner\n");
  server.write(domain + "/alice/.forward-rules", "x\n");
  server.write(domain + "/strange/deep/file", std::string("\x00\x01\x02", 3));
  REQUIRE(fs::create_directory(server.path(domain + "/empty")));
  const auto name = *DomainName::parse("example.com");
  REQUIRE(unclaimed(session, name) == std::set<std::string>{});
  const auto text = dump(session, "example.com", archives.path());
  for (const auto* path : {"\"notes.txt\"", "\"{mailbox:alice}/.forward-rules\"",
                           "\"strange/deep/file\"", "\"empty\""})
    CHECK_THAT(text, ContainsSubstring(path));
}

TEST_CASE("what a domain has from its server alone is remarked", "[inspect]") {
  const TemporaryDirectory archives;
  const Sandbox server;
  server.write("/srv/vpopmail/etc/vlimits.default", "maxaliases: 5\n");
  server.write("/srv/vpopmail/etc/onchange", "#!/bin/sh\n");
  REQUIRE(chmod(server.path("/srv/vpopmail/etc/onchange").c_str(), 0755) == 0);
  auto session = server.open();
  const auto text =
      replace_all(example_document(), "max_mailboxes = 50\ndisable = [\"webmail\"]\n", "");
  REQUIRE(apply(session, domain_file(replace_all(text, "[domain.limits]\n", ""), archives.path())));
  const auto observation = inspect_domain(*session.system, session.server, *session.store,
                                          *session.qmail, *DomainName::parse("example.com"));
  REQUIRE(observation);
  std::string remarks;
  for (const auto& remark : observation->condition.remarks) remarks += remark + "\n";
  CHECK_THAT(remarks, ContainsSubstring("maxaliases 5"));
  CHECK_THAT(remarks, ContainsSubstring("etc/onchange"));
}

TEST_CASE("a socket is refused by name", "[inspect][law]") {
  const TemporaryDirectory archives;
  const Sandbox server;
  auto session = server.open();
  REQUIRE(apply(session, domain_file(example_document(), archives.path())));
  REQUIRE(mkfifo(server.path("/srv/vpopmail/domains/example.com/pipe").c_str(), 0600) == 0);
  const auto observation = inspect_domain(*session.system, session.server, *session.store,
                                          *session.qmail, *DomainName::parse("example.com"));
  REQUIRE(observation);
  REQUIRE(observation->accounting.refused.size() == 1);
  CHECK_THAT(observation->accounting.refused.front(), ContainsSubstring("pipe"));
}
