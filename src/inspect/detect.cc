// What a server is, told by what lies on it. Each answer has an order of witnesses: what a person
// says, then vpopmail's own installed configuration, then what the stored data shows, and a default
// last. Answers are noted with their witness, since a wrong one explains many strange plans.
// vpopmail is looked for first, as its configuration knows where qmail is.

#include "inspect/detect.h"

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <set>

#include <fmt/format.h>

#include "format/assign.h"
#include "format/subscribers.h"
#include "format/vpasswd.h"
#include "qmail/qmail_files.h"
#include "sys/far_side.h"
#include "sys/path.h"
#include "vstate/base/text.h"

namespace vstate {

namespace {

constexpr const char* k_usual_qmail = "/var/qmail";
constexpr std::array k_usual_homes{"/home/vpopmail", "/var/vpopmail", "/usr/local/vpopmail",
                                   "/var/lib/vpopmail"};
constexpr std::array k_ezmlm_dirs{"/usr/local/bin/ezmlm", "/usr/local/bin",       "/usr/bin",
                                  "/usr/bin/ezmlm",       "/usr/local/ezmlm/bin", "/usr/lib/ezmlm"};

/// What is looked for in a home of vpopmail's.
constexpr std::array k_parts_of_home{"domains/_vpopmail.sqlite", "etc", "include",
                                     "bin/autorespond"};

/// The `#define NAME VALUE` lines of the installed copy of config.h, quotes removed.
std::map<std::string, std::string> parse_defines(std::string_view text) {
  std::map<std::string, std::string> out;
  constexpr std::string_view word = "#define ";
  for (auto line : split_lines(text)) {
    if (line.substr(0, word.size()) != word) continue;
    line.remove_prefix(word.size());
    const auto blank = line.find(' ');
    // A define without a value is a switch that is on.
    auto value = blank == std::string_view::npos ? std::string_view("1") : line.substr(blank + 1);
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
      value = value.substr(1, value.size() - 2);
    out[std::string(line.substr(0, blank))] = value;
  }
  return out;
}

std::string below_root(const Files& files) {
  return is_whole_machine(files) ? std::string() : " below " + files.root();
}

Result<bool> has_domains(const Files& files, const std::string& home) {
  for (const auto* sign : {"domains", "etc"}) {
    VSTATE_TRY_ASSIGN(const bool is_there, files.exists(path_join(home, sign)));
    if (is_there) return true;
  }
  return false;
}

class Detection {
 public:
  Detection(const Files& files, const ServerOverrides& said, Gathered& gathered)
      : files_(files), said_(said), gathered_(gathered) {}
  Result<Server> run();

 private:
  void note(std::string_view what, std::string_view value, std::string_view from) {
    server_.evidence.push_back(fmt::format("{}: {}, from {}", what, value, from));
  }
  void take_home(std::string home, std::string_view from) {
    server_.vpopmail_dir = std::move(home);
    note("vpopmail", server_.vpopmail_dir, from);
  }
  /// Lets a server that is far away know what is asked about first.
  void expect_usual_places();
  void gather_home(const std::string& home);
  Status find_vpopmail();
  Status find_qmail();
  Status find_vpopmail_otherwise();
  Status read_config();
  Status find_owner();
  Status find_version();
  Status find_clear_passwords();
  Status find_backend();
  /// The first domain's first account line, which shows how this build writes them.
  [[nodiscard]] Result<std::optional<vpasswd::Record>> sample_account() const;
  [[nodiscard]] std::optional<std::string> defined(const std::string& name) const {
    const auto found = config_.find(name);
    return found == config_.end() ? std::nullopt : std::optional(found->second);
  }
  [[nodiscard]] std::shared_ptr<const void> gather_domains(std::size_t first,
                                                           std::size_t count) const;
  Status find_ezmlm();
  Status look_for_lists(const std::string& directory, std::string& from);
  Status look_at_list(const std::string& list, std::string& from);
  Status find_autorespond();

  const Files& files_;
  const ServerOverrides& said_;
  Server server_;
  std::map<std::string, std::string> config_;
  std::vector<std::pair<std::string, AssignEntry>> domains_;
  std::optional<ezmlm::HashRule> rule_;
  Gathered& gathered_;
};

void Detection::expect_usual_places() {
  if (files_.far_side() == nullptr) return;
  std::vector<std::string> places{"/etc/passwd", "/etc/domainkeys", "/usr/bin/autorespond",
                                  "/usr/local/bin/autorespond"};
  for (const auto& qmail : {said_.qmail_dir, std::string(k_usual_qmail)})
    for (const auto* part : {"control", "users", "bin/autorespond"})
      if (!qmail.empty()) places.push_back(path_join(qmail, part));
  for (const std::string home : k_usual_homes)
    for (const auto* part : k_parts_of_home) places.push_back(path_join(home, part));
  for (const std::string directory : k_ezmlm_dirs)
    places.push_back(path_join(directory, "ezmlm-send"));
  expect(files_, places);
}

Status Detection::find_qmail() {
  std::string from = "its usual place";
  server_.qmail_dir = k_usual_qmail;
  const auto compiled = clean_path(defined("QMAILDIR").value_or(""));
  if (!said_.qmail_dir.empty()) {
    server_.qmail_dir = said_.qmail_dir;
    from = "the command line";
  } else if (!compiled.empty()) {
    // The configuration may have come with a copied home from a server where qmail lay elsewhere.
    VSTATE_TRY_ASSIGN(const bool is_there, files_.exists(path_join(compiled, "control")));
    if (is_there) {
      server_.qmail_dir = compiled;
      from = "vpopmail_config.h";
    }
  }
  note("qmail", server_.qmail_dir, from);
  VSTATE_TRY_ASSIGN(const bool is_there, files_.exists(path_join(server_.qmail_dir, "control")));
  if (!is_there)
    return fail(Errc::not_found,
                fmt::format("{}: there is no qmail here (no directory \"control\"{}); name its "
                            "directory with --qmail-dir",
                            server_.qmail_dir, below_root(files_)),
                Scope::run);
  // The domains' lines are also witnesses of where vpopmail and the lists are.
  VSTATE_TRY_ASSIGN(const auto assign,
                    files_.read_if_there(path_join(server_.qmail_dir, "users/assign")));
  domains_ = AssignFile::parse(assign.value_or(".\n")).domains();
  const auto djb = path_join(server_.qmail_dir, "users/cdb");
  const auto sqmail = path_join(server_.qmail_dir, "users/assign.cdb");
  VSTATE_TRY_ASSIGN(const bool has_djb, files_.exists(djb));
  VSTATE_TRY_ASSIGN(const bool has_sqmail, files_.exists(sqmail));
  // s/qmail names the file assign.cdb. Where both are there, the configuration decides; without
  // one, qmail's own.
  server_.assign_cdb = !has_djb && has_sqmail ? sqmail : djb;
  if (const auto cdb = defined("QMAIL_CDB_NAME"); cdb && *cdb == "assign.cdb")
    server_.assign_cdb = sqmail;
  return {};
}

/// What the root of the run adds to a message that something is not there.
/// A likely home of vpopmail's, and qmail's files, which are read next.
void Detection::gather_home(const std::string& home) {
  if (files_.far_side() == nullptr) return;
  const auto qmail = said_.qmail_dir.empty() ? std::string(k_usual_qmail) : said_.qmail_dir;
  Ahead ahead{{path_join(home, "etc"), path_join(home, "include"), path_join(qmail, "users"),
               path_join(qmail, "control")}};
  for (const auto* part : k_parts_of_home) ahead.places.push_back(path_join(home, part));
  gathered_.push_back(gather(files_, {ahead}));
}

/// By its account, which needs nothing of qmail.
Status Detection::find_vpopmail() {
  VSTATE_TRY_ASSIGN(const auto account, files_.account("vpopmail"));
  if (account) server_.owner = {account->uid, account->gid};
  if (!said_.vpopmail_dir.empty()) {
    take_home(said_.vpopmail_dir, "the command line");
    gather_home(server_.vpopmail_dir);
  } else if (account) {
    gather_home(account->home);
    VSTATE_TRY_ASSIGN(const bool is_it, has_domains(files_, account->home));
    if (is_it) take_home(account->home, "the account vpopmail");
  }
  return server_.vpopmail_dir.empty() ? Status() : read_config();
}

/// Without an account: by the domains that qmail knows, then where it usually is.
Status Detection::find_vpopmail_otherwise() {
  std::vector<std::pair<std::string, std::string>> candidates;
  for (const auto& [name, entry] : domains_)
    // Everything in front of "/domains/" is vpopmail's home, unless the domain was made elsewhere;
    // a home is believed only with its directories.
    if (const auto at = entry.home.find("/domains/"); at != std::string::npos)
      candidates.emplace_back(entry.home.substr(0, at), "users/assign");
  for (const auto* home : k_usual_homes) candidates.emplace_back(home, "its usual place");
  std::set<std::string> seen;
  for (const auto& [home, from] : candidates) {
    if (!server_.vpopmail_dir.empty()) break;
    if (!seen.insert(home).second) continue;
    VSTATE_TRY_ASSIGN(const bool is_it, has_domains(files_, home));
    if (is_it) take_home(home, from);
  }
  const auto& home = server_.vpopmail_dir;
  VSTATE_TRY_ASSIGN(const bool is_there, files_.exists(home.empty() ? "/" : home));
  if (home.empty() || !is_there)
    return fail(Errc::not_found,
                fmt::format("{}: there is no vpopmail here{}; name its home with --vpopmail-dir",
                            home.empty() ? "vpopmail" : home, below_root(files_)),
                Scope::run);
  return config_.empty() ? read_config() : Status();
}

Status Detection::read_config() {
  for (const auto* name : {"include/vpopmail_config.h", "include/config.h"}) {
    VSTATE_TRY_ASSIGN(const auto text, files_.read_if_there(path_join(server_.vpopmail_dir, name)));
    if (!text) continue;
    config_ = parse_defines(*text);
    break;
  }
  server_.domains_dir = path_join(server_.vpopmail_dir, defined("DOMAINS_DIR").value_or("domains"));
  // A configuration that is there and does not define it says that the option was off. Without any,
  // the default of both versions is on.
  if (!config_.empty() && !defined("USERS_BIG_DIR")) {
    server_.hashes_directories = false;
    note("directory hashing", "off", "vpopmail_config.h");
  }
  server_.has_qmail_ext = defined("QMAIL_EXT").has_value();
  if (server_.has_qmail_ext) note("qmail-ext", "on", "vpopmail_config.h");
  return {};
}

Status Detection::find_owner() {
  const auto uid = to_number(defined("VPOPMAILUID").value_or(""));
  const auto gid = to_number(defined("VPOPMAILGID").value_or(""));
  std::string from = "the account vpopmail";
  // The owner is compiled in, so the configuration counts more than an account of the same name.
  if (uid && gid) {
    server_.owner = {static_cast<std::uint32_t>(*uid), static_cast<std::uint32_t>(*gid)};
    from = "vpopmail_config.h";
  } else if (server_.owner == Owner{}) {
    for (const auto& path :
         {server_.domains_dir, path_join(server_.vpopmail_dir, "etc"), server_.vpopmail_dir}) {
      VSTATE_TRY_ASSIGN(const auto info, files_.look_followed(path));
      if (!info) continue;
      server_.owner = {info->uid, info->gid};
      from = "the owner of " + path;
      break;
    }
  }
  note("owner", fmt::format("{}:{}", server_.owner.uid, server_.owner.gid), from);
  return {};
}

Status Detection::find_version() {
  std::string text = said_.version, from = "the command line";
  if (text.empty()) {
    text = defined("PACKAGE_VERSION").value_or(defined("VERSION").value_or(""));
    from = "vpopmail_config.h";
  }
  VSTATE_TRY_ASSIGN(const bool has_rules,
                    files_.exists(path_join(server_.vpopmail_dir, "etc/password_strength.conf")));
  // Only 5.6 installs this file.
  if (text.empty() && has_rules) {
    text = "5.6";
    from = "etc/password_strength.conf";
  }
  if (text.empty()) {
    text = "5.4";
    from = "the lack of any sign of 5.6; name it with --vpopmail-version";
  }
  // 5.5 was the development of what became 5.6.
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

Result<std::optional<vpasswd::Record>> Detection::sample_account() const {
  for (const auto& [name, entry] : domains_) {
    VSTATE_TRY_ASSIGN(const auto bytes, files_.read_if_there(path_join(entry.home, "vpasswd")));
    const auto file = vpasswd::File::parse(bytes.value_or(""));
    // Any account will do: a build writes all its lines alike.
    if (!file.records().empty()) return std::optional(file.records().back());
  }
  return std::nullopt;
}

Status Detection::find_clear_passwords() {
  std::string from;
  if (!said_.clear_passwords.empty()) {
    server_.stores_clear_passwords = said_.clear_passwords == "yes";
    from = "the command line";
  } else if (!config_.empty()) {
    server_.stores_clear_passwords = defined("CLEAR_PASS").has_value();
    from = "vpopmail_config.h";
  } else {
    // A build that keeps clear-text passwords writes one field more in every line, though it may be
    // empty.
    VSTATE_TRY_ASSIGN(const auto account, sample_account());
    server_.stores_clear_passwords =
        account ? account->clear.has_value() : server_.version == VpopmailVersion::v54;
    from = account ? "vpasswd" : "the default of this version";
  }
  note("clear-text passwords", server_.stores_clear_passwords ? "kept" : "not kept", from);
  return {};
}

Status Detection::find_backend() {
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
    // Without a configuration the file of a database's connection is the sign that it is used.
    for (const auto& sign : signs) {
      VSTATE_TRY_ASSIGN(const bool has_file,
                        files_.exists(path_join(server_.vpopmail_dir, sign.file)));
      const bool is_there = config_.empty() && has_file;
      if (!defined(sign.define) && !is_there) continue;
      server_.backend = sign.name;
      if (is_there) from = sign.file;
      break;
    }
  }
  note("accounts", server_.backend, from);
  server_.connection_file = said_.connection_file;
  server_.lock_seconds = said_.lock_seconds;
  // Without a configuration the store asks the database itself which tables it has.
  if (config_.empty()) return {};
  server_.tables = {defined("MANY_DOMAINS").has_value(), defined("VALIAS").has_value(),
                    defined("ENABLE_MYSQL_LIMITS").has_value(),
                    defined("ENABLE_SQL_ALIASDOMAINS").has_value(),
                    defined("DEFAULT_DELIVERY").has_value()};
  return {};
}

/// The lists of one domain show where ezmlm's programs are, and how it places addresses.
Status Detection::look_for_lists(const std::string& directory, std::string& from) {
  VSTATE_TRY_ASSIGN(const auto found, files_.look_followed(directory));
  if (!found || !found->is_directory()) return {};
  VSTATE_TRY_ASSIGN(const auto listing, files_.list(directory));
  // Lists come with links; without any, the domain's homes need not be looked into.
  const bool has_lists = std::any_of(listing.begin(), listing.end(), [](const auto& item) {
    return item.type == FileInfo::Type::link && item.name.rfind(".qmail-", 0) == 0;
  });
  if (!has_lists) return {};
  std::vector<std::string> signs;
  for (const auto& item : listing)
    if (item.type == FileInfo::Type::directory && files_.far_side() != nullptr)
      for (const auto* sign : {"bouncer", "subscribers"})
        signs.push_back(path_join(path_join(directory, item.name), sign));
  expect(files_, signs);
  for (const auto& item : listing)
    if (item.type == FileInfo::Type::directory)
      VSTATE_TRY(look_at_list(path_join(directory, item.name), from));
  return {};
}

Status Detection::look_at_list(const std::string& list, std::string& from) {
  if (server_.ezmlm_dir.empty()) {
    // "|/usr/local/bin/ezmlm/ezmlm-weed": every list's bouncer begins with a program's path.
    VSTATE_TRY_ASSIGN(const auto bouncer, files_.read_if_there(path_join(list, "bouncer")));
    const auto text = bouncer.value_or("");
    const auto program = text.find("/ezmlm-");
    const auto start = program == std::string::npos ? program : text.find('/');
    if (start != std::string::npos && start <= program) {
      server_.ezmlm_dir = text.substr(start, program - start);
      from = path_join(list, "bouncer");
    }
  }
  const auto subscribers = path_join(list, "subscribers");
  VSTATE_TRY_ASSIGN(const auto is_there, files_.look_followed(subscribers));
  // One list is mostly enough to tell the rule; where its addresses fit both, the next one is
  // asked.
  if (rule_ || !is_there || !is_there->is_directory()) return {};
  const auto gathered = gather(files_, {{{subscribers}}});
  VSTATE_TRY_ASSIGN(const auto buckets, files_.list(subscribers));
  std::map<char, std::vector<std::string>> found;
  for (const auto& bucket : buckets) {
    // A bucket has a name of one character, which the rule makes of an address.
    if (bucket.name.size() != 1 || bucket.type != FileInfo::Type::regular) continue;
    VSTATE_TRY_ASSIGN(const auto bytes, files_.read_if_there(path_join(subscribers, bucket.name)));
    if (bytes) found[bucket.name[0]] = ezmlm::parse_bucket(*bytes).addresses;
  }
  if (!found.empty()) rule_ = ezmlm::rule_of(found);
  return {};
}

std::shared_ptr<const void> Detection::gather_domains(std::size_t first, std::size_t count) const {
  if (files_.far_side() == nullptr) return nullptr;
  std::vector<std::string> directories;
  for (std::size_t i = first; i < std::min(first + count, domains_.size()); ++i)
    directories.push_back(domains_[i].second.home);
  return gather(files_, {{.directories = directories, .descends = {}, .reads_files = false}});
}

Status Detection::find_ezmlm() {
  std::string from = "its usual place";
  const bool is_said = !said_.ezmlm_dir.empty() && !said_.ezmlm_hash.empty();
  constexpr std::size_t at_once = 64;
  std::shared_ptr<const void> gathered;
  for (std::size_t i = 0; i < domains_.size(); ++i) {
    // The first list that tells both is enough.
    if (is_said || (rule_ && !server_.ezmlm_dir.empty())) break;
    if (i % at_once == 0) gathered = gather_domains(i, at_once);
    VSTATE_TRY(look_for_lists(domains_[i].second.home, from));
  }
  if (!said_.ezmlm_dir.empty()) {
    server_.ezmlm_dir = said_.ezmlm_dir;
    from = "the command line";
  }
  for (const auto* directory : k_ezmlm_dirs) {
    if (!server_.ezmlm_dir.empty()) break;
    VSTATE_TRY_ASSIGN(const bool is_there, files_.exists(path_join(directory, "ezmlm-send")));
    if (is_there) server_.ezmlm_dir = directory;
  }
  // The placeholder stands for a path also on a server without ezmlm.
  if (server_.ezmlm_dir.empty()) server_.ezmlm_dir = k_ezmlm_dirs.front();
  note("ezmlm", server_.ezmlm_dir, from);
  std::string rule_from = "lists that are there";
  if (!said_.ezmlm_hash.empty()) {
    rule_ = said_.ezmlm_hash == "32" ? ezmlm::HashRule::bits32 : ezmlm::HashRule::bits64;
    rule_from = "the command line";
  } else if (!rule_) {
    rule_from = "the current ezmlm-idx on 64-bit machines";
  }
  server_.ezmlm_hashes_64_bits = rule_.value_or(ezmlm::HashRule::bits64) == ezmlm::HashRule::bits64;
  note("ezmlm's hash", server_.ezmlm_hashes_64_bits ? "64 bits" : "32 bits", rule_from);
  return {};
}

Status Detection::find_autorespond() {
  server_.autorespond = said_.autorespond;
  const std::array candidates{path_join(server_.qmail_dir, "bin/autorespond"),
                              std::string("/usr/bin/autorespond"),
                              std::string("/usr/local/bin/autorespond"),
                              path_join(server_.vpopmail_dir, "bin/autorespond")};
  for (const auto& path : candidates) {
    if (!server_.autorespond.empty()) break;
    VSTATE_TRY_ASSIGN(const bool is_there, files_.exists(path));
    if (is_there) server_.autorespond = path;
  }
  // Something must stand for the placeholder; the plan warns of a program that is not there.
  if (server_.autorespond.empty()) server_.autorespond = candidates.front();
  return {};
}

Result<Server> Detection::run() {
  expect_usual_places();
  // The order matters: each step uses what those before it have found.
  VSTATE_TRY(find_vpopmail());
  VSTATE_TRY(find_qmail());
  VSTATE_TRY(find_vpopmail_otherwise());
  VSTATE_TRY(find_owner());
  VSTATE_TRY(find_version());
  VSTATE_TRY(find_clear_passwords());
  VSTATE_TRY(find_backend());
  VSTATE_TRY(find_ezmlm());
  VSTATE_TRY(find_autorespond());
  server_.homes = said_.homes;
  return std::move(server_);
}

}  // namespace

Result<Server> detect_server(const Files& files, const ServerOverrides& said) {
  Gathered gathered;
  return detect_server(files, said, gathered);
}

Result<Server> detect_server(const Files& files, const ServerOverrides& said, Gathered& gathered) {
  gathered.push_back(begin_task(files, "server"));
  return Detection(files, said, gathered).run();
}

}  // namespace vstate
