#include "vstate/inspect/detect.h"

#include <algorithm>
#include <array>
#include <map>

#include <fmt/format.h>

#include "vstate/base/text.h"
#include "vstate/format/assign.h"
#include "vstate/format/subscribers.h"
#include "vstate/format/vpasswd.h"

namespace vstate {

namespace {

constexpr std::array k_usual_homes{"/home/vpopmail", "/var/vpopmail", "/usr/local/vpopmail",
                                   "/var/lib/vpopmail"};
constexpr std::array k_ezmlm_dirs{"/usr/local/bin/ezmlm", "/usr/local/bin",       "/usr/bin",
                                  "/usr/bin/ezmlm",       "/usr/local/ezmlm/bin", "/usr/lib/ezmlm"};

/// The `#define NAME VALUE` lines of the installed copy of config.h, quotes removed.
std::map<std::string, std::string> parse_defines(std::string_view text) {
  std::map<std::string, std::string> out;
  constexpr std::string_view word = "#define ";
  for (auto line : split_lines(text)) {
    if (line.substr(0, word.size()) != word) continue;
    line.remove_prefix(word.size());
    const auto blank = line.find(' ');
    auto value = blank == std::string_view::npos ? std::string_view("1") : line.substr(blank + 1);
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
      value = value.substr(1, value.size() - 2);
    out[std::string(line.substr(0, blank))] = value;
  }
  return out;
}

class Detection {
 public:
  Detection(const System& system, const ServerOverrides& said) : system_(system), said_(said) {}
  Result<Server> run();

 private:
  void note(std::string_view what, std::string_view value, std::string_view from) {
    server_.evidence.push_back(fmt::format("{}: {}, from {}", what, value, from));
  }
  Status find_qmail();
  Status find_vpopmail();
  void read_config();
  void find_owner();
  Status find_version();
  void find_clear_passwords();
  void find_backend();
  /// The first domain's first account line, which shows how this build writes them.
  [[nodiscard]] std::optional<vpasswd::Record> sample_account() const;
  [[nodiscard]] std::optional<std::string> defined(const std::string& name) const {
    const auto found = config_.find(name);
    return found == config_.end() ? std::nullopt : std::optional(found->second);
  }
  void find_ezmlm();
  void find_autorespond();

  const System& system_;
  const ServerOverrides& said_;
  Server server_;
  std::map<std::string, std::string> config_;
  std::vector<std::pair<std::string, AssignEntry>> domains_;
};

Status Detection::find_qmail() {
  if (!said_.qmail_dir.empty()) {
    server_.qmail_dir = said_.qmail_dir;
    note("qmail", server_.qmail_dir, "the command line");
  } else {
    server_.qmail_dir = "/var/qmail";
    note("qmail", server_.qmail_dir, "its usual place");
  }
  if (!system_.exists(path_join(server_.qmail_dir, "control")))
    return fail(Errc::not_found,
                fmt::format("{}: there is no qmail here (no directory \"control\"); name its "
                            "directory with --qmail-dir",
                            server_.qmail_dir),
                Scope::run);
  VSTATE_TRY_ASSIGN(const auto assign,
                    system_.read_if_there(path_join(server_.qmail_dir, "users/assign")));
  if (assign) {
    const auto parsed = AssignFile::parse(*assign);
    if (!parsed)
      return tl::unexpected<Error>(parsed.error().in(path_join(server_.qmail_dir, "users/assign")));
    domains_ = parsed->domains();
  }
  const auto djb = path_join(server_.qmail_dir, "users/cdb");
  const auto sqmail = path_join(server_.qmail_dir, "users/assign.cdb");
  server_.assign_cdb = !system_.exists(djb) && system_.exists(sqmail) ? sqmail : djb;
  return {};
}

Status Detection::find_vpopmail() {
  VSTATE_TRY_ASSIGN(const auto account, system_.account("vpopmail"));
  const auto has_domains = [&](std::string_view home) {
    return system_.exists(path_join(home, "domains")) || system_.exists(path_join(home, "etc"));
  };
  const auto take = [&](std::string home, std::string_view from) {
    server_.vpopmail_dir = std::move(home);
    note("vpopmail", server_.vpopmail_dir, from);
  };
  if (!said_.vpopmail_dir.empty())
    take(said_.vpopmail_dir, "the command line");
  else if (account && has_domains(account->home))
    take(account->home, "the account vpopmail");
  for (const auto& [name, entry] : domains_) {
    if (!server_.vpopmail_dir.empty()) break;
    const auto at = entry.home.find("/domains/");
    if (at != std::string::npos && has_domains(entry.home.substr(0, at)))
      take(entry.home.substr(0, at), "users/assign");
  }
  for (const auto* home : k_usual_homes)
    if (server_.vpopmail_dir.empty() && has_domains(home)) take(home, "its usual place");
  if (server_.vpopmail_dir.empty() || !system_.exists(server_.vpopmail_dir))
    return fail(Errc::not_found,
                fmt::format("{}: there is no vpopmail here; name its home with --vpopmail-dir",
                            server_.vpopmail_dir.empty() ? "vpopmail" : server_.vpopmail_dir),
                Scope::run);
  if (account) server_.owner = {account->uid, account->gid};
  return {};
}

void Detection::read_config() {
  for (const auto* name : {"include/vpopmail_config.h", "include/config.h"}) {
    const auto text = system_.read(path_join(server_.vpopmail_dir, name));
    if (!text) continue;
    config_ = parse_defines(*text);
    break;
  }
  server_.domains_dir = path_join(server_.vpopmail_dir, defined("DOMAINS_DIR").value_or("domains"));
  if (!config_.empty() && !defined("USERS_BIG_DIR")) {
    server_.hashes_directories = false;
    note("directory hashing", "off", "vpopmail_config.h");
  }
  if (const auto cdb = defined("QMAIL_CDB_NAME"); cdb && *cdb == "assign.cdb")
    server_.assign_cdb = path_join(server_.qmail_dir, "users/assign.cdb");
}

void Detection::find_owner() {
  const auto uid = to_number(defined("VPOPMAILUID").value_or(""));
  const auto gid = to_number(defined("VPOPMAILGID").value_or(""));
  std::string from = "the account vpopmail";
  if (uid && gid) {
    server_.owner = {static_cast<std::uint32_t>(*uid), static_cast<std::uint32_t>(*gid)};
    from = "vpopmail_config.h";
  } else if (server_.owner == Owner{}) {
    for (const auto& path :
         {server_.domains_dir, path_join(server_.vpopmail_dir, "etc"), server_.vpopmail_dir}) {
      const auto info = system_.info_followed(path);
      if (!info) continue;
      server_.owner = {info->uid, info->gid};
      from = "the owner of " + path;
      break;
    }
  }
  note("owner", fmt::format("{}:{}", server_.owner.uid, server_.owner.gid), from);
}

Status Detection::find_version() {
  std::string text = said_.version, from = "the command line";
  if (text.empty()) {
    text = defined("PACKAGE_VERSION").value_or(defined("VERSION").value_or(""));
    from = "vpopmail_config.h";
  }
  if (text.empty() &&
      system_.exists(path_join(server_.vpopmail_dir, "etc/password_strength.conf"))) {
    text = "5.6";
    from = "etc/password_strength.conf";
  }
  if (text.empty()) {
    text = "5.4";
    from = "the lack of any sign of 5.6; name it with --vpopmail-version";
  }
  if (text.rfind("5.6", 0) == 0 || text.rfind("5.5", 0) == 0)
    server_.version = VpopmailVersion::v56;
  else if (text.rfind("5.4", 0) == 0)
    server_.version = VpopmailVersion::v54;
  else
    return fail(Errc::unsupported, fmt::format("vpopmail {} is not known; 5.4 and 5.6 are", text),
                Scope::run);
  note("vpopmail version", text, from);
  return {};
}

std::optional<vpasswd::Record> Detection::sample_account() const {
  for (const auto& [name, entry] : domains_) {
    const auto bytes = system_.read(path_join(entry.home, "vpasswd"));
    if (!bytes) continue;
    const auto file = vpasswd::File::parse(*bytes);
    if (file && !file->records().empty()) return file->records().back();
  }
  return std::nullopt;
}

void Detection::find_clear_passwords() {
  std::string from;
  if (!said_.clear_passwords.empty()) {
    server_.stores_clear_passwords = said_.clear_passwords == "yes";
    from = "the command line";
  } else if (!config_.empty()) {
    server_.stores_clear_passwords = defined("CLEAR_PASS").has_value();
    from = "vpopmail_config.h";
  } else if (const auto account = sample_account()) {
    server_.stores_clear_passwords = account->clear.has_value();
    from = "vpasswd";
  } else {
    server_.stores_clear_passwords = server_.version == VpopmailVersion::v54;
    from = "the default of this version";
  }
  note("clear-text passwords", server_.stores_clear_passwords ? "kept" : "not kept", from);
}

void Detection::find_backend() {
  struct Sign {
    const char *define, *file, *name;
  };
  constexpr std::array signs{Sign{"USE_MYSQL", "etc/vpopmail.mysql", "mysql"},
                             Sign{"USE_POSTGRES", "etc/vpopmail.pgsql", "pgsql"},
                             Sign{"USE_SQLITE", "domains/_vpopmail.sqlite", "sqlite"}};
  std::string from = config_.empty() ? "the absence of a database's files" : "vpopmail_config.h";
  if (!said_.backend.empty() && said_.backend != "auto") {
    server_.backend = said_.backend;
    from = "the command line";
  } else {
    for (const auto& sign : signs) {
      const bool is_there =
          config_.empty() && system_.exists(path_join(server_.vpopmail_dir, sign.file));
      if (!defined(sign.define) && !is_there) continue;
      server_.backend = sign.name;
      if (is_there) from = sign.file;
      break;
    }
  }
  note("accounts", server_.backend, from);
  server_.connection_file = said_.connection_file;
  server_.lock_seconds = said_.lock_seconds;
  if (config_.empty()) return;
  server_.tables = {defined("MANY_DOMAINS").has_value(), defined("VALIAS").has_value(),
                    defined("ENABLE_MYSQL_LIMITS").has_value(),
                    defined("ENABLE_SQL_ALIASDOMAINS").has_value(),
                    defined("DEFAULT_DELIVERY").has_value()};
}

void Detection::find_ezmlm() {
  std::string from = "its usual place";
  std::optional<ezmlm::HashRule> rule;
  for (const auto& [name, entry] : domains_) {
    const auto listing = system_.list(entry.home);
    // Lists come with links; without any, the domain's homes need not be looked into.
    const bool has_lists =
        listing && std::any_of(listing->begin(), listing->end(), [](const auto& item) {
          return item.type == FileInfo::Type::link && item.name.rfind(".qmail-", 0) == 0;
        });
    if (!has_lists) continue;
    for (const auto& item : *listing) {
      if (item.type != FileInfo::Type::directory) continue;
      const auto list = path_join(entry.home, item.name);
      if (server_.ezmlm_dir.empty()) {
        // "|/usr/local/bin/ezmlm/ezmlm-weed": every list's bouncer begins with a program's path.
        const auto bouncer = system_.read_if_there(path_join(list, "bouncer"));
        const auto text = bouncer && *bouncer ? **bouncer : std::string();
        const auto program = text.find("/ezmlm-");
        const auto start = program == std::string::npos ? program : text.find('/');
        if (start != std::string::npos && start <= program) {
          server_.ezmlm_dir = text.substr(start, program - start);
          from = path_join(list, "bouncer");
        }
      }
      if (!rule) {
        const auto buckets = system_.list(path_join(list, "subscribers"));
        std::map<char, std::vector<std::string>> found;
        for (const auto& bucket : buckets.value_or(std::vector<DirEntry>{})) {
          const auto bytes = system_.read(path_join(path_join(list, "subscribers"), bucket.name));
          if (bucket.name.size() != 1 || !bytes) continue;
          if (auto addresses = ezmlm::parse_bucket(*bytes)) found[bucket.name[0]] = *addresses;
        }
        if (!found.empty()) rule = ezmlm::rule_of(found);
      }
    }
  }
  if (!said_.ezmlm_dir.empty()) {
    server_.ezmlm_dir = said_.ezmlm_dir;
    from = "the command line";
  }
  for (const auto* directory : k_ezmlm_dirs)
    if (server_.ezmlm_dir.empty() && system_.exists(path_join(directory, "ezmlm-send")))
      server_.ezmlm_dir = directory;
  if (server_.ezmlm_dir.empty()) server_.ezmlm_dir = k_ezmlm_dirs.front();
  note("ezmlm", server_.ezmlm_dir, from);
  std::string rule_from = "lists that are there";
  if (!said_.ezmlm_hash.empty()) {
    rule = said_.ezmlm_hash == "32" ? ezmlm::HashRule::bits32 : ezmlm::HashRule::bits64;
    rule_from = "the command line";
  } else if (!rule) {
    rule_from = "the current ezmlm-idx on 64-bit machines";
  }
  server_.ezmlm_hashes_64_bits = rule.value_or(ezmlm::HashRule::bits64) == ezmlm::HashRule::bits64;
  note("ezmlm's hash", server_.ezmlm_hashes_64_bits ? "64 bits" : "32 bits", rule_from);
}

void Detection::find_autorespond() {
  server_.autorespond = said_.autorespond;
  const std::array candidates{path_join(server_.qmail_dir, "bin/autorespond"),
                              std::string("/usr/bin/autorespond"),
                              std::string("/usr/local/bin/autorespond"),
                              path_join(server_.vpopmail_dir, "bin/autorespond")};
  for (const auto& path : candidates)
    if (server_.autorespond.empty() && system_.exists(path)) server_.autorespond = path;
  if (server_.autorespond.empty()) server_.autorespond = candidates.front();
}

Result<Server> Detection::run() {
  VSTATE_TRY(find_qmail());
  VSTATE_TRY(find_vpopmail());
  read_config();
  find_owner();
  VSTATE_TRY(find_version());
  find_clear_passwords();
  find_backend();
  find_ezmlm();
  find_autorespond();
  return std::move(server_);
}

}  // namespace

Result<Server> detect_server(const System& system, const ServerOverrides& said) {
  return Detection(system, said).run();
}

}  // namespace vstate
