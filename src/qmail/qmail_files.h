/// \file
/// qmail's files as one run reads them: users/assign, its cdb, and the control files that say which
/// domains are delivered here. They are read once, however many domains are looked at.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "format/assign.h"
#include "format/cdb.h"
#include "format/control.h"
#include "qmail/mentions.h"
#include "sys/files.h"
#include "vstate/model/server.h"

namespace vstate {

/// A name that users/assign gives to somebody, as vpopmail spells such lines.
struct AssignedDomain {
  enum class Kind {
    domain,   ///< a domain of vpopmail's
    alias,    ///< another name of one
    foreign,  ///< some other program's: its line names another user and another directory
  };
  std::string name;  ///< lower-case
  Kind kind = Kind::domain;
  std::string real;  ///< the domain itself, or that whose alias it is; for foreign ones the user
  std::string directory;  ///< as the line has it, without "//" and a "/" at its end
  Owner owner;
};

class QmailFiles {
 public:
  /// Fails if a file is there and cannot be read. Damaged lines are named in blemishes().
  [[nodiscard]] static Result<QmailFiles> load(const Files&, const Server&);
  /// False if one of the files is another than the one that was read.
  [[nodiscard]] Result<bool> is_current(const Files&) const;

  /// In the order of users/assign.
  [[nodiscard]] const std::vector<AssignedDomain>& domains() const { return domains_; }
  [[nodiscard]] const AssignedDomain* find(std::string_view name) const;
  /// Those whose directories are not below vpopmail's domains: as a rule none.
  [[nodiscard]] const std::vector<AssignedDomain>& outside_domains() const { return outside_; }
  /// The alias domains of a domain, in the order of users/assign.
  [[nodiscard]] std::vector<std::string> aliases_of(std::string_view real) const;
  /// Names that users/cdb gives to a domain and users/assign does not.
  [[nodiscard]] std::vector<std::string> stale_names_of(std::string_view real) const;

  /// Where a name of a domain stands. `directory` is the domain's; the store's own list of alias
  /// domains is not looked at.
  [[nodiscard]] Publication publication_of(const Files&, const std::string& name,
                                           const std::string& real,
                                           const std::string& directory) const;

  /// Lines of virtualdomains that concern a domain and are not what vpopmail writes: they bring
  /// another host's mail here, or take this domain's or one of its addresses' elsewhere. As they
  /// stand.
  [[nodiscard]] std::vector<std::string> hand_made_lines_for(std::string_view real) const;

  /// Where else in control a name stands (qmail/mentions.h).
  [[nodiscard]] std::vector<std::string> mentions_of(std::string_view name) const {
    return mentions_.of(name);
  }

  /// "users/assign: line 3: a blank line; ...", for people.
  [[nodiscard]] const std::vector<std::string>& blemishes() const { return blemishes_; }
  /// False: control/rcpthosts is missing, and qmail-smtpd accepts every recipient.
  [[nodiscard]] bool has_rcpthosts() const { return has_rcpthosts_; }

 private:
  /// The bytes of a file, which is remembered as it is now.
  Result<std::optional<std::string>> read(const Files&, const std::string& path);
  Status load_assign(const Files&, const Server&);
  cdb::Records records_of(const std::string& bytes, const std::string& path);
  Status load_control(const Files&, const Server&);
  void settle_kinds(const Files&);

  /// What tells one version of a file from another; all 0: it is not there.
  struct Version {
    std::uint64_t device = 0, inode = 0, size = 0;
    std::int64_t changed = 0;
    friend bool operator==(const Version&, const Version&) = default;
  };
  [[nodiscard]] static Result<Version> version_of(const Files&, const std::string& path);

  std::map<std::string, Version> files_;
  AssignFile assign_;
  std::vector<AssignedDomain> domains_, outside_;
  std::map<std::string, std::size_t, std::less<>> by_name_;
  std::map<std::string, std::vector<std::size_t>, std::less<>> by_real_;
  using LinesBy = std::map<std::string, std::vector<std::string>, std::less<>>;
  std::map<std::string, AssignEntry> cdb_;      ///< by name
  LinesBy stale_;                               ///< names that only users/cdb has, by user
  std::map<std::string, std::string> virtual_;  ///< lower-case key -> what it prepends
  LinesBy prepended_;                           ///< lines of virtualdomains by what they prepend
  LinesBy by_host_;                             ///< the same by the host of their key
  std::set<std::string, std::less<>> locals_, rcpthosts_, morercpthosts_;
  std::set<std::string, std::less<>> morercpthosts_cdb_;
  bool has_rcpthosts_ = false;
  Mentions mentions_;
  std::vector<std::string> blemishes_;
};

/// A path without "//", "/./" and a "/" at its end.
[[nodiscard]] std::string clean_path(std::string_view path);

/// Two names of one directory. Where neither is there, equal names are.
[[nodiscard]] bool is_same_directory(const Files&, const std::string& one,
                                     const std::string& other);

}  // namespace vstate
