// Where a domain lives. users/assign says so for a domain that qmail knows; one that is built but
// not yet published is found by the name of its directory. Inspection comes first and notes what is
// broken; making and repairing come with the plan, and leave publication, the last step, to
// qmail/publication.

#include "domain/directory.h"

#include <fmt/format.h>

#include "domain/home.h"
#include "domain/inspection.h"
#include "domain/site.h"
#include "format/dir_control.h"
#include "qmail/publication.h"
#include "sys/path.h"
#include "vstate/base/text.h"

namespace vstate {

namespace {

/// Holds the counter of an addition under way and the directory it is for, until both are made.
constexpr std::string_view k_pending = ".vstate-dir-control";

/// The hash directory and the path of the next domain; `counter` moves on.
struct DomainPlace {
  std::string hash, path;
};
DomainPlace next_place(const Server& server, DirControl& counter, const DomainName& name) {
  const auto hash = advance(counter);
  const auto parent = hash.empty() ? server.domains_dir : path_join(server.domains_dir, hash);
  return {hash, path_join(parent, name.text())};
}

Status finish_domains_counter(Site& site) {
  const auto pending = path_join(site.server.domains_dir, k_pending);
  VSTATE_TRY_ASSIGN(const auto text, site.system.read_if_there(pending));
  if (!text) return {};
  const auto lines = split_lines(*text);
  constexpr std::size_t counter_lines = 8;
  // An empty note names no directory; whatever stands in for it, the number of lines refuses it.
  const std::string made(lines.empty() ? std::string_view("/") : lines.back());
  // The directory is what counts: without it the addition did not happen, and its number is given
  // to the next domain.
  VSTATE_TRY_ASSIGN(const bool is_made, site.system.exists(made));
  if (lines.size() == counter_lines + 1 && is_made) {
    VSTATE_TRY_ASSIGN(const auto counter, parse_whole_dir_control(text->substr(
                                              0, text->size() - lines.back().size() - 1)));
    VSTATE_TRY(site.store.domains_counter().write(site.owner, counter));
  }
  return site.system.remove_file(pending);
}

Status fix_ownership(Site& site, const Repair& defect) {
  if (defect.subject.empty())
    return site.system.set_owner(site.directory, site.owner.uid, site.owner.gid);
  const auto home = site.paths.homes.find(defect.subject);
  if (home == site.paths.homes.end()) return {};
  return site.system.own_tree(home->second, site.owner.uid, site.owner.gid);
}

}  // namespace

Status find_directory(Inspection& in) {
  using Kind = AssignedDomain::Kind;
  const auto* assigned = in.qmail.find(in.name.text());
  if (assigned == nullptr) {
    // A domain that is built but not yet published, or whose line in users/assign was lost.
    VSTATE_TRY_ASSIGN(const auto hidden, in.store.directories().find(in.name));
    in.out.condition.directory = hidden ? hidden->path : "";
    // A domain that is to be made belongs to vpopmail's own user.
    in.out.condition.owner = hidden ? hidden->owner : in.server.owner;
    return {};
  }
  if (assigned->kind == Kind::alias)
    return fail(Errc::invalid,
                fmt::format("{} is an alias domain of {} on this server; name the real domain",
                            in.name.text(), assigned->real),
                Scope::domain);
  if (assigned->kind == Kind::foreign)
    return fail(Errc::invalid,
                fmt::format("{} is not vpopmail's on this server: users/assign gives it to {} in "
                            "{}; it is left alone",
                            in.name.text(), assigned->real, assigned->directory),
                Scope::domain);
  in.out.condition.directory = assigned->directory;
  in.out.condition.owner = assigned->owner;
  return {};
}

Status read_publication(Inspection& in) {
  for (const auto& blemish : in.qmail.blemishes()) in.remark(blemish);
  if (!in.qmail.has_rcpthosts())
    in.remark(
        "control/rcpthosts is missing: this server accepts mail for every domain until it is made");
  for (const auto& stale : in.qmail.stale_names_of(in.name.text()))
    in.out.condition.defects.push_back(
        {DefectKind::assign_index, "",
         fmt::format("{} still has {}", in.server.assign_cdb, stale)});
  VSTATE_TRY_ASSIGN(const auto listed, in.store.aliases().read_domains(in.location()));
  const auto look_up = [&](const std::string& name) {
    auto place = in.qmail.publication_of(in.files, name, in.name.text(), in.directory());
    // A back-end without a list of alias domains lacks none.
    place.in_store = !listed || name == in.name.text() || listed->contains(name);
    return place;
  };
  in.out.condition.published[in.name] = look_up(in.name.text());
  for (const auto& name : in.qmail.aliases_of(in.name.text())) {
    const auto alias = DomainName::parse(name);
    if (!alias) {
      in.leave_out("domain." + name, "its alias domain: " + alias.error().message);
      continue;
    }
    in.state().aliases.insert(*alias);
    in.out.condition.published[*alias] = look_up(name);
  }
  for (const auto& [name, place] : in.out.condition.published)
    for (const auto& line : in.qmail.mentions_of(name.text())) in.remark(visible(line));
  for (const auto& line : in.qmail.hand_made_lines_for(in.name.text()))
    in.remark(
        fmt::format("virtualdomains has the line \"{}\", made by hand; vstate does not carry it",
                    visible(line)));
  return {};
}

Status claim_housekeeping(Inspection& in) {
  for (const auto& entry : in.entries) {
    const auto own = in.store.backend().own_file(entry.name);
    if (!own) continue;
    if (own->is_expressed)
      in.express(in.in_domain(entry.name));
    else
      in.rebuild(in.in_domain(entry.name), own->reason);
  }
  return {};
}

Status look_at_directory(Inspection& in) {
  VSTATE_TRY_ASSIGN(in.entries, in.files.list(in.directory()));
  VSTATE_TRY_ASSIGN(const auto info, in.files.info_followed(in.directory()));
  // Whether a home is below this directory is asked by its place, since links give one directory
  // many paths.
  in.place = {info.device, info.inode};
  if (Owner{info.uid, info.gid} != in.owner())
    in.out.condition.defects.push_back(
        {DefectKind::ownership, "",
         fmt::format("the domain's directory belongs to {}:{}", info.uid, info.gid)});
  // qmail-local defers all mail to a directory with the sticky bit, which is how mail is held off
  // while a domain is copied.
  in.out.condition.is_frozen = (info.mode & 01000U) != 0;
  if ((info.mode & 0002U) != 0)
    in.remark("the domain's directory is writable for everybody: qmail-local defers all its mail");
  // A hook of the site's may keep other systems in step, which is then left to a person.
  VSTATE_TRY_ASSIGN(const bool has_hook,
                    is_executable(in.files, path_join(in.server.vpopmail_dir, "etc/onchange")));
  if (has_hook) in.remark("this server has a hook, etc/onchange, which vstate does not run");
  VSTATE_TRY_ASSIGN(const auto resolved, resolve(in.files, in.directory()));
  in.bounds->own = resolved;
  // What is done in a home elsewhere is done as its owner: none of these may be below one.
  for (const auto& whole :
       {in.server.domains_dir, in.server.qmail_dir, std::string("/var/lib/vstate")}) {
    VSTATE_TRY_ASSIGN(const auto inside, resolve(in.files, whole));
    in.bounds->whole.push_back(inside);
    if (is_within(inside, resolved))
      return fail(Errc::invalid,
                  fmt::format("users/assign gives it {}, which holds {}: that is no domain's "
                              "directory; mend the line",
                              in.directory(), whole),
                  Scope::domain);
  }
  // A link from this domain into another one's directory would carry that one's mail along.
  in.bounds->others.push_back(in.bounds->whole.front());
  for (const auto& other : in.qmail.outside_domains())
    if (other.real != in.name.text()) in.bounds->others.push_back(other.directory);
  if (resolved != in.directory())
    in.out.notes.push_back(
        fmt::format("its directory {} is on {}; carried", in.directory(), resolved));
  return {};
}

// A plan shows the path that the counter gives now. Another program may count a domain meanwhile,
// so create_domain() asks the counter again.
Result<NewDirectory> preview_directory(const AccountStore& store, const Server& server,
                                       const DomainName& name) {
  if (!server.hashes_directories)
    return NewDirectory{path_join(server.domains_dir, name.text()), false};
  VSTATE_TRY_ASSIGN(auto counter, store.domains_counter().read(server.owner));
  return NewDirectory{next_place(server, counter, name).path, true};
}

Status create_domain(Site& site, const CreateDomain& create) {
  const auto& server = site.server;
  if (site.directory.empty()) site.owner = server.owner;
  const auto pending = path_join(server.domains_dir, k_pending);
  VSTATE_TRY(ensure_directory(site.system, server.domains_dir, site.owned(0700)));
  DirControl counter;
  std::string path = create.directory;
  if (create.is_hashed) {
    // What a run that stopped while it made another domain left is counted first.
    VSTATE_TRY(finish_domains_counter(site));
    VSTATE_TRY_ASSIGN(counter, site.store.domains_counter().read(site.owner));
    const auto place = next_place(server, counter, site.name);
    path = place.path;
    // The note stands before anything is made: a stop between the directory and the counter is then
    // told from a directory that somebody made by hand.
    VSTATE_TRY(site.system.replace_file(pending, to_text(counter) + path + "\n", site.owned(0600),
                                        Durability::now));
    std::string level = server.domains_dir;
    for (const auto part : split(place.hash, '/')) {
      if (part.empty()) continue;
      level = path_join(level, part);
      VSTATE_TRY(ensure_directory(site.system, level, site.owned(0700)));
    }
  }
  VSTATE_TRY(ensure_directory(site.system, path, site.owned(0700)));
  // Later domains of this run look for directories in a listing that was made before this one.
  site.store.directories().add(path);
  if (create.is_hashed) {
    // The counter is written after the directory that it counts, and the note goes last: also to
    // the disk, or a loss of power would have the directory counted twice.
    VSTATE_TRY(site.system.sync(server.domains_dir));
    VSTATE_TRY(site.store.domains_counter().write(site.owner, counter));
    VSTATE_TRY(site.system.remove_file(pending));
  }
  site.directory = path;
  site.paths.domain = path;
  return {};
}

Status repair(Site& site, const Repair& defect) {
  switch (defect.kind) {
    case DefectKind::accounts_index:
      return site.store.accounts().rebuild_index(site.location());
    case DefectKind::assign_index:
      return Publisher(site.system, site.server, site.store).rebuild_assign_cdb();
    case DefectKind::unfinished_run:
      // With a subject it is the counter of domains, whose addition another run has left.
      if (defect.subject.empty()) return site.store.accounts().finish(site.location());
      return finish_domains_counter(site);
    case DefectKind::home: {
      const auto home = site.paths.homes.find(defect.subject);
      return home == site.paths.homes.end() ? Status() : make_home(site, home->second);
    }
    case DefectKind::ownership:
      return fix_ownership(site, defect);
    case DefectKind::temporary:
      return site.system.remove_file(site.in_domain(defect.subject));
  }
  return {};
}

}  // namespace vstate
