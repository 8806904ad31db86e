/// \file
/// The state of one domain: what the file describes, what a server has. Ordered and comparable;
/// no server's paths, owners, or back-ends are in it. Free text is a template (template.h).
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "vstate/model/delivery.h"
#include "vstate/model/flags.h"
#include "vstate/model/limits.h"
#include "vstate/model/names.h"
#include "vstate/model/quota.h"
#include "vstate/model/secret.h"

namespace vstate {

/// One archive, as the file names it.
struct ArchivePart {
  std::string archive;  ///< path relative to the directory of the file or of --mail
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;  ///< of all regular files in it
  std::string sha256;       ///< of the content, however it is packed (archive/archive.h)
  friend bool operator==(const ArchivePart&, const ArchivePart&) = default;
};

/// An archive of mail or files, and what later dumps added to it, in their order.
struct ArchiveRef : ArchivePart {
  std::vector<ArchivePart> increments;
  friend bool operator==(const ArchiveRef&, const ArchiveRef&) = default;
  /// Calls `visit` with the archive and each of its increments.
  template <class Visit>
  void for_each(Visit visit) const {
    visit(static_cast<const ArchivePart&>(*this));
    for (const auto& part : increments) visit(part);
  }
};

/// The last login, or the creation of an account that never logged in (from is "0.0.0.0").
struct LastLogin {
  std::chrono::sys_seconds at{};
  std::string from;  ///< as vpopmail stores it, which is not always an address
  friend bool operator==(const LastLogin&, const LastLogin&) = default;
};

struct Mailbox {
  Secret password;  ///< crypt(3) string; empty is an account that cannot log in
  std::optional<Secret> clear_password;
  bool is_apop = false;
  std::string gecos;  ///< template that names no path
  Quota quota;
  Flags flags = 0;
  DeliveryLines deliver;  ///< its own .qmail; empty is none, which vdelivermail takes alike
  std::optional<std::string> vacation;  ///< text of vacation/message
  std::optional<LastLogin> last_login;
  std::optional<ArchiveRef> mail;
  friend bool operator==(const Mailbox&, const Mailbox&) = default;
};

/// A .qmail-NAME file, or the rows of `valias` that say the same.
struct Alias {
  DeliveryLines deliver;
  bool forwards_only = false;  ///< the file's owner-execute bit, as qmail-local reads it
  friend bool operator==(const Alias&, const Alias&) = default;
};

/// A mail robot as qmailadmin lays it out.
struct Autoresponder {
  std::string message;
  DeliveryLines copy_to;
  std::uint64_t replies = 0;  ///< to one sender in `seconds`
  std::uint64_t seconds = 0;
  std::string program;  ///< template; empty is {autorespond}
  friend bool operator==(const Autoresponder&, const Autoresponder&) = default;
};

/// An ezmlm list.
struct List {
  /// Addresses by sub-directory: "" subscribers, "mod", "digest", "allow", "deny", others.
  std::map<std::string, std::set<std::string>> addresses;
  std::set<std::string> options;             ///< empty files whose presence says something
  std::map<std::string, std::string> files;  ///< configuration, by name in the list's directory
  Secret key;                                ///< secret of the confirmation cookies, base64
  /// Symbolic links .qmail-LIST<suffix> -> file in the list's directory.
  std::map<std::string, std::string> links;
  std::optional<ArchiveRef> archive;  ///< messages, counters, logs, moderation queue
  friend bool operator==(const List&, const List&) = default;
};

/// Anything else below the domain's directory.
struct File {
  enum class Kind { text, bytes, link, directory };
  Kind kind = Kind::text;
  std::string content;   ///< template, raw bytes, or the link's target (template)
  unsigned mode = 0600;  ///< permission bits; 0700 for a directory
  friend bool operator==(const File&, const File&) = default;
};

/// Something that the source has and the file has not: what stands in its way, and the mail that
/// stays behind with it. A domain that is made of such a file is not whole.
struct LeftOut {
  std::string address;  ///< "mailbox.with blank", as --exclude takes it
  std::string why;
  std::uint64_t messages = 0, bytes = 0;
  friend bool operator==(const LeftOut&, const LeftOut&) = default;
};

struct State {
  DomainName name;
  std::set<DomainName> aliases;
  std::optional<DeliveryLines> default_delivery;  ///< .qmail-default; nothing: not there
  std::optional<Limits> limits;                   ///< nothing: vlimits.default applies
  std::map<MailboxName, Mailbox> mailboxes;
  std::map<AliasName, Alias> alias;
  std::map<AliasName, Autoresponder> autoresponders;
  std::map<AliasName, List> lists;
  /// By path relative to the domain's directory; a path in a home begins with {mailbox:NAME}.
  std::map<std::string, File> files;
  std::optional<ArchiveRef> archive;  ///< files that are too large or too binary for the document
  std::vector<LeftOut> left_out;

  explicit State(DomainName domain) : name(std::move(domain)) {}
  friend bool operator==(const State&, const State&) = default;
};

}  // namespace vstate
