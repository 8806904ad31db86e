#include <fmt/format.h>

#include "inspect/inspector.h"
#include "sys/path.h"
#include "vstate/base/text.h"

namespace vstate {

std::vector<DomainName> real_domains(const QmailFiles& qmail) {
  std::vector<DomainName> names;
  for (const auto& domain : qmail.domains()) {
    if (domain.kind != AssignedDomain::Kind::domain) continue;
    if (auto parsed = DomainName::parse(domain.name)) names.push_back(*std::move(parsed));
  }
  return names;
}

std::map<std::string, std::string> foreign_names(const QmailFiles& qmail, const State& state) {
  std::map<std::string, std::string> foreign;
  const auto check = [&](const DomainName& name) {
    const auto* assigned = qmail.find(name.text());
    if (assigned != nullptr && assigned->real != state.name.text())
      foreign[name.text()] = assigned->real;
  };
  check(state.name);
  for (const auto& alias : state.aliases) check(alias);
  return foreign;
}

std::string why_not_a_source(const Observation& found) {
  const auto& directory = found.condition.directory;
  if (!found.condition.has_directory)
    return fmt::format(
        "{} is in users/assign and is not there; if it is on a disk of its own, mount it",
        directory);
  if (!found.accounts.empty()) return {};
  return fmt::format(
      "no account of it can be found in {}; if the directory is on a disk of its own, mount it",
      directory);
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

Status Inspector::find_directory() {
  using Kind = AssignedDomain::Kind;
  const auto* assigned = qmail_.find(name_.text());
  if (assigned == nullptr) {
    // A domain that is built but not yet published, or whose line in users/assign was lost.
    VSTATE_TRY_ASSIGN(const auto hidden, store_.find_directory(name_));
    out_.condition.directory = hidden ? hidden->path : "";
    out_.condition.owner = hidden ? hidden->owner : server_.owner;
    return {};
  }
  if (assigned->kind == Kind::alias)
    return fail(Errc::invalid,
                fmt::format("{} is an alias domain of {} on this server; name the real domain",
                            name_.text(), assigned->real),
                Scope::domain);
  if (assigned->kind == Kind::foreign)
    return fail(Errc::invalid,
                fmt::format("{} is not vpopmail's on this server: users/assign gives it to {} in "
                            "{}; it is left alone",
                            name_.text(), assigned->real, assigned->directory),
                Scope::domain);
  out_.condition.directory = assigned->directory;
  out_.condition.owner = assigned->owner;
  return {};
}

Status Inspector::read_publication() {
  for (const auto& blemish : qmail_.blemishes()) remark(blemish);
  if (!qmail_.has_rcpthosts())
    remark(
        "control/rcpthosts is missing: this server accepts mail for every domain until it is made");
  for (const auto& stale : qmail_.stale_names_of(name_.text()))
    out_.condition.defects.push_back(
        {DefectKind::assign_index, "", fmt::format("{} still has {}", server_.assign_cdb, stale)});
  VSTATE_TRY_ASSIGN(const auto listed, store_.read_alias_domains(location()));
  const auto look_up = [&](const std::string& name) {
    auto place = qmail_.publication_of(files_, name, name_.text(), directory());
    place.in_store = !listed || name == name_.text() || listed->contains(name);
    return place;
  };
  out_.condition.published[name_] = look_up(name_.text());
  for (const auto& name : qmail_.aliases_of(name_.text())) {
    const auto alias = DomainName::parse(name);
    if (!alias) {
      leave_out("domain." + name, "its alias domain: " + alias.error().message);
      continue;
    }
    state().aliases.insert(*alias);
    out_.condition.published[*alias] = look_up(name);
  }
  for (const auto& line : qmail_.hand_made_lines_for(name_.text()))
    remark(fmt::format("virtualdomains has the line \"{}\", made by hand; vstate does not carry it",
                       visible(line)));
  return {};
}

Status Inspector::claim_housekeeping() {
  for (const auto& entry : entries_) {
    const auto own = store_.own_file(entry.name);
    if (!own) continue;
    if (own->is_expressed)
      express(in_domain(entry.name));
    else
      rebuild(in_domain(entry.name), own->reason);
  }
  return {};
}

Status Inspector::look_at_directory() {
  VSTATE_TRY_ASSIGN(entries_, files_.list(directory()));
  VSTATE_TRY_ASSIGN(const auto info, files_.info_followed(directory()));
  place_ = {info.device, info.inode};
  if (Owner{info.uid, info.gid} != owner())
    out_.condition.defects.push_back(
        {DefectKind::ownership, "",
         fmt::format("the domain's directory belongs to {}:{}", info.uid, info.gid)});
  out_.condition.is_frozen = (info.mode & 01000U) != 0;
  if ((info.mode & 0002U) != 0)
    remark("the domain's directory is writable for everybody: qmail-local defers all its mail");
  VSTATE_TRY_ASSIGN(const bool has_hook,
                    files_.is_executable(path_join(server_.vpopmail_dir, "etc/onchange")));
  if (has_hook) remark("this server has a hook, etc/onchange, which vstate does not run");
  VSTATE_TRY_ASSIGN(const auto resolved, files_.resolve(directory()));
  bounds_->own = resolved;
  // What is done in a home elsewhere is done as its owner: none of these may be below one.
  for (const auto& whole :
       {server_.domains_dir, server_.qmail_dir, std::string("/var/lib/vstate")}) {
    VSTATE_TRY_ASSIGN(const auto inside, files_.resolve(whole));
    bounds_->whole.push_back(inside);
    if (is_within(inside, resolved))
      return fail(Errc::invalid,
                  fmt::format("users/assign gives it {}, which holds {}: that is no domain's "
                              "directory; mend the line",
                              directory(), whole),
                  Scope::domain);
  }
  bounds_->others.push_back(bounds_->whole.front());
  for (const auto& other : qmail_.outside_domains())
    if (other.real != name_.text()) bounds_->others.push_back(other.directory);
  if (resolved != directory())
    out_.notes.push_back(fmt::format("its directory {} is on {}; carried", directory(), resolved));
  return {};
}

Result<Observation> Inspector::run() {
  out_.state.emplace(name_);
  out_.unmatched = patterns_without_match(state(), {}, selection_);
  VSTATE_TRY(find_directory());
  VSTATE_TRY_ASSIGN(const bool is_unfinished,
                    files_.exists(path_join(server_.domains_dir, ".vstate-dir-control")));
  if (is_unfinished)
    out_.condition.defects.push_back(
        {DefectKind::unfinished_run, "domains", "a stopped apply left the domains' counter"});
  VSTATE_TRY(read_publication());
  out_.condition.paths = {server_.vpopmail_dir,
                          server_.qmail_dir,
                          server_.ezmlm_dir,
                          server_.autorespond,
                          directory(),
                          {},
                          {}};
  if (!directory().empty()) {
    VSTATE_TRY_ASSIGN(const auto found, files_.look_followed(directory()));
    if (found && !found->is_directory())
      return fail(Errc::invalid, fmt::format("{}: is no directory", directory()), Scope::domain);
    out_.condition.has_directory = found.has_value();
  }
  if (!out_.condition.has_directory) {
    if (!directory().empty())
      remark(fmt::format("{} is in users/assign but does not exist", directory()));
    if (!out_.condition.published[name_].in_assign && qmail_.find(name_.text()) == nullptr)
      out_.state.reset();
    return std::move(out_);
  }
  VSTATE_TRY(look_at_directory());
  VSTATE_TRY(claim_housekeeping());
  VSTATE_TRY_ASSIGN(out_.accounts, store_.read_accounts(location()));
  VSTATE_TRY(place_homes());
  VSTATE_TRY(find_lists());
  templater_.emplace(out_.condition.paths,
                     [this](const std::string& path) { return places_.find(path); });
  VSTATE_TRY(read_mailboxes());
  VSTATE_TRY(read_limits());
  VSTATE_TRY(read_default());
  VSTATE_TRY(read_lists());
  VSTATE_TRY(read_aliases());
  VSTATE_TRY(read_alias_rows());
  VSTATE_TRY(read_rest());
  VSTATE_TRY(places_.status());
  VSTATE_TRY_ASSIGN(const auto remarks, store_.remarks(location(), state().aliases));
  for (const auto& text : remarks) remark(text);
  std::vector<std::string> accounts;
  for (const auto& account : out_.accounts)
    accounts.push_back("mailbox." + spell_bytes(account.name));
  out_.unmatched = patterns_without_match(state(), accounts, selection_);
  state() = without_excluded(std::move(state()), selection_);
  return std::move(out_);
}

Result<Observation> inspect_domain(Files& files, const Server& server, AccountStore& store,
                                   const QmailFiles& qmail, const DomainName& name,
                                   const Selection& selection) {
  // What is gone since it was listed is gone, and another look does not see it. Where there is
  // always something, the last look is taken, if it could be ended.
  constexpr int most_looks = 5;
  for (int looks = 1;; ++looks) {
    auto found = Inspector(files, server, store, qmail, name, selection).run();
    const bool is_gone = found ? found->has_changed : found.error().code == Errc::not_found;
    if (!is_gone || looks == most_looks) return found;
  }
}

}  // namespace vstate
