#include "vstate/inspect/router.h"

#include <algorithm>

#include <fmt/format.h>

#include "vstate/base/text.h"
#include "vstate/format/assign.h"
#include "vstate/model/delivery.h"

namespace vstate {

Result<Router> Router::load(const System& system, const Server& server, AccountStore& store) {
  Router router(system, server, store);
  const auto control = path_join(server.qmail_dir, "control");
  const auto text_of = [&](std::string_view name) -> Result<std::optional<std::string>> {
    return system.read_if_there(path_join(control, name));
  };
  VSTATE_TRY_ASSIGN(const auto assign, system.read_if_there(server.assign_cdb));
  router.assign_cdb_ = assign.value_or("");
  VSTATE_TRY_ASSIGN(const auto virtualdomains, text_of("virtualdomains"));
  router.virtualdomains_ = ControlFile::parse(virtualdomains.value_or(""));
  VSTATE_TRY_ASSIGN(const auto locals, text_of("locals"));
  VSTATE_TRY_ASSIGN(const auto me, text_of("me"));
  router.locals_ = ControlFile::parse(locals ? *locals : me.value_or("")).entries();
  VSTATE_TRY_ASSIGN(const auto rcpthosts, text_of("rcpthosts"));
  router.has_rcpthosts_ = rcpthosts.has_value();
  router.rcpthosts_ = ControlFile::parse(rcpthosts.value_or("")).entries();
  VSTATE_TRY_ASSIGN(const auto more, text_of("morercpthosts.cdb"));
  router.morercpthosts_cdb_ = more.value_or("");
  return router;
}

bool Router::is_accepted(const std::string& host) const {
  if (!has_rcpthosts_) return true;
  const auto is_key = [&](std::string_view key) {
    for (const auto& entry : rcpthosts_)
      if (to_lower(entry) == key) return true;
    return !morercpthosts_cdb_.empty() && cdb::find(morercpthosts_cdb_, key).has_value();
  };
  if (is_key(host)) return true;
  for (auto dot = host.find('.'); dot != std::string::npos; dot = host.find('.', dot + 1))
    if (is_key(std::string_view(host).substr(dot))) return true;
  return false;
}

Route Router::trace(std::string_view address) {
  Route route;
  const auto at = address.rfind('@');
  if (at == std::string_view::npos) {
    route.problem = "the address has no @";
    return route;
  }
  const std::string local(address.substr(0, at));
  const auto host = to_lower(address.substr(at + 1));
  if (!is_accepted(host)) {
    route.problem =
        fmt::format("qmail-smtpd refuses {}: not in rcpthosts or morercpthosts.cdb", host);
    return route;
  }
  route.steps.push_back(fmt::format("qmail-smtpd accepts {}", host));
  for (const auto& entry : locals_)
    if (to_lower(entry) == host) {
      route.problem = fmt::format("control/locals has {}, which beats virtualdomains", host);
      return route;
    }
  const auto prepend = virtual_user(virtualdomains_, host);
  if (!prepend || prepend->empty()) {
    route.problem =
        fmt::format("virtualdomains has no entry for {}; the mail would go out again", host);
    return route;
  }
  route.steps.push_back(fmt::format("virtualdomains gives {} to {}", host, *prepend));
  trace_local(*prepend + "-" + local, local, host, route);
  return route;
}

void Router::trace_local(const std::string& local, const std::string& extension, const std::string&,
                         Route& route) {
  const auto prefix = to_lower(local.substr(0, local.size() - extension.size()));
  const auto key = "!" + prefix;
  const auto data = cdb::find(assign_cdb_, key);
  const auto entry = data ? entry_of_record(key, *data) : std::nullopt;
  if (!entry) {
    route.problem = fmt::format("{} has no entry \"{}\"", server_.assign_cdb, prefix);
    return;
  }
  route.steps.push_back(
      fmt::format("users/cdb gives {} to uid {} in {}", prefix, entry->uid, entry->home));
  const auto name = DomainName::parse(entry->user);
  if (!name) {
    route.problem = fmt::format("{}: {}", server_.assign_cdb, name.error().message);
    return;
  }
  trace_dot_qmail({*name,
                   entry->home,
                   {static_cast<std::uint32_t>(to_number(entry->uid).value_or(0)),
                    static_cast<std::uint32_t>(to_number(entry->gid).value_or(0))}},
                  extension, route);
}

void Router::trace_dot_qmail(const DomainLocation& domain, const std::string& extension,
                             Route& route) {
  const auto& directory = domain.directory;
  const auto home = system_.info_followed(directory);
  if (!home || !home->is_directory()) {
    route.problem = fmt::format("{} does not exist", directory);
    return;
  }
  if ((home->mode & 01000U) != 0 || (home->mode & 0002U) != 0) {
    route.problem =
        fmt::format("qmail-local defers: {} is sticky or writable for everybody", directory);
    return;
  }
  auto names = names_that_answer(replace_all(to_lower(extension), ".", ":"));
  for (auto& name : names) name.insert(0, ".qmail-");
  names.emplace_back(".qmail-default");
  for (const auto& name : names) {
    const auto path = path_join(directory, name);
    const auto info = system_.info_followed(path);
    if (!info || !info->is_regular()) continue;
    if ((info->mode & 0002U) != 0) {
      route.problem = fmt::format("qmail-local defers: {} is writable for everybody", path);
      return;
    }
    const auto text = system_.read(path);
    if (!text) {
      route.problem = text.error().message;
      return;
    }
    route.steps.push_back(fmt::format("{} is read by qmail-local", name));
    if (name == ".qmail-default" && text->find("vdelivermail") != std::string::npos) {
      trace_mailbox(domain, to_lower(extension), route);
      return;
    }
    for (const auto line : split_lines(*text)) route.steps.push_back(fmt::format("  {}", line));
    return;
  }
  route.problem = fmt::format("no .qmail file in {} answers, not even .qmail-default", directory);
}

Result<const Router::Accounts*> Router::accounts_of(const DomainLocation& domain) {
  const auto known = accounts_.find(domain.directory);
  if (known != accounts_.end()) return &known->second;
  Accounts accounts;
  VSTATE_TRY_ASSIGN(accounts.index, store_.read_index(domain));
  VSTATE_TRY_ASSIGN(accounts.rows, store_.read_alias_rows(domain));
  return &accounts_.emplace(domain.directory, std::move(accounts)).first->second;
}

void Router::trace_mailbox(const DomainLocation& domain, const std::string& name, Route& route) {
  const auto accounts = accounts_of(domain);
  if (!accounts) {
    route.problem = accounts.error().message;
    return;
  }
  for (const auto& answer : names_that_answer(name)) {
    const auto rows = (*accounts)->rows.find(answer);
    if (rows == (*accounts)->rows.end()) continue;
    route.steps.push_back(fmt::format("vdelivermail takes the rows of {} in valias", answer));
    for (const auto& line : rows->second) route.steps.push_back(fmt::format("  {}", line));
    return;
  }
  const auto account = (*accounts)->index.find(name);
  if (account == (*accounts)->index.end()) {
    route.problem =
        fmt::format("vdelivermail finds no account {} in {}", name, store_.index_name(domain));
    return;
  }
  const auto flags = account->second.flags;
  route.destination = account->second.home;
  route.steps.push_back(fmt::format("vdelivermail delivers to {}", account->second.home));
  constexpr std::uint64_t bounce_mail = 0x10;
  if ((flags & bounce_mail) != 0)
    route.steps.emplace_back("the account bounces its mail (disable = [\"delivery\"])");
}

}  // namespace vstate
