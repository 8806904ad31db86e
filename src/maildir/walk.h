/// \file
/// Walking a directory that is to be archived: which entries go along, which are rebuilt on the
/// other server, which the file already expresses, and which cannot travel at all.
///
/// A Maildir, or a folder of one, that is a link to a directory is walked as the mail server walks
/// it; all other links are entries. The walk works while mail arrives and is read: see `walk_tree`.
/// It knows nothing of archives.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "maildir/stamps.h"
#include "maildir/tree_view.h"
#include "sys/files.h"
#include "vstate/base/result.h"
#include "vstate/model/template.h"

namespace vstate {

/// Paths relative to the walked directory that are expressed elsewhere (in the TOML). The path of
/// a directory stands for all below it. A path that ends with "/" belongs to another walk (a
/// mailbox's home below the domain's directory): it is neither entered nor counted.
using Exclusion = std::set<std::string>;

/// Places that belong to somebody, with whose they are: the homes of a domain.
using OwnedPlaces = std::map<PlaceId, std::string>;

/// Where no link of a tree may lead, as resolved paths.
struct LinkBounds {
  std::string own;                  ///< the domain's directory: a link below it is in bounds
  std::vector<std::string> others;  ///< of other domains, or of all domains together
  std::vector<std::string> whole;   ///< what no tree may hold: vpopmail's domains, qmail
};
/// Why a link that ends there is not followed: it would take along what is another domain's, or the
/// server's; empty if it is.
[[nodiscard]] std::string refusal_of(const LinkBounds&, std::string_view resolved);

/// Which links are walked as the directories that they lead to.
struct LinkedDirectories {
  std::set<std::string> followed;  ///< paths relative to the walked directory
  /// Links that lead into one of these, unless it is that of `own`, are refused: what is there is
  /// somebody else's.
  std::shared_ptr<const OwnedPlaces> places;
  std::string own;
  std::shared_ptr<const LinkBounds> bounds = nullptr;
};

/// What is walked.
struct TreeSource {
  std::string directory;  ///< absolute on the server
  Exclusion expressed = {};
  LinkedDirectories links = {};
  /// Nothing that is missing in it is known to be gone: what it should hold is not there, or leads
  /// nowhere, as where a disk is not mounted.
  bool is_partial = false;
  /// Shows what is walked in place of what lies in `directory`; null: nothing does.
  std::shared_ptr<TreeView> view = nullptr;
};

/// Every entry (file, link, directory) below the walked directory is counted once: in `archived`,
/// `rebuilt` or `expressed`, or named in `refused`. The walked directory itself is not counted.
struct TreeCount {
  std::uint64_t archived = 0, rebuilt = 0, expressed = 0;
  std::uint64_t messages = 0, bytes = 0;                 ///< of those archived
  std::map<std::string, std::uint64_t> rebuilt_reasons;  ///< they sum up to `rebuilt`
  std::uint64_t gone = 0;  ///< what was listed and was not there any more: the source changed
  /// "PATH: why": what cannot travel, whoever reads it: sockets, fifos, devices, links that lead
  /// nowhere, in a circle, or to somebody else.
  std::vector<std::string> refused;
  std::vector<std::string> followed;  ///< "PATH -> where it leads": links that were walked
  /// "PATH: what": what of something that travels does not (TreeView::lost).
  std::vector<std::string> lost;
  /// What could not be read. The walk goes on, so that all of it is named, and ends with the first.
  std::vector<Error> failures;
};

enum class EntryKind : std::uint8_t { directory = 1, regular = 2, link = 3 };

struct TreeEntry {
  std::string path;  ///< relative to the walked directory, without "/" at its end
  EntryKind kind = EntryKind::regular;
  unsigned mode = 0;  ///< permission bits; set-id and sticky bits are left out
  std::chrono::sys_seconds mtime{};
  std::uint64_t size = 0;  ///< of a regular file: bytes; of a link: length of its target
  std::string target;      ///< of a link
  /// Regular files: digest of what changes whenever the file does (inode, times, size).
  std::uint64_t stamp = 0;
  /// A message that comes from a sender who knows another one by its unique name: it is remembered
  /// by folder and name (MessageKeys). What a walk visits never says so.
  bool is_scoped = false;
  /// Regular files: open for reading, at its start. Null for all else, and in a walk that only
  /// counts.
  std::shared_ptr<OpenFile> file;
};

/// True: the entry was taken. False: it was not (it is counted nowhere; a visitor that refuses an
/// entry names it in the count). An error ends the walk.
using TreeVisitor = std::function<Result<bool>(TreeEntry&)>;

/// Asked before a message is opened, with the path as it was listed; in the order of the visits,
/// and some hundreds of them ahead, so that a source that is far away can be asked for all that are
/// wanted at once. False: it is taken as it is, unopened, and not visited.
using MessageFilter = std::function<Result<bool>(const std::string& path)>;

/// Visits what is to be archived, sorted bytewise by path, so that parents come before children
/// and "a-b" before "a/b", whatever order the file system lists. Not visited but counted as
/// rebuilt, with a reason: files that `classify_maildir_file` drops, what lies in `tmp` of a
/// Maildir folder (a directory that also holds `new` and `cur`), temporaries of a stopped apply.
///
/// `new` is listed before `cur`, and a directory that changes while it is listed is listed again,
/// so that a message that a reader moves is seen. One that got another name between listing and
/// opening is looked up by its unique name in `new` and `cur` of its folder, and visited under the
/// name that was listed, unless its present name was listed too. One that is gone is left out.
/// (Dovecot and Courier cope with each other's renames alike.)
///
/// Memory: the names in `new` and `cur` of one folder. Fails with `not_found` if there is no such
/// directory; what cannot be read is named in `count.failures` and the walk goes on.
///
/// Several messages of one folder with one unique name, which a copy without deletion leaves, are
/// each visited under a name of their own, made of their content: "A,S=9" becomes
/// "A.v1a2b3c4d,S=9". None keeps the name, so that no later pass takes one for another.
Status walk_tree(const Files&, const TreeSource&, TreeCount& count, const TreeVisitor&,
                 const MessageFilter* = nullptr, ListedDirectories* listed = nullptr);

/// The same walk without opening files: what would be archived, rebuilt, expressed, refused.
[[nodiscard]] Result<TreeCount> count_tree(const Files&, const TreeSource&);

/// False: something of it was not seen, so that what was not seen is not known to be gone.
[[nodiscard]] bool has_seen_all(const TreeSource&, const TreeCount&);

/// The first of the failures that a walk met, with all of them in its message.
[[nodiscard]] Status failure_of(const TreeCount&);

}  // namespace vstate
