/// \file
/// The inspection of one domain, step by step. Each step claims the paths that it understands;
/// what nobody claims becomes a File of the State, so that nothing is lost.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "vstate/format/assign.h"
#include "vstate/inspect/inspect.h"
#include "vstate/model/template.h"

namespace vstate {

class Inspector {
 public:
  Inspector(System& system, const Server& server, AccountStore& store, DomainName name)
      : system_(system), server_(server), store_(store), name_(std::move(name)) {}

  Result<Observation> run();

 private:
  // domain.cc
  Status find_directory();
  Status read_publication();
  void find_hidden_directory();
  void claim_housekeeping();

  // mailboxes.cc
  Status read_mailboxes();
  void place_homes(const std::vector<Account>&);
  Mailbox to_mailbox(const Account&) const;
  Status read_home(const MailboxName&, Mailbox&, const std::string& home, const StoredLogin* login);
  Status read_vacation(Mailbox&, const std::string& home, std::set<std::string>& expressed);
  void check_home(const MailboxName&, const std::string& home, const OpenDirectory*);
  [[nodiscard]] bool is_whole_home(const OpenDirectory&, bool& has_temporary) const;
  void check_temporary(const std::string& path);

  // delivery.cc
  Status read_limits();
  Status remark_default_limits();
  Status read_default();
  Status read_aliases();
  Status read_alias(const std::string& file_name, const std::string& local);
  Status read_alias_rows();
  std::optional<Autoresponder> as_autoresponder(const std::string& local, const DeliveryLines&);
  Result<DeliveryLines> read_lines(const std::string& path);

  // lists.cc
  Status read_lists();
  Status read_list(const std::string& directory_name);
  Status read_list_directory(List&, const std::string& root, const std::string& below,
                             std::set<std::string>& expressed);
  Status read_sublist(List&, const std::string& root, const std::string& sub,
                      std::set<std::string>& expressed);
  void read_links(List&, const std::string& directory_name);

  // rest.cc
  Status read_rest();
  /// Turns what is below `directory` and unclaimed into Files, or leaves it to the archive of
  /// `source`. `prefix` is what the Files' paths begin with. True if the archive has to hold
  /// something of it, or if it holds nothing at all.
  Result<bool> read_files_below(const std::string& directory, const std::string& relative,
                                const std::string& prefix, ArchiveSource& source);
  Result<bool> read_entries(const std::string& directory, const std::string& relative,
                            const std::string& prefix, const std::vector<DirEntry>& entries,
                            ArchiveSource& source);
  Result<bool> read_file(const std::string& path, const DirEntry&, const std::string& relative,
                         const std::string& prefix, ArchiveSource& source);

  [[nodiscard]] std::string in_domain(std::string_view name) const;
  [[nodiscard]] std::string relative(std::string_view path) const;
  void express(std::string_view path) { out_.accounting.expressed.insert(relative(path)); }
  void rebuild(std::string_view path, std::string reason) {
    out_.accounting.rebuilt.emplace(relative(path), std::move(reason));
  }
  [[nodiscard]] bool is_claimed(std::string_view path) const;
  void remark(std::string text) { out_.condition.remarks.push_back(std::move(text)); }
  [[nodiscard]] State& state() { return *out_.state; }
  [[nodiscard]] const std::string& directory() const { return out_.condition.directory; }
  [[nodiscard]] Owner owner() const { return out_.condition.owner; }
  [[nodiscard]] DomainLocation location() const { return {name_, directory(), owner()}; }
  /// Reads a small file as a template; nothing if it is not text.
  Result<std::optional<std::string>> read_text(const std::string& path, std::size_t limit) const;

  System& system_;
  const Server& server_;
  AccountStore& store_;
  DomainName name_;
  Observation out_;
  AssignFile assign_;
  std::optional<Templater> templater_;
  std::vector<DirEntry> entries_;  ///< of the domain's directory
  std::set<std::string> homes_;    ///< relative paths of homes below the domain's directory
  std::set<std::string> list_directories_;
};

/// Text of at most this size stands in the file; more goes into an archive.
constexpr std::size_t k_inline_text = 65536;
/// The same for bytes that are no text.
constexpr std::size_t k_inline_bytes = 4096;

/// autorespond names its per-sender counters "A<pid>.<time>".
[[nodiscard]] bool is_autorespond_counter(std::string_view name);

/// No NUL, and nearly all of it UTF-8: latin-1 text has few other bytes, binary data many.
[[nodiscard]] bool looks_like_text(std::string_view bytes);

}  // namespace vstate
