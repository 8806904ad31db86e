// The order in which a domain is looked at. Each thing claims the paths that it understands, and
// what nobody has claimed at the end becomes plain files, so that the last step must come last.
// Nothing is locked, so what was listed may be gone when it is read; then the look is taken again.

#include "inspect/inspect.h"

#include <utility>

#include <fmt/format.h>

#include "domain/alias.h"
#include "domain/directory.h"
#include "domain/file.h"
#include "domain/home.h"
#include "domain/inspection.h"
#include "domain/limits.h"
#include "domain/list.h"
#include "domain/mailbox.h"
#include "sys/far_side.h"
#include "sys/path.h"
#include "vstate/base/text.h"

namespace vstate {

std::vector<DomainName> real_domains(const QmailFiles& qmail) {
  std::vector<DomainName> names;
  for (const auto& domain : qmail.domains()) {
    if (domain.kind != AssignedDomain::Kind::domain) continue;
    // A name that vpopmail could not have made is another program's line.
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

namespace {

// A server that is far away is asked about many things at once.

std::vector<std::string> usual_places(const Inspection& in) {
  return {path_join(in.server.domains_dir, ".vstate-dir-control"),
          path_join(in.server.domains_dir, in.name.text()),
          path_join(in.server.vpopmail_dir, "etc/ip_alias_map"), in.server.autorespond,
          "/var/lib/vstate"};
}

/// Whether a directory holds what is looked at in an inspection: of mail, only what there is of it.
bool is_inspected(std::string_view path) {
  return path_name(path_parent(path)) != "Maildir" && path_name(path) != "archive";
}

/// Mostly all homes are below the domain's directory. Those that are excluded need not be looked
/// into, and which they are is known later.
std::shared_ptr<const void> gather_domain(const Inspection& in, const std::string& directory) {
  if (in.files.far_side() == nullptr) return nullptr;
  Ahead domain{{directory}};
  domain.places = usual_places(in);
  if (in.selection.is_of_all()) {
    domain.descends = is_inspected;
    domain.likely = "Maildir";
  }
  const Ahead files{{path_join(in.server.vpopmail_dir, "etc")}};
  // Delivery lines name them.
  const Ahead programs{{in.server.ezmlm_dir, path_join(in.server.vpopmail_dir, "bin"),
                        path_join(in.server.qmail_dir, "bin")},
                       {},
                       false};
  return gather(in.files, {domain, files, programs});
}

/// Homes may be anywhere, and they and their Maildirs may be links to another disk.
std::shared_ptr<const void> gather_homes(const Inspection& in) {
  if (in.files.far_side() == nullptr) return nullptr;
  std::vector<std::string> homes, parts;
  for (const auto& account : in.out.accounts) {
    const auto home = clean_path(account.home);
    if (home.empty() || in.selection.excludes("mailbox." + spell_bytes(account.name))) continue;
    for (const auto* part : {"/Maildir/new", "/Maildir/cur", "/Maildir/tmp"})
      parts.push_back(home + part);
    homes.push_back(home);
  }
  expect(in.files, parts);
  std::erase_if(homes, [&](const std::string& home) {
    const auto way = in.files.way_of(home);
    return !way || (way->path == home && in.selection.is_of_all());
  });
  return gather(in.files, {{homes, is_inspected}});
}

/// Each thing of a domain that has a directory, in the order in which they need each other.
Status read_things(Inspection& in) {
  VSTATE_TRY(look_at_directory(in));
  VSTATE_TRY(claim_housekeeping(in));
  // Homes come before lists, since a directory that is somebody's home is no list, and both come
  // before the templates, which name them.
  VSTATE_TRY_ASSIGN(in.out.accounts, in.store.accounts().read(in.location()));
  const auto homes = gather_homes(in);
  VSTATE_TRY(place_homes(in));
  VSTATE_TRY(find_lists(in));
  in.templater.emplace(in.out.condition.paths,
                       [&in](const std::string& path) { return in.places.find(path); });
  VSTATE_TRY(read_mailboxes(in));
  VSTATE_TRY(read_limits(in));
  // Rows of aliases count only where .qmail-default runs vdelivermail, so it is read first; lists
  // claim their links before aliases take the rest.
  VSTATE_TRY(read_default(in));
  VSTATE_TRY(read_lists(in));
  VSTATE_TRY(read_aliases(in));
  VSTATE_TRY(read_alias_rows(in));
  VSTATE_TRY(read_rest(in));
  // Answers about places were used on the way; if one of them was a failure, nothing that was made
  // of it may be believed.
  return in.places.status();
}

/// One look.
Result<Observation> look(Inspection in) {
  in.out.state.emplace(in.name);
  const auto* assigned = in.qmail.find(in.name.text());
  const auto likely =
      assigned != nullptr ? assigned->directory : path_join(in.server.domains_dir, in.name.text());
  auto gathered = gather_domain(in, likely);
  // If the domain is not here, no pattern matches anything.
  in.out.unmatched = patterns_without_match(in.state(), {}, in.selection);
  VSTATE_TRY(find_directory(in));
  // The counter of all domains is written beside them while one is made; one that is left belongs
  // to a stopped run.
  VSTATE_TRY_ASSIGN(const bool is_unfinished,
                    in.files.exists(path_join(in.server.domains_dir, ".vstate-dir-control")));
  if (is_unfinished)
    in.out.condition.defects.push_back(
        {DefectKind::unfinished_run, "domains", "a stopped apply left the domains' counter"});
  VSTATE_TRY(read_publication(in));
  in.out.condition.paths = {in.server.vpopmail_dir,
                            in.server.qmail_dir,
                            in.server.ezmlm_dir,
                            in.server.autorespond,
                            in.directory(),
                            {},
                            {}};
  if (!in.directory().empty()) {
    VSTATE_TRY_ASSIGN(const auto found, in.files.look_followed(in.directory()));
    if (found && !found->is_directory())
      return fail(Errc::invalid, fmt::format("{}: is no directory", in.directory()), Scope::domain);
    in.out.condition.has_directory = found.has_value();
  }
  if (!in.out.condition.has_directory) {
    if (!in.directory().empty())
      in.remark(fmt::format("{} is in users/assign but does not exist", in.directory()));
    // Without a directory and without a line, there is no such domain; with a line there is a
    // broken one.
    if (!in.out.condition.published[in.name].in_assign && in.qmail.find(in.name.text()) == nullptr)
      in.out.state.reset();
    return std::move(in.out);
  }
  if (in.directory() != likely) gathered = gather_domain(in, in.directory());
  VSTATE_TRY(read_things(in));
  VSTATE_TRY_ASSIGN(const auto remarks,
                    in.store.backend().remarks(in.location(), in.state().aliases));
  for (const auto& text : remarks) in.remark(text);
  std::vector<std::string> accounts;
  for (const auto& account : in.out.accounts)
    accounts.push_back("mailbox." + spell_bytes(account.name));
  in.out.unmatched = patterns_without_match(in.state(), accounts, in.selection);
  in.state() = without_excluded(std::move(in.state()), in.selection);
  return std::move(in.out);
}

}  // namespace

std::string task_of(const DomainName& name) { return "domain " + name.text(); }

Result<Observation> inspect_domain(Files& files, const Server& server, const AccountStore& store,
                                   const QmailFiles& qmail, const DomainName& name,
                                   const Selection& selection, std::shared_ptr<const void> begun) {
  // What is gone since it was listed is gone, and another look does not see it. Where there is
  // always something, the last look is taken, if it could be ended.
  constexpr int most_looks = 5;
  for (int looks = 1;; ++looks) {
    const auto task = begun ? std::exchange(begun, nullptr) : begin_task(files, task_of(name));
    auto found = look(Inspection(files, server, store, qmail, name, selection));
    const bool is_gone = found ? found->has_changed : found.error().code == Errc::not_found;
    if (!is_gone || looks == most_looks) return found;
  }
}

}  // namespace vstate
