#include "support/memory_server.h"

#include "format/assign.h"
#include "inspect/detect.h"
#include "inspect/inspect.h"

namespace vstate::test {

namespace {

constexpr std::uint32_t k_vpopmail = 89;

tl::unexpected<Error> refuse() { return fail(Errc::unsupported, "this store is only for reading"); }

class MemoryAccounts final : public Accounts {
 public:
  explicit MemoryAccounts(const MemoryTables& tables) : tables_(tables) {}
  [[nodiscard]] Result<std::vector<Account>> read(const DomainLocation&) const override {
    return tables_.accounts;
  }
  [[nodiscard]] Result<std::vector<BadRecord>> bad_records(const DomainLocation&) const override {
    return std::vector<BadRecord>();
  }
  [[nodiscard]] Result<std::map<std::string, Account>> read_index(
      const DomainLocation&) const override {
    std::map<std::string, Account> index;
    for (const auto& account : tables_.accounts) index.emplace(account.name, account);
    return index;
  }
  [[nodiscard]] std::string index_name(const DomainLocation&) const override { return "memory"; }
  [[nodiscard]] Result<std::vector<std::string>> index_problems(
      const DomainLocation&) const override {
    return std::vector<std::string>();
  }
  Status rebuild_index(const DomainLocation&) override { return refuse(); }
  [[nodiscard]] Result<Placement> read_placement(const DomainLocation&) const override {
    return Placement();
  }
  Result<std::vector<AccountConflict>> commit(const DomainLocation&,
                                              const std::vector<AccountChange>&,
                                              const PlacementChange*) override {
    return refuse();
  }
  [[nodiscard]] Result<bool> is_unfinished(const DomainLocation&) const override { return false; }
  Status finish(const DomainLocation&) override { return refuse(); }

 private:
  const MemoryTables& tables_;
};

class MemoryCounter final : public DomainsCounter {
 public:
  [[nodiscard]] Result<DirControl> read(const Owner&) const override { return DirControl(); }
  Status write(const Owner&, const DirControl&) override { return refuse(); }
};

class MemoryLimits final : public LimitsStore {
 public:
  explicit MemoryLimits(const MemoryTables& tables) : tables_(tables) {}
  [[nodiscard]] Result<std::optional<Limits>> read(const DomainLocation&) const override {
    return tables_.limits;
  }
  Status write(const DomainLocation&, const std::optional<Limits>&,
               const std::optional<Limits>&) override {
    return refuse();
  }

 private:
  const MemoryTables& tables_;
};

class MemoryLogins final : public LoginStore {
 public:
  explicit MemoryLogins(const MemoryTables& tables) : tables_(tables) {}
  [[nodiscard]] Result<std::map<std::string, StoredLogin>> read(
      const DomainLocation&, const std::vector<Account>&) const override {
    return tables_.logins;
  }
  Result<std::vector<AccountConflict>> write(const DomainLocation&,
                                             const std::vector<LoginChange>&) override {
    return refuse();
  }

 private:
  const MemoryTables& tables_;
};

class MemoryAliases final : public AliasStore {
 public:
  explicit MemoryAliases(const MemoryTables& tables) : tables_(tables) {}
  [[nodiscard]] Result<AliasRows> read_rows(const DomainLocation&) const override {
    return tables_.rows;
  }
  [[nodiscard]] Result<bool> takes_rows(const DomainLocation&, const std::string&,
                                        const std::vector<std::string>&) const override {
    return true;
  }
  Status write_rows(const DomainLocation&, const std::string&, const std::vector<std::string>&,
                    const std::vector<std::string>&) override {
    return refuse();
  }
  [[nodiscard]] Result<std::optional<std::set<std::string>>> read_domains(
      const DomainLocation&) const override {
    return std::nullopt;
  }
  Status write_domain(const DomainLocation&, const std::string&, bool) override { return refuse(); }

 private:
  const MemoryTables& tables_;
};

class MemoryBackend final : public Backend {
 public:
  Status mend() override { return {}; }
  [[nodiscard]] Result<std::vector<Misfit>> find_misfits(const DomainLocation&, const State&,
                                                         const Paths&) const override {
    return std::vector<Misfit>();
  }
  [[nodiscard]] Result<std::string> write_obstacle() const override {
    return std::string("memory");
  }
  Status alter(const DomainLocation&, const std::string&) override { return refuse(); }
  [[nodiscard]] Result<std::vector<std::string>> remarks(
      const DomainLocation&, const std::set<DomainName>&) const override {
    return std::vector<std::string>();
  }
  [[nodiscard]] std::optional<OwnFile> own_file(std::string_view) const override {
    return std::nullopt;
  }
  [[nodiscard]] std::optional<OwnFile> own_home_file(std::string_view) const override {
    return std::nullopt;
  }
};

}  // namespace

std::unique_ptr<AccountStore> memory_store(const Files& files, const MemoryTables& tables,
                                           const std::string& domains_dir) {
  return std::make_unique<AccountStore>(
      AccountStore::Parts{.held = nullptr,
                          .accounts = std::make_unique<MemoryAccounts>(tables),
                          .domains_counter = std::make_unique<MemoryCounter>(),
                          .limits = std::make_unique<MemoryLimits>(tables),
                          .logins = std::make_unique<MemoryLogins>(tables),
                          .aliases = std::make_unique<MemoryAliases>(tables),
                          .backend = std::make_unique<MemoryBackend>()},
      DomainDirectories(files, domains_dir));
}

MemoryServer::MemoryServer() {
  files.file("/etc/passwd",
             "vpopmail:x:89:89::/srv/vpopmail:/bin/sh\n"
             "qmaild:x:120:120::/var/qmail:/bin/false\n"
             "qmails:x:121:121::/var/qmail:/bin/false\n");
  const std::string control = "/var/qmail/control/";
  files.file(control + "me", "mail.example.org\n");
  files.file(control + "locals", "localhost\n");
  files.file(control + "rcpthosts", "localhost\nexample.com\n");
  files.file(control + "virtualdomains", "example.com:example.com\n");
  AssignFile assign;
  assign.insert_sorted(
      domain_entry("example.com", "example.com", "89", "89", "/srv/vpopmail/domains/example.com"));
  files.file("/var/qmail/users/assign", assign.bytes());
  files.file("/var/qmail/users/cdb", cdb::write(assign_records(assign)));
  files.file("/srv/vpopmail/etc/vlimits.default", "");
  files.file("/srv/vpopmail/include/vpopmail_config.h",
             "#define PACKAGE_VERSION \"5.6.13\"\n#define USERS_BIG_DIR 1\n");
  files.file("/srv/vpopmail/bin/vdelivermail", "#!/bin/sh\n", 0755);
  directory("/srv/vpopmail/domains/example.com");
  files.own("/srv/vpopmail/domains", k_vpopmail, k_vpopmail);
  file(in_domain(".qmail-default"), "| /srv/vpopmail/bin/vdelivermail '' bounce-no-mailbox\n");
  for (const auto* name : {"postmaster", "alice", "bob"}) add_mailbox(name);
}

void MemoryServer::add_mailbox(const std::string& name) {
  for (const auto* part : {"", "/Maildir", "/Maildir/new", "/Maildir/cur", "/Maildir/tmp"})
    directory(in_domain(name) + part);
  add_account(name, in_domain(name));
}

void MemoryServer::add_account(const std::string& name, const std::string& home) {
  Account account;
  account.name = name;
  account.password = Secret("$1$abcdefgh$G0Sl.XGRGVGmKJAhGkOGu1");
  account.gecos = name;
  account.home = home;
  account.quota = "NOQUOTA";
  tables.accounts.push_back(std::move(account));
}

void MemoryServer::file(const std::string& path, std::string_view bytes, unsigned mode) {
  files.file(path, bytes, mode);
  files.own(path, k_vpopmail, k_vpopmail);
}

void MemoryServer::directory(const std::string& path, unsigned mode) {
  files.directory(path, mode);
  files.own(path, k_vpopmail, k_vpopmail);
}

void MemoryServer::link(const std::string& path, const std::string& target) {
  files.link(path, target);
  files.own(path, k_vpopmail, k_vpopmail);
}

Result<Server> MemoryServer::detect() const {
  VSTATE_TRY_ASSIGN(auto server, detect_server(files, {}));
  // A route looks for the files of a back-end that keeps some.
  server.backend = "memory";
  server.connection_file = "none";
  return server;
}

Result<Observation> MemoryServer::inspect(const Selection& selection) {
  VSTATE_TRY_ASSIGN(const auto server, detect());
  const auto store = memory_store(files, tables, server.domains_dir);
  VSTATE_TRY_ASSIGN(const auto qmail, QmailFiles::load(files, server));
  return inspect_domain(files, server, *store, qmail, *DomainName::parse("example.com"), selection);
}

Result<Route> MemoryServer::trace(std::string_view address) {
  VSTATE_TRY_ASSIGN(const auto server, detect());
  const auto store = memory_store(files, tables, server.domains_dir);
  VSTATE_TRY_ASSIGN(auto router, Router::load(files, server, *store));
  return router.trace(address);
}

}  // namespace vstate::test
