// Directories: where a domain and its homes go, and putting right what is wrong with them.

#include <fmt/format.h>

#include "apply/executor.h"
#include "apply/publisher.h"
#include "format/dir_control.h"
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

}  // namespace

Result<NewDirectory> preview_directory(AccountStore& store, const Server& server,
                                       const DomainName& name) {
  if (!server.hashes_directories)
    return NewDirectory{path_join(server.domains_dir, name.text()), false};
  VSTATE_TRY_ASSIGN(auto counter, store.read_domains_counter(server.owner));
  return NewDirectory{next_place(server, counter, name).path, true};
}

Status Executor::create_domain(const CreateDomain& create) {
  const auto& server = input_.server;
  if (directory_.empty()) owner_ = server.owner;
  const auto pending = path_join(server.domains_dir, k_pending);
  VSTATE_TRY(system().ensure_directory(server.domains_dir, owned(0700)));
  DirControl counter;
  std::string path = create.directory;
  if (create.is_hashed) {
    // What a run that stopped while it made another domain left is counted first.
    VSTATE_TRY(finish_domains_counter());
    VSTATE_TRY_ASSIGN(counter, input_.store.read_domains_counter(owner_));
    const auto place = next_place(server, counter, plan_.domain);
    path = place.path;
    VSTATE_TRY(system().replace_file(pending, to_text(counter) + path + "\n", owned(0600),
                                     Durability::now));
    std::string level = server.domains_dir;
    for (const auto part : split(place.hash, '/')) {
      if (part.empty()) continue;
      level = path_join(level, part);
      VSTATE_TRY(system().ensure_directory(level, owned(0700)));
    }
  }
  VSTATE_TRY(system().ensure_directory(path, owned(0700)));
  input_.store.add_directory(path);
  if (create.is_hashed) {
    VSTATE_TRY(input_.store.write_domains_counter(owner_, counter));
    VSTATE_TRY(system().remove_file(pending));
  }
  directory_ = path;
  paths_.domain = path;
  return {};
}

Status Executor::make_home(const std::string& home) {
  for (const std::string_view part :
       {"", "/Maildir", "/Maildir/new", "/Maildir/cur", "/Maildir/tmp"}) {
    VSTATE_TRY(system().ensure_directory(home + std::string(part), owned(0700)));
  }
  return {};
}

Status Executor::fix_ownership(const Repair& defect) {
  if (defect.subject.empty()) return system().set_owner(directory_, owner_.uid, owner_.gid);
  const auto home = paths_.homes.find(defect.subject);
  if (home == paths_.homes.end()) return {};
  return system().own_tree(home->second, owner_.uid, owner_.gid);
}

Status Executor::repair(const Repair& defect) {
  switch (defect.kind) {
    case DefectKind::accounts_index:
      return input_.store.rebuild_index(location());
    case DefectKind::assign_index:
      return Publisher(system(), input_.server, input_.store).rebuild_assign_cdb();
    case DefectKind::unfinished_run:
      if (defect.subject.empty()) return input_.store.finish(location());
      return finish_domains_counter();
    case DefectKind::home: {
      const auto home = paths_.homes.find(defect.subject);
      return home == paths_.homes.end() ? Status() : make_home(home->second);
    }
    case DefectKind::ownership:
      return fix_ownership(defect);
    case DefectKind::temporary:
      return system().remove_file(in_domain(defect.subject));
  }
  return {};
}

Status Executor::finish_domains_counter() {
  const auto pending = path_join(input_.server.domains_dir, k_pending);
  VSTATE_TRY_ASSIGN(const auto text, system().read_if_there(pending));
  if (!text) return {};
  const auto lines = split_lines(*text);
  constexpr std::size_t counter_lines = 8;
  const std::string made(lines.empty() ? std::string_view("/") : lines.back());
  VSTATE_TRY_ASSIGN(const bool is_made, system().exists(made));
  if (lines.size() == counter_lines + 1 && is_made) {
    VSTATE_TRY_ASSIGN(const auto counter, parse_whole_dir_control(text->substr(
                                              0, text->size() - lines.back().size() - 1)));
    VSTATE_TRY(input_.store.write_domains_counter(owner_, counter));
  }
  return system().remove_file(pending);
}

}  // namespace vstate
