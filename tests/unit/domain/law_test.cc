// The law of each thing of a domain: what was written is what is read, writing it again changes
// nothing, and without it the domain is what it was before.

#include <sys/stat.h>

#include <filesystem>
#include <map>

#include <rapidcheck.h>

#include "domain/accounts.h"
#include "domain/alias.h"
#include "domain/directory.h"
#include "domain/file.h"
#include "domain/list.h"
#include "domain/mailbox.h"
#include "domain/robot.h"
#include "support/catch.h"
#include "support/domain_sandbox.h"
#include "support/generators.h"
#include "sys/path.h"

using namespace vstate;
using namespace vstate::test;
namespace fs = std::filesystem;

namespace {

template <class Key, class Value>
std::optional<Value> find(const std::map<Key, Value>& map, const Key& key) {
  const auto found = map.find(key);
  return found == map.end() ? std::nullopt : std::optional(found->second);
}

/// The files below the domain's directory as a program that has one open sees them.
std::map<std::string, ino_t> inodes(const DomainSandbox& domain) {
  std::map<std::string, ino_t> out;
  for (const auto& entry : fs::recursive_directory_iterator(domain.host(""))) {
    struct stat st {};
    if (lstat(entry.path().c_str(), &st) == 0 && S_ISREG(st.st_mode))
      out[entry.path().string()] = st.st_ino;
  }
  return out;
}

void must(const Status& status) {
  if (!status) RC_FAIL(status.error().message);
}

/// `write` makes a change, `read` is what a State says of the thing. `shared` is the path of what
/// has a mode of its own.
template <class Value>
void check_law(const std::string& name, const Value& first, const Value& second,
               const std::function<Status(Site&, const Change<Value>&)>& write,
               const std::function<std::optional<Value>(const State&)>& read,
               const std::string& shared = "") {
  DomainSandbox domain;
  const auto change = [&](std::optional<Value> before, std::optional<Value> after) {
    must(domain.write([&](Site& site) {
      return write(site, {name, std::move(before), std::move(after)});
    }));
  };
  const auto strangers = domain.strangers(shared);
  RC_ASSERT(strangers.empty());
  const auto before = domain.state();
  change(std::nullopt, first);
  RC_ASSERT(read(domain.state()) == std::optional(first));
  RC_ASSERT(domain.strangers(shared) == strangers);
  const auto once = domain.listing();
  const auto files = inodes(domain);
  // As after a stop that lost what was done.
  change(std::nullopt, first);
  RC_ASSERT(domain.listing() == once);
  RC_ASSERT(inodes(domain) == files);
  change(first, second);
  const auto changed = domain.state();
  RC_ASSERT(read(changed) == std::optional(second));
  RC_ASSERT(domain.strangers(shared) == strangers);
  change(second, std::nullopt);
  RC_ASSERT(domain.state() == before);
  // What it was first leaves nothing behind.
  change(std::nullopt, second);
  RC_ASSERT(domain.state() == changed);
}

}  // namespace

TEST_CASE("an alias is read as it was written", "[domain][law]") {
  CHECK(rc::check("alias", [] {
    const auto name = any_alias_name();
    check_law<Alias>(name.text(), any_alias(), any_alias(), change_alias,
                     [&](const State& state) { return find(state.alias, name); });
  }));
}

TEST_CASE("a robot is read as it was written", "[domain][law]") {
  CHECK(rc::check("robot", [] {
    const auto name = any_alias_name();
    check_law<Autoresponder>(name.text(), any_robot(), any_robot(), write_robot,
                             [&](const State& state) { return find(state.autoresponders, name); });
  }));
}

TEST_CASE("a list is read as it was written", "[domain][law]") {
  CHECK(rc::check("list", [] {
    const auto name = any_alias_name();
    const auto first = any_list();
    auto second = any_list();
    // What a plan wants has the files, links, and kinds of addresses that are there.
    for (const auto& [file, text] : first.files) second.files.emplace(file, text);
    for (const auto& [suffix, target] : first.links) second.links.emplace(suffix, target);
    for (const auto& [sub, addresses] : first.addresses) second.addresses[sub];
    if (second.key.empty()) second.key = first.key;
    check_law<List>(name.text(), first, second, write_list,
                    [&](const State& state) { return find(state.lists, name); });
  }));
}

TEST_CASE("a file is read as it was written", "[domain][law]") {
  CHECK(rc::check("file", [] {
    const auto path = *rc::gen::element<std::string>(
        "notes", "caf\xc3\xa9.txt", "{{odd}}", "deep/file", "deep/er/still/file",
        "{mailbox:alice}/.mailfilter", "{mailbox:alice}/sieve/main", "{mailbox:bob}/a/b/c");
    auto shared = path;
    for (const auto& [from, to] :
         {std::pair("{mailbox:alice}", "alice"), std::pair("{mailbox:bob}", "bob"),
          std::pair("{{odd}}", "{odd}")})
      if (const auto at = shared.find(from); at != std::string::npos)
        shared.replace(at, std::string_view(from).size(), to);
    check_law<File>(
        path, any_file(), any_file(), write_file,
        [&](const State& state) { return find(state.files, path); }, shared);
  }));
}

TEST_CASE("limits are read as they were written", "[domain][law]") {
  CHECK(rc::check("limits", [] {
    check_law<Limits>(
        "", any_limits(), any_limits(),
        [](Site& site, const Change<Limits>& change) -> Status {
          // A second writing has what is there for what was there.
          VSTATE_TRY_ASSIGN(const auto now, site.store.limits().read(site.location()));
          return site.store.limits().write(site.location(), now, change.after);
        },
        [](const State& state) { return state.limits; });
  }));
}

TEST_CASE("the catch-all is read as it was written", "[domain][law]") {
  CHECK(rc::check("default", [] {
    DomainSandbox domain;
    const auto lines = any_lines();
    const auto before = domain.state().default_delivery;
    const auto write = [&] {
      must(domain.write([&](Site& site) { return write_default(site, {"", before, lines}); }));
    };
    write();
    RC_ASSERT(domain.state().default_delivery == std::optional(lines));
    RC_ASSERT(domain.strangers().empty());
    const auto files = inodes(domain);
    write();
    RC_ASSERT(inodes(domain) == files);
  }));
}

namespace {

Status commit(Site& site, const Change<Mailbox>& change) {
  AccountBatch batch(site, {&change});
  VSTATE_TRY(batch.commit());
  if (const auto& failed = batch.failed(); !failed.empty())
    return fail(Errc::conflict, failed.begin()->second);
  return change.after ? write_mailbox(site, change) : Status();
}

}  // namespace

TEST_CASE("a mailbox is read as it was written", "[domain][law]") {
  CHECK(rc::check("mailbox", [] {
    DomainSandbox domain;
    const auto name = *rc::gen::element<std::string>("carol", "a.b", "x+y", "o'n", "7", "{b}");
    const auto key = *MailboxName::parse(name);
    const auto first = any_mailbox();
    auto second = any_mailbox();
    // A last login only moves on.
    if (first.last_login) second.last_login = first.last_login;
    const auto change = [&](std::optional<Mailbox> from, std::optional<Mailbox> to) {
      const Change<Mailbox> made{name, std::move(from), std::move(to)};
      must(domain.write([&](Site& site) { return commit(site, made); }));
    };
    const auto before = domain.state();
    change(std::nullopt, first);
    const auto found = domain.inspect();
    RC_ASSERT(find(found.state->mailboxes, key) == std::optional(first));
    RC_ASSERT(found.condition.defects.empty());
    RC_ASSERT(domain.strangers().empty());
    const auto once = domain.listing();
    const auto files = inodes(domain);
    change(first, first);
    RC_ASSERT(domain.listing() == once);
    RC_ASSERT(inodes(domain) == files);
    change(first, second);
    const auto changed = domain.state();
    RC_ASSERT(find(changed.mailboxes, key) == std::optional(second));
    RC_ASSERT(domain.strangers().empty());
    change(second, std::nullopt);
    RC_ASSERT(domain.state() == before);
    // What it was first leaves nothing behind.
    change(std::nullopt, second);
    RC_ASSERT(domain.state() == changed);
    change(second, std::nullopt);
    RC_ASSERT_FALSE(fs::exists(domain.server.path(found.condition.paths.homes.at(name))));
  }));
}

TEST_CASE("accounts of one batch are all there, and each in its place", "[domain][law]") {
  CHECK(rc::check("accounts", [] {
    DomainSandbox domain;
    const auto count = *rc::gen::inRange<std::size_t>(1, 30);
    std::vector<Change<Mailbox>> changes(count);
    std::vector<const Change<Mailbox>*> batch_of(count);
    for (std::size_t i = 0; i < count; ++i) {
      changes[i] = {"user" + std::to_string(i), std::nullopt, Mailbox{}};
      batch_of[i] = &changes[i];
    }
    must(domain.write([&](Site& site) {
      AccountBatch batch(site, batch_of);
      return batch.commit();
    }));
    const auto found = domain.inspect();
    RC_ASSERT(found.state->mailboxes.size() == count + 3);
    RC_ASSERT(found.condition.defects.empty());
    RC_ASSERT(found.condition.paths.homes.size() == found.state->mailboxes.size());
    for (const auto& [name, home] : found.condition.paths.homes)
      RC_ASSERT(is_within(home, domain.directory()));
    RC_ASSERT(domain.strangers().empty());
  }));
}

TEST_CASE("a home that lacks something is made whole once", "[domain][law][home]") {
  CHECK(rc::check("home", [] {
    DomainSandbox domain;
    const auto home = domain.inspect().condition.paths.homes.at("alice");
    const auto part = *rc::gen::elementOf(
        std::vector<std::string>({"", "/Maildir", "/Maildir/new", "/Maildir/cur", "/Maildir/tmp"}));
    fs::remove_all(domain.server.path(home + part));
    RC_ASSERT(domain.inspect().condition.defects.size() == 1U);
    const auto mend = [&] {
      must(domain.write([](Site& site) { return repair(site, {DefectKind::home, "alice", ""}); }));
    };
    mend();
    RC_ASSERT(domain.inspect().condition.defects.empty());
    RC_ASSERT(domain.strangers().empty());
    const auto once = domain.listing();
    mend();
    RC_ASSERT(domain.listing() == once);
  }));
}

TEST_CASE("a domain is made where it was previewed, and found there", "[domain][law][place]") {
  CHECK(rc::check("place", [] {
    const Sandbox server;
    auto session = server.open();
    std::vector<std::string> remarks;
    const auto count = *rc::gen::inRange(1, 60);
    std::set<std::string> made;
    for (int i = 0; i < count; ++i) {
      const auto name = *DomainName::parse("d" + std::to_string(i) + ".example");
      const auto where = preview_directory(*session.store, session.server, name);
      RC_ASSERT(where.has_value());
      RC_ASSERT(made.insert(where->path).second);
      const State desired(name);
      const Observation nothing;
      Site site(*session.system, session.server, *session.store, desired, nothing, remarks);
      must(create_domain(site, {where->path, where->is_hashed}));
      RC_ASSERT(site.directory == where->path);
      const auto found = session.store->directories().find(name);
      RC_ASSERT((found && *found));
      RC_ASSERT((*found)->path == where->path);
      RC_ASSERT((*found)->owner == server.owner());
      const auto info = session.system->info(where->path);
      RC_ASSERT((info && info->mode == 0700));
    }
    RC_ASSERT_FALSE(fs::exists(server.path("/srv/vpopmail/domains/.vstate-dir-control")));
    // Another run, which reads all of it anew, finds the same.
    const auto again = server.open();
    for (int i = 0; i < count; ++i) {
      const auto name = *DomainName::parse("d" + std::to_string(i) + ".example");
      const auto found = again.store->directories().find(name);
      RC_ASSERT((found && *found && made.contains((*found)->path)));
    }
  }));
}
