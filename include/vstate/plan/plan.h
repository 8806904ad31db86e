/// \file
/// What an apply would do to one server for one domain. Actions are data: they print, serialise,
/// compare. Nothing here reads a file or knows a database.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "vstate/model/box.h"
#include "vstate/model/name_hash.h"
#include "vstate/model/selection.h"
#include "vstate/model/server.h"
#include "vstate/model/state.h"
#include "vstate/plan/memory.h"

namespace vstate {

/// Create (no before), change, or remove (no after) one named part of the State.
template <class Value>
struct Change {
  std::string name;
  std::optional<Value> before, after;
};

/// Makes the domain's directory. Nothing refers to it until the domain is published.
struct CreateDomain {
  std::string directory;   ///< where vpopmail would put it at this moment
  bool is_hashed = false;  ///< the domains' counter takes part
};

/// What one archive of the file holds that the target lacks.
struct CopyArchive {
  Box box;
  ArchiveRef archive;
  std::uint64_t messages = 0, bytes = 0, files = 0;  ///< missing on the target
  std::uint64_t changed = 0;                         ///< messages that get other flags or folders
  std::vector<std::string> replaced;
  std::vector<std::string> left_over;  ///< temporaries of a stopped run, which are removed
  std::string identity;                ///< of the archive's bytes as they were compared
  std::vector<NameHash> repeated;      ///< messages that it holds in more than one folder
  std::size_t known = 0;               ///< archives of its beginning that are wholly in
};

/// Takes in all mail that comes from elsewhere while the plan is carried out (apply/mail_feed.h).
struct CopyFeed {
  std::string source;
};

/// Says in Dovecot's files what Courier's say of a mailbox (delivery/convert.h). Only for
/// --convert.
struct ConvertMail {
  std::string name;
};

/// Changes the back-end's tables so that what the file says fits. Only for --alter.
struct AlterStore {
  std::string statement, reason;
};

struct Repair {
  DefectKind kind;
  std::string subject, detail;
};

/// Brings a name into the places of qmail that lack it, rcpthosts last.
struct Publish {
  DomainName name;
  bool is_alias = false;
  Publication found;
};

/// Takes an alias domain out of them, in reverse. Only for --prune.
struct Unpublish {
  DomainName name;
};

using Action = std::variant<CreateDomain, AlterStore, Repair, Change<Limits>, Change<Mailbox>,
                            Change<File>, CopyArchive, CopyFeed, ConvertMail, Change<Autoresponder>,
                            Change<Alias>, Change<List>, Change<DeliveryLines>, Publish, Unpublish>;

/// The address of an action for --only and --exclude: "mailbox.alice", "mail.alice", "domain".
[[nodiscard]] std::string address_of(const Action&);

enum class NoteKind {
  kept,      ///< differs from the file and stays
  conflict,  ///< changed here and in the file since the last apply; stays, but somebody must choose
  here_only,  ///< on the server, not in the file
  warning,    ///< will not work, or not be carried
};
struct Note {
  NoteKind kind;
  std::string subject_kind, name, text;
};

/// How much mail lies somewhere.
struct MailAmount {
  std::uint64_t messages = 0, bytes = 0;
};

struct Plan {
  DomainName domain;
  std::string server_line = {};            ///< "vpopmail 5.6 cdb, /home/vpopmail; qmail /var/qmail"
  std::vector<std::string> evidence = {};  ///< how the server was detected
  std::vector<Action> actions = {};        ///< in the order of execution
  std::vector<Note> notes = {};
  std::vector<std::string> problems = {};  ///< what forbids the apply, before anything is written
  std::size_t left_out = 0;                ///< actions that --only and --exclude took away
  /// Addresses of mailboxes and lists that the file has and the server will not have: removed here
  /// by a person, or left out. Mail for them stays where it is.
  std::set<std::string> unplaced = {};
  /// The mail of mailboxes that would be deleted.
  std::map<std::string, MailAmount> mail_here = {};
  /// What the ledger shall know once all of it is done; empty unless PlanOptions::remembers.
  MemoryUpdate memory = {};

  [[nodiscard]] bool is_empty() const { return actions.empty(); }
};

struct PlanOptions {
  bool prune = false;
  bool overwrite = false;        ///< the file wins also over what a person changed on the server
  std::uint64_t max_delete = 0;  ///< so many of a kind may go, however many there are
  Selection selection;
  bool reads_all_archives = false;  ///< also those that the ledger knows to be wholly in
  bool alter = false;  ///< change the back-end's tables where they do not hold what the file says
  bool to_dovecot = false;  ///< make Dovecot's files of Courier's
  bool remembers = true;    ///< false for a plan that is only shown
};

/// What an archive of the file lacks on the target, as delivery/deliver.h found.
struct ArchiveReport {
  Box box;
  ArchiveRef archive;
  std::uint64_t messages = 0, bytes = 0, files = 0;
  std::vector<std::string> kept, replaced, refused, left_over;
  std::string identity;
  std::vector<NameHash> repeated;
  bool has_courier_files = false, has_dovecot_folders = false;
  std::uint64_t changed = 0;
  std::size_t known = 0;  ///< archives of its beginning that are wholly in, and were not looked at
};

/// What only the target can tell of the file's values.
struct TargetFacts {
  std::set<std::string> missing_programs;  ///< absolute paths that delivery lines run
  std::set<std::string> refused_hashes;    ///< mailboxes whose hash crypt(3) does not know
  std::map<std::string, std::string>
      foreign_names;  ///< names of the file -> real domain that has them here
  std::vector<ArchiveReport> archives;
  /// Free on the file system of the domain; nothing: not known.
  std::optional<std::uint64_t> free_bytes, free_inodes;
  std::string feed;             ///< where mail comes from besides; empty: nowhere
  std::vector<Misfit> misfits;  ///< what the back-end cannot hold
  /// Mailboxes that have something to convert already. Only looked for with
  /// PlanOptions::to_dovecot.
  std::set<std::string> to_convert;
  /// The mail of mailboxes that only the target has. Only looked for with PlanOptions::prune.
  std::map<std::string, MailAmount> mail_here;
  std::string new_directory;  ///< where vpopmail would make the domain's directory now
  bool new_directory_is_hashed = false;
};

struct PlanInput {
  const State& desired;
  const State* actual;  ///< null: the domain is not on the target
  const Condition& condition;
  const Server& server;
  const TargetFacts& facts;
  PlanOptions options;
  Memory memory = {};
};

/// The addresses of the items that file and server do not have alike: a plan asks its memory of no
/// other.
[[nodiscard]] std::set<std::string> disputed_items(const State& desired, const State* actual);

/// What an action does.
enum class Verb {
  create,
  update,
  remove,
  read,  ///< asks for what is new
};
[[nodiscard]] Verb verb_of(const Action&);

/// What a plan takes away, by kind. Addresses that a list loses count, whether the list stays or
/// not; the mail is that of the mailboxes.
struct Deletions {
  std::uint64_t mailboxes = 0, aliases = 0, lists = 0, subscribers = 0, files = 0,
                alias_domains = 0, limits = 0;
  std::uint64_t messages = 0, bytes = 0;
  [[nodiscard]] bool is_empty() const {
    return mailboxes + aliases + lists + subscribers + files + alias_domains + limits == 0;
  }
};
[[nodiscard]] Deletions deletions_of(const Plan&);
/// "2 mailboxes with 1,200 messages (45.1 MiB), 3 aliases"; empty if there are none.
[[nodiscard]] std::string to_text(const Deletions&);

/// Why so much must not go without a number that allows it: more than a third of the mailboxes,
/// aliases, or addresses of lists, of ten or more; the last mailbox; postmaster.
[[nodiscard]] std::vector<std::string> mass_deletions(const Deletions&, const PlanInput&);

struct Summary {
  std::uint64_t add = 0, change = 0, remove = 0;
  std::uint64_t messages = 0, bytes = 0;  ///< to be copied from archives
  std::uint64_t kept = 0, warnings = 0;
  std::uint64_t left_out = 0;           ///< by --only and --exclude
  std::uint64_t removed_addresses = 0;  ///< of `remove`: taken off lists that stay
};
[[nodiscard]] Summary summary_of(const Plan&);

/// Pure: the same input gives the same plan.
[[nodiscard]] Plan make_plan(const PlanInput&);

/// What the target cannot hold of the file, one line each (refusals.cc).
[[nodiscard]] std::vector<std::string> find_refusals(const PlanInput&);
/// Warnings about delivery lines and values that will not work as they did (refusals.cc).
[[nodiscard]] std::vector<Note> find_warnings(const PlanInput&);

/// All programs that the State's delivery lines run, expanded for the target; lines that cannot be
/// expanded yet (a home that does not exist) are expanded with `paths` as far as it goes.
[[nodiscard]] std::set<std::string> programs_of(const State&, const Paths& paths);

}  // namespace vstate
