/// \file
/// Where the things of one domain are written: the server, the domain's directory and owner, and
/// where its homes and lists are. Texts are templates until they are written.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain/observation.h"
#include "store/account_store.h"
#include "sys/system.h"
#include "vstate/model/server.h"
#include "vstate/model/state.h"
#include "vstate/model/template.h"

namespace vstate {

class Site {
 public:
  Site(System& changes, const Server& its_server, AccountStore& its_store, const State& wanted,
       const Observation& found, std::vector<std::string>& remarks_of_run)
      : system(changes),
        server(its_server),
        store(its_store),
        desired(wanted),
        actual(found),
        name(wanted.name),
        paths(found.condition.paths),
        directory(found.condition.directory),
        owner(found.condition.owner),
        durability(durability_of(found.condition)),
        remarks(remarks_of_run) {}

  System& system;
  const Server& server;
  AccountStore& store;
  const State& desired;
  const Observation& actual;  ///< as the plan saw it
  const DomainName name;
  Paths paths;            ///< with the homes that are made on the way
  std::string directory;  ///< empty until the domain has one
  Owner owner;
  /// Of files that mail goes by. Where it comes in already, each is whole at any moment, also after
  /// a loss of power; a domain that qmail does not know yet is synced before it does.
  const Durability durability;
  std::vector<std::string>& remarks;  ///< for people: what was seen on the way

  [[nodiscard]] Ownership owned(unsigned mode) const { return {owner.uid, owner.gid, mode}; }
  [[nodiscard]] DomainLocation location() const { return {name, directory, owner}; }
  [[nodiscard]] std::string in_domain(std::string_view entry) const {
    return path_join(directory, entry);
  }
  [[nodiscard]] Result<std::string> expanded(std::string_view text) const;
  /// Where a File of the State stands here.
  [[nodiscard]] Result<std::string> path_of(const std::string& file) const;
  /// Replaces a file of the domain unless it says so already.
  Status write(const std::string& path, std::string_view bytes, unsigned mode);
  [[nodiscard]] Result<std::string> literal_lines(const DeliveryLines&) const;
  Status write_lines(const std::string& path, const DeliveryLines&, unsigned mode);
  /// Makes all that is missing below the domain's directory.
  Status make_directories(const std::string& path);
  /// Takes away what make_directories made: a directory that holds nothing, then those above it up
  /// to `top`, which stays. The first that holds something, or that shall be there, ends it.
  Status remove_empty_directories(std::string path, const std::string& top);
  /// Fails with `conflict` if a file is neither what the plan saw nor what it wants, both
  /// templates: no program locks such a file, so it is looked at just before it is replaced.
  Status check_undisturbed(const std::string& path, const std::optional<std::string>& before,
                           const std::optional<std::string>& after);
  Status check_lines_undisturbed(const std::string& path,
                                 const std::optional<DeliveryLines>& before,
                                 const std::optional<DeliveryLines>& after);

  /// Whether a mailbox of the domain, also one that is made now, has it for its home or a part of
  /// it.
  [[nodiscard]] bool is_of_home(const std::string& path) const;

 private:
  /// Whether it stays if nothing is in it: a home's, or one that the State has.
  [[nodiscard]] bool keeps_directory(const std::string& path) const;
  [[nodiscard]] static Durability durability_of(const Condition&);
};

}  // namespace vstate
