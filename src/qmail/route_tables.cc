// What the programs read when they start, with the rights that they have then. A file that is there
// and that qmail-smtpd may not read stops every client, so each program's files are opened as that
// program's user and the first obstacle is kept.

#include "qmail/route_tables.h"

#include <fmt/format.h>

#include "sys/path.h"
#include "vstate/base/text.h"

namespace vstate {

ControlMap::ControlMap(std::string_view bytes, Keys keys) {
  // Assigning leaves the last of equal keys in force, as constmap.c does.
  for (const auto& entry : ControlFile::parse(bytes).entries()) {
    const auto colon = entry.find(':');
    if (keys == Keys::lines)
      values_[to_lower(entry)] = "";
    else if (colon != std::string::npos)
      values_[to_lower(entry.substr(0, colon))] = entry.substr(colon + 1);
  }
}

const std::string* ControlMap::find(std::string_view key) const {
  const auto found = values_.find(to_lower(key));
  return found == values_.end() ? nullptr : &found->second;
}

const std::string* ControlMap::find_domain(std::string_view domain, bool with_empty_key) const {
  if (const auto* value = find(domain)) return value;
  // Longer ends come before shorter ones.
  for (auto dot = domain.find('.'); dot != std::string_view::npos; dot = domain.find('.', dot + 1))
    if (const auto* value = find(domain.substr(dot))) return value;
  return with_empty_key ? find("") : nullptr;
}

const std::string* ControlFiles::find(std::string_view name) const {
  const auto found = texts.find(name);
  return found == texts.end() ? nullptr : &found->second;
}

std::string ControlFiles::line_or_me(std::string_view name) const {
  for (const auto file : {name, std::string_view("me")})
    if (const auto* text = find(file))
      return std::string(trim_end(std::string_view(*text).substr(0, text->find('\n'))));
  return std::string(name);
}

std::string RouteTables::control(std::string_view name) const {
  return path_join(path_join(server.qmail_dir, "control"), name);
}

Result<ControlFiles> RouteTables::read_control(const Actor& who,
                                               const std::vector<std::string_view>& names) {
  ControlFiles files;
  for (const auto name : names) {
    // A missing file is nothing to the program; only one that is there and closed to it is an
    // obstacle.
    VSTATE_TRY_ASSIGN(auto opened, open_as(system, walker, who, control(name)));
    if (opened.is_there())
      files.texts.emplace(name, std::move(opened.text));
    else if (opened.state == Reached::State::denied && files.obstacle.empty())
      files.obstacle = opened.why;
  }
  return files;
}

Status RouteTables::load() {
  VSTATE_TRY_ASSIGN(const auto smtpd, actor_of(system, "qmaild"));
  VSTATE_TRY_ASSIGN(const auto send, actor_of(system, "qmails"));
  // qmail-smtpd.c:setup; a client is turned away for now if one of these cannot be read.
  VSTATE_TRY_ASSIGN(
      smtpd_files,
      read_control(smtpd, {"me", "smtpgreeting", "localiphost", "timeoutsmtpd", "rcpthosts",
                           "morercpthosts.cdb", "badmailfrom", "databytes"}));
  if (smtpd_files.find("smtpgreeting") == nullptr && smtpd_files.find("me") == nullptr &&
      smtpd_files.obstacle.empty())
    smtpd_files.obstacle = fmt::format("there is no {}", control("me"));
  // qmail-send.c:getcontrols; qmail-send does not start if one of these cannot be read.
  VSTATE_TRY_ASSIGN(
      send_files,
      read_control(send, {"me", "queuelifetime", "concurrencylocal", "concurrencyremote",
                          "envnoathost", "bouncefrom", "bouncehost", "doublebouncehost",
                          "doublebounceto", "locals", "percenthack", "virtualdomains"}));
  const auto text_of = [](const ControlFiles& files, std::string_view name) {
    const auto* text = files.find(name);
    return text == nullptr ? std::string() : *text;
  };
  const auto* local_names = send_files.find("locals");
  if (local_names == nullptr) local_names = send_files.find("me");
  if (local_names == nullptr && send_files.obstacle.empty())
    send_files.obstacle =
        fmt::format("there is neither {} nor {}", control("locals"), control("me"));
  rcpthosts = ControlMap(text_of(smtpd_files, "rcpthosts"), ControlMap::Keys::lines);
  if (const auto* more = smtpd_files.find("morercpthosts.cdb")) morercpthosts_cdb = *more;
  percenthack = ControlMap(text_of(send_files, "percenthack"), ControlMap::Keys::lines);
  // Of locals only the first line of control/me takes the place.
  const bool has_locals = send_files.find("locals") != nullptr;
  locals = ControlMap(has_locals ? text_of(send_files, "locals") : send_files.line_or_me("me"),
                      ControlMap::Keys::lines);
  virtualdomains =
      ControlMap(text_of(send_files, "virtualdomains"), ControlMap::Keys::before_colon);
  // Only for people: who relays what leaves.
  VSTATE_TRY_ASSIGN(const auto routes, system.read_if_there(control("smtproutes")));
  smtproutes = ControlMap(routes.value_or(""), ControlMap::Keys::before_colon);
  VSTATE_TRY_ASSIGN(assign_cdb, system.read_if_there(server.assign_cdb));
  // vdelivermail starts qmail-inject with its own rights, which are those of the domain's owner:
  // vpopmail's, as a rule.
  VSTATE_TRY_ASSIGN(inject_files,
                    read_control(actor_of(server.owner.uid, server.owner.gid),
                                 {"me", "defaulthost", "defaultdomain", "plusdomain", "idhost"}));
  return {};
}

const DomainAccounts& RouteTables::accounts_of(const DomainLocation& domain) {
  const auto key = domain.directory + '\n' + domain.name.text();
  const auto known = accounts_.find(key);
  if (known != accounts_.end()) return known->second;
  DomainAccounts accounts;
  // A store that cannot be read is a result for the route and no error of the run: vdelivermail
  // would meet the same.
  auto index = store.accounts().read_index(domain);
  auto rows = store.aliases().read_rows(domain);
  if (!index)
    accounts.obstacle = index.error().message;
  else if (!rows)
    accounts.obstacle = rows.error().message;
  else
    accounts.index = *std::move(index), accounts.rows = *std::move(rows);
  return accounts_.emplace(key, std::move(accounts)).first->second;
}

const DomainAccounts& RouteTables::listed_accounts_of(const DomainLocation& domain) {
  const auto key = domain.directory + '\n' + domain.name.text();
  const auto known = listed_.find(key);
  if (known != listed_.end()) return known->second;
  DomainAccounts accounts;
  auto listed = store.accounts().read(domain);
  if (!listed) accounts.obstacle = listed.error().message;
  for (auto& account : listed.value_or(std::vector<Account>{}))
    accounts.index.emplace(account.name, std::move(account));
  return listed_.emplace(key, std::move(accounts)).first->second;
}

}  // namespace vstate
