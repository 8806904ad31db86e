/// \file
/// What has been seen of one domain so far. Each thing of a domain (home.h, mailbox.h, alias.h,
/// ...) reads itself into one of these and claims the paths that it understands; what no thing
/// claims becomes a File of the State, so that nothing is lost.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "domain/observation.h"
#include "domain/path_places.h"
#include "qmail/qmail_files.h"
#include "vstate/model/selection.h"
#include "vstate/model/template.h"

namespace vstate {

class Inspection {
 public:
  Inspection(Files& files_of_server, const Server& its_server, const AccountStore& its_store,
             const QmailFiles& its_qmail, DomainName domain, const Selection& wanted)
      : files(files_of_server),
        server(its_server),
        store(its_store),
        qmail(its_qmail),
        name(std::move(domain)),
        selection(wanted),
        places(files_of_server) {}

  Files& files;
  const Server& server;
  const AccountStore& store;
  const QmailFiles& qmail;
  const DomainName name;
  const Selection& selection;
  Observation out;
  PathPlaces places;
  std::optional<PlaceId> place;  ///< of the domain's directory
  std::set<PlaceId> above;       ///< its own place, and those of what it is in
  std::optional<Templater> templater;
  std::vector<DirEntry> entries;  ///< of the domain's directory
  std::set<std::string> homes;    ///< relative paths of homes below the domain's directory
  std::shared_ptr<OwnedPlaces> home_places = std::make_shared<OwnedPlaces>();
  std::shared_ptr<LinkBounds> bounds = std::make_shared<LinkBounds>();
  std::map<MailboxName, const Account*> carried;  ///< accounts that become mailboxes
  std::optional<std::set<PlaceId>> above_homes;   ///< what leads to a home, once it was asked for
  std::map<AliasName, std::string> lists;         ///< their directories
  std::set<std::string> list_entries;             ///< their names in the domain's directory

  [[nodiscard]] State& state() { return *out.state; }
  [[nodiscard]] const std::string& directory() const { return out.condition.directory; }
  [[nodiscard]] Owner owner() const { return out.condition.owner; }
  [[nodiscard]] DomainLocation location() const { return {name, directory(), owner()}; }
  [[nodiscard]] std::string in_domain(std::string_view entry) const;
  /// A path below the domain's directory without it; any other path as it is.
  [[nodiscard]] std::string relative(std::string_view path) const;

  /// Claims a path: the State expresses it, or the target makes it anew for this reason.
  void express(std::string_view path) { out.accounting.expressed.insert(relative(path)); }
  void rebuild(std::string_view path, std::string reason) {
    out.accounting.rebuilt.emplace(relative(path), std::move(reason));
  }
  [[nodiscard]] bool is_claimed(std::string_view path) const;
  void remark(std::string text) { out.condition.remarks.push_back(std::move(text)); }
  void leave_out(std::string address, std::string why) {
    state().left_out.push_back({std::move(address), std::move(why), 0, 0});
  }
  /// Where the owner's own rights are used, what is denied is denied to them.
  [[nodiscard]] bool is_denied_to_owner(const Error& error, std::string_view path) const {
    return error.code == Errc::denied && files.is_reached_as_another(path);
  }
  /// A directory to be walked as the place of mailbox `own`; empty: of no mailbox.
  [[nodiscard]] ArchiveSource source_of(std::string directory, std::string own) const;
  /// Reads a small file as a template; nullopt if it is not text, or gone.
  Result<std::optional<std::string>> read_text(const std::string& path, std::size_t limit);
  /// The bytes of something that was listed; nullopt if it is gone, which is remembered, or larger.
  Result<std::optional<std::string>> read_listed(const std::string& path, std::size_t limit);
  /// Names a temporary that a stopped apply left, if one is there.
  Status check_temporary(const std::string& path);
};

/// Text of at most this size stands in the file; more goes into an archive.
constexpr std::size_t k_inline_text = 65536;
/// The same for bytes that are no text.
constexpr std::size_t k_inline_bytes = 4096;

}  // namespace vstate
