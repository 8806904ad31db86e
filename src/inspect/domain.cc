#include <fmt/format.h>

#include "inspector_impl.h"
#include "vstate/base/text.h"
#include "vstate/format/assign.h"
#include "vstate/format/cdb.h"
#include "vstate/format/control.h"

namespace vstate {

namespace {

constexpr std::string_view k_hash_names =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

Result<ControlFile> read_control(const System& system, const Server& server, std::string_view name,
                                 bool* is_there = nullptr) {
  const auto path = path_join(path_join(server.qmail_dir, "control"), name);
  VSTATE_TRY_ASSIGN(const auto bytes, system.read_if_there(path));
  if (is_there != nullptr) *is_there = bytes.has_value();
  return ControlFile::parse(bytes.value_or(""));
}

Result<AssignFile> read_assign(const System& system, const Server& server) {
  const auto path = path_join(server.qmail_dir, "users/assign");
  VSTATE_TRY_ASSIGN(const auto bytes, system.read_if_there(path));
  if (!bytes) return AssignFile();
  auto file = AssignFile::parse(*bytes);
  if (!file) return tl::unexpected<Error>(file.error().in(path));
  return file;
}

bool has_entry(const std::vector<std::string>& entries, std::string_view name) {
  for (const auto& entry : entries)
    if (to_lower(entry) == name) return true;
  return false;
}

}  // namespace

Result<std::vector<DomainName>> list_domains(const System& system, const Server& server) {
  VSTATE_TRY_ASSIGN(const auto assign, read_assign(system, server));
  std::vector<DomainName> names;
  for (const auto& [name, entry] : assign.domains()) {
    if (name != to_lower(entry.user)) continue;
    auto parsed = DomainName::parse(name);
    if (parsed) names.push_back(*std::move(parsed));
  }
  return names;
}

Result<std::string> published_directory(const System& system, const Server& server,
                                        const DomainName& name) {
  VSTATE_TRY_ASSIGN(const auto assign, read_assign(system, server));
  const auto entry = assign.find_domain(name.text());
  return entry ? entry->home : std::string();
}

Result<std::map<std::string, std::string>> foreign_names(const System& system, const Server& server,
                                                         const State& state) {
  VSTATE_TRY_ASSIGN(const auto assign, read_assign(system, server));
  std::map<std::string, std::string> foreign;
  const auto check = [&](const DomainName& name) {
    const auto entry = assign.find_domain(name.text());
    if (entry && to_lower(entry->user) != state.name.text())
      foreign[name.text()] = to_lower(entry->user);
  };
  check(state.name);
  for (const auto& alias : state.aliases) check(alias);
  return foreign;
}

std::string Inspector::in_domain(std::string_view name) const {
  return path_join(directory(), name);
}

std::string Inspector::relative(std::string_view path) const {
  if (path.size() > directory().size() && path.substr(0, directory().size()) == directory() &&
      path[directory().size()] == '/')
    return std::string(path.substr(directory().size() + 1));
  return std::string(path);
}

bool Inspector::is_claimed(std::string_view path) const {
  const auto name = relative(path);
  return out_.accounting.expressed.contains(name) || out_.accounting.rebuilt.contains(name);
}

void Inspector::find_hidden_directory() {
  // A domain that is built but not yet published, or whose line in users/assign was lost, stands
  // in the domains' directory or in a hash directory of it.
  const auto offer = [&](const std::string& parent) {
    const auto path = path_join(parent, name_.text());
    const auto info = system_.info(path);
    if (directory().empty() && info && info->is_directory()) {
      out_.condition.directory = path;
      out_.condition.owner = {info->uid, info->gid};
    }
  };
  offer(server_.domains_dir);
  for (const char first : k_hash_names) {
    const auto level1 = path_join(server_.domains_dir, std::string(1, first));
    if (!directory().empty() || !system_.exists(level1)) continue;
    offer(level1);
    for (const char second : k_hash_names) {
      const auto level2 = path_join(level1, std::string(1, second));
      if (system_.exists(level2)) offer(level2);
    }
  }
}

Status Inspector::find_directory() {
  const auto entry = assign_.find_domain(name_.text());
  if (entry) {
    if (to_lower(entry->user) != name_.text())
      return fail(Errc::invalid,
                  fmt::format("{} is an alias domain of {} on this server; name the real domain",
                              name_.text(), entry->user),
                  Scope::domain);
    out_.condition.directory = entry->home;
    out_.condition.owner = {static_cast<std::uint32_t>(to_number(entry->uid).value_or(0)),
                            static_cast<std::uint32_t>(to_number(entry->gid).value_or(0))};
    if (!system_.exists(entry->home))
      remark(fmt::format("{} is in users/assign but does not exist", entry->home));
  } else {
    find_hidden_directory();
    if (directory().empty()) out_.condition.owner = server_.owner;
  }
  return {};
}

Status Inspector::read_publication() {
  const auto& assign = assign_;
  VSTATE_TRY_ASSIGN(const auto assign_cdb, system_.read_if_there(server_.assign_cdb));
  VSTATE_TRY_ASSIGN(const auto virtualdomains, read_control(system_, server_, "virtualdomains"));
  bool has_locals = false, has_rcpthosts = false;
  VSTATE_TRY_ASSIGN(auto locals_file, read_control(system_, server_, "locals", &has_locals));
  VSTATE_TRY_ASSIGN(const auto rcpthosts,
                    read_control(system_, server_, "rcpthosts", &has_rcpthosts));
  VSTATE_TRY_ASSIGN(const auto more, read_control(system_, server_, "morercpthosts"));
  const auto control = path_join(server_.qmail_dir, "control");
  VSTATE_TRY_ASSIGN(const auto more_cdb,
                    system_.read_if_there(path_join(control, "morercpthosts.cdb")));
  auto locals = locals_file.entries();
  if (!has_locals) {
    // Without the file, control/me is the one local name.
    VSTATE_TRY_ASSIGN(const auto me, read_control(system_, server_, "me"));
    if (me.line_count() > 0) locals = {std::string(trim_end(me.lines().front()))};
  }
  if (!has_rcpthosts)
    remark(
        "control/rcpthosts is missing: this server accepts mail for every domain until it is made");
  if (assign_cdb) {
    const auto records = cdb::read(*assign_cdb);
    if (!records) return tl::unexpected<Error>(records.error().in(server_.assign_cdb));
    for (const auto& [key, data] : *records) {
      const auto entry = entry_of_record(key, data);
      if (!entry || to_lower(entry->user) != name_.text() || entry->key.size() < 2) continue;
      const auto name = entry->key.substr(0, entry->key.size() - 1);
      if (entry->wildcard && !assign.find_domain(name))
        out_.condition.defects.push_back(
            {DefectKind::assign_index, "",
             fmt::format("{} still has {}", server_.assign_cdb, name)});
    }
  }
  VSTATE_TRY_ASSIGN(const auto listed, store_.read_alias_domains(location()));
  const auto rcpthosts_entries = rcpthosts.entries(), more_entries = more.entries();

  const auto look_up = [&](const std::string& name) {
    Publication place;
    const auto entry = assign.find_domain(name);
    const auto is_right = [&](const std::optional<AssignEntry>& found) {
      return found && to_lower(found->user) == name_.text() && found->home == directory();
    };
    place.in_assign = is_right(entry);
    if (assign_cdb) {
      const auto key = assign_cdb_key(name);
      const auto data = cdb::find(*assign_cdb, key);
      place.in_assign_cdb = data && is_right(entry_of_record(key, *data));
    }
    place.in_store = !listed || name == name_.text() || listed->contains(name);
    place.in_virtualdomains = to_lower(virtual_user(virtualdomains, name).value_or("")) == name;
    place.in_locals = has_entry(locals, name);
    const bool in_more = has_entry(more_entries, name);
    place.in_rcpthosts = in_more || has_entry(rcpthosts_entries, name);
    place.in_morercpthosts_cdb = !in_more || has_entry(rcpthosts_entries, name) ||
                                 (more_cdb && cdb::find(*more_cdb, name).has_value());
    return place;
  };
  out_.condition.published[name_] = look_up(name_.text());
  for (const auto& [name, entry] : assign.domains()) {
    if (name == name_.text() || to_lower(entry.user) != name_.text()) continue;
    const auto alias = DomainName::parse(name);
    if (!alias) continue;
    state().aliases.insert(*alias);
    out_.condition.published[*alias] = look_up(name);
  }
  for (const auto& line : virtualdomains.entries()) {
    const auto colon = line.find(':');
    if (colon == std::string::npos || to_lower(line.substr(colon + 1)) != name_.text()) continue;
    const auto key = to_lower(line.substr(0, colon));
    if (key != name_.text() && !assign.find_domain(key))
      remark(fmt::format(
          "virtualdomains sends {} to this domain by hand, without users/assign; only its "
          ".qmail files work, and vstate does not carry it",
          key));
  }
  return {};
}

void Inspector::claim_housekeeping() {
  for (const auto& entry : entries_) {
    const auto own = store_.own_file(entry.name);
    if (!own) continue;
    if (own->is_expressed)
      express(in_domain(entry.name));
    else
      rebuild(in_domain(entry.name), own->reason);
  }
}

Result<Observation> Inspector::run() {
  VSTATE_TRY_ASSIGN(assign_, read_assign(system_, server_));
  VSTATE_TRY(find_directory());
  if (system_.exists(path_join(server_.domains_dir, ".vstate-dir-control")))
    out_.condition.defects.push_back(
        {DefectKind::unfinished_run, "domains", "a stopped apply left the domains' counter"});
  out_.state.emplace(name_);
  VSTATE_TRY(read_publication());
  out_.condition.paths = {server_.vpopmail_dir, server_.qmail_dir, server_.ezmlm_dir,
                          server_.autorespond,  directory(),       {}};
  out_.condition.has_directory = !directory().empty() && system_.exists(directory());
  if (!out_.condition.has_directory) {
    if (!out_.condition.published[name_].in_assign) out_.state.reset();
    return std::move(out_);
  }
  VSTATE_TRY_ASSIGN(entries_, system_.list(directory()));
  VSTATE_TRY_ASSIGN(const auto info, system_.info_followed(directory()));
  if (Owner{info.uid, info.gid} != owner())
    out_.condition.defects.push_back(
        {DefectKind::ownership, "",
         fmt::format("the domain's directory belongs to {}:{}", info.uid, info.gid)});
  out_.condition.is_frozen = (info.mode & 01000U) != 0;
  if ((info.mode & 0002U) != 0)
    remark("the domain's directory is writable for everybody: qmail-local defers all its mail");
  if (system_.is_executable(path_join(server_.vpopmail_dir, "etc/onchange")))
    remark("this server has a hook, etc/onchange, which vstate does not run");
  claim_housekeeping();
  VSTATE_TRY(read_mailboxes());
  VSTATE_TRY(read_limits());
  VSTATE_TRY(read_default());
  VSTATE_TRY(read_lists());
  VSTATE_TRY(read_aliases());
  VSTATE_TRY(read_alias_rows());
  VSTATE_TRY(read_rest());
  VSTATE_TRY_ASSIGN(const auto remarks, store_.remarks(location(), state().aliases));
  for (const auto& text : remarks) remark(text);
  return std::move(out_);
}

Result<Observation> inspect_domain(System& system, const Server& server, AccountStore& store,
                                   const DomainName& name) {
  return Inspector(system, server, store, name).run();
}

}  // namespace vstate
