/// \file
/// What is known of one mail server, and of how a domain is published there.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "vstate/model/names.h"
#include "vstate/model/template.h"

namespace vstate {

struct Owner {
  std::uint32_t uid = 0, gid = 0;
  friend bool operator==(const Owner&, const Owner&) = default;
};

enum class VpopmailVersion { v54, v56 };

/// Compile options that say which tables a SQL back-end uses. Nothing: what is there says so.
struct TableOptions {
  std::optional<bool> many_domains;   ///< one table for all domains, not one each
  std::optional<bool> valias;         ///< aliases as rows
  std::optional<bool> limits;         ///< limits as a row, not a file
  std::optional<bool> alias_domains;  ///< alias domains also as rows
  bool default_delivery = false;      ///< `valias` with two more columns
};

/// A server as detected. Paths are as the server's own programs see them, without --root.
struct Server {
  std::string vpopmail_dir, qmail_dir, domains_dir;  ///< domains_dir is absolute
  std::string ezmlm_dir, autorespond;
  /// Where else than below their domain's directory homes may be, by the administrator's word.
  std::vector<std::string> homes;
  std::string assign_cdb;  ///< users/cdb, or users/assign.cdb of s/qmail; absolute
  VpopmailVersion version = VpopmailVersion::v54;
  std::string backend = "cdb";  ///< where accounts are kept, as --backend names it
  TableOptions tables;
  int lock_seconds = 25;                ///< how long to wait for a lock of another connection
  std::string connection_file;          ///< on this machine, instead of the server's own
  Owner owner;                          ///< the vpopmail account
  bool hashes_directories = true;       ///< USERS_BIG_DIR
  bool has_qmail_ext = false;           ///< QMAIL_EXT: mail for user-ext reaches user
  bool stores_clear_passwords = false;  ///< CLEAR_PASS
  /// The arithmetic with which this server's ezmlm places an address in a bucket (lib/subhash.c).
  bool ezmlm_hashes_64_bits = true;
  /// "what: value, from where", in the order of detection; the plan shows them with --verbose.
  std::vector<std::string> evidence;

  [[nodiscard]] std::size_t longest_vpasswd_line() const {  ///< with its newline
    return version == VpopmailVersion::v54 ? 255 : 511;
  }
  [[nodiscard]] std::size_t longest_mailbox_name() const {
    return version == VpopmailVersion::v54 ? 32 : 64;
  }
  [[nodiscard]] std::size_t longest_gecos() const {
    return version == VpopmailVersion::v54 ? 48 : 64;
  }
};

/// The five places of a name (a domain or an alias domain of it), and whether each is right.
struct Publication {
  bool in_assign = false;            ///< users/assign, with the right directory
  bool in_assign_cdb = false;        ///< users/cdb says the same
  bool in_virtualdomains = false;    ///< as NAME:NAME
  bool in_locals = false;            ///< wrong: locals beats virtualdomains
  bool in_rcpthosts = false;         ///< rcpthosts or morercpthosts
  bool in_morercpthosts_cdb = true;  ///< only looked at for names in morercpthosts
  bool in_store = true;              ///< the back-end's own list of alias domains, if it has one

  [[nodiscard]] bool is_complete() const {
    return in_assign && in_assign_cdb && in_store && in_virtualdomains && !in_locals &&
           in_rcpthosts && in_morercpthosts_cdb;
  }
  friend bool operator==(const Publication&, const Publication&) = default;
};

/// What a back-end cannot hold of a State as it is.
struct Misfit {
  std::vector<std::string> subjects;  ///< "mailbox alice"
  std::string what;                   ///< why it does not fit, without the value
  std::string remedy;                 ///< a statement that mends it; empty if there is none
};
/// "mailbox alice, mailbox bob and 3 more: WHAT".
[[nodiscard]] std::string to_text(const Misfit&);

/// Something that is not as it must be for the domain to work, apart from its State.
enum class DefectKind {
  accounts_index,  ///< vpasswd.cdb does not say what vpasswd says
  assign_index,    ///< users/cdb gives the domain a name that users/assign does not
  unfinished_run,  ///< an apply stopped before it wrote the directory counter
  home,            ///< an account's home or Maildir is missing
  ownership,       ///< a path belongs to somebody else, so that deliveries fail
  temporary,       ///< a temporary file of a stopped apply
};
struct Defect {
  DefectKind kind;
  std::string subject;  ///< mailbox name, or path below the domain's directory
  std::string detail;
  friend bool operator==(const Defect&, const Defect&) = default;
};

/// For people, of a domain with Condition::is_frozen.
inline constexpr const char* k_frozen_remark =
    "the domain's directory has the sticky bit: qmail-local defers all its mail";

/// What inspection knows of a domain besides its State.
struct Condition {
  std::string directory;       ///< of the domain; empty: there is none yet
  bool has_directory = false;  ///< false also where users/assign names one that does not exist
  Owner owner;
  bool is_frozen = false;  ///< its sticky bit makes qmail-local defer all mail
  std::map<DomainName, Publication> published;
  std::vector<Defect> defects;
  /// Alias domains found on the server under this domain's assign line, hand-made virtualdomains
  /// lines, and the like, that a person should know.
  std::vector<std::string> remarks;
  Paths paths;
  /// Mailboxes whose home is where root has put no home of the domain: their account, or a link
  /// that root has not made, leads there. vstate works in it with the domain owner's rights, and
  /// does not make it, give it away, remove it, or remove files from it.
  std::set<std::string> homes_elsewhere;
  std::set<std::string> lists_elsewhere;  ///< the same of lists' directories
};

}  // namespace vstate
