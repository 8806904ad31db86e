/// \file
/// The inspection of one domain, step by step. Each step claims the paths that it understands;
/// what nobody claims becomes a File of the State, so that nothing is lost.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "inspect/inspect.h"
#include "inspect/places.h"
#include "vstate/model/template.h"

namespace vstate {

class Inspector {
 public:
  Inspector(Files& files, const Server& server, AccountStore& store, const QmailFiles& qmail,
            DomainName name, const Selection& selection)
      : files_(files),
        server_(server),
        store_(store),
        qmail_(qmail),
        name_(std::move(name)),
        selection_(selection),
        places_(files) {}

  Result<Observation> run();

 private:
  // domain.cc
  Status find_directory();
  Status read_publication();
  Status look_at_directory();
  Status claim_housekeeping();

  // homes.cc: where the accounts live
  Status place_homes();
  [[nodiscard]] bool holds_domain_itself(const std::string& stored);
  Status find_what_is_above();
  Result<std::string> find_home(const Account&);
  Result<std::string> home_instead_of(const Account&, const std::string& stored);
  Status take_home(const std::string& name, const std::string& home);
  [[nodiscard]] bool is_spelt_inside(const std::string& path) const;
  [[nodiscard]] bool is_plainly_inside(const std::string& path);
  Result<std::string> refusal_of_home(const std::string& home);
  Status leave_home(const std::string& name, const std::string& home, const std::string& why);
  Result<bool> is_given(const std::string& path);
  Result<bool> is_elsewhere(const std::string& path);
  [[nodiscard]] static std::string note_of_home(const std::string& name, const std::string& home);
  Status leave_out(const Account&, std::string why);

  // mailboxes.cc
  Status read_mailboxes();
  Status read_bad_records();
  Mailbox to_mailbox(const Account&) const;
  Status read_home(const MailboxName&, Mailbox&, const std::string& home, const StoredLogin* login);
  Status read_home_elsewhere(const MailboxName&, Mailbox&, const std::string& home,
                             const StoredLogin* login);
  Status read_home_entry(Mailbox&, const std::string& home, const DirEntry&,
                         const StoredLogin* login, ArchiveSource&);
  Status read_vacation(Mailbox&, const std::string& home, std::set<std::string>& expressed);
  /// What one look into a home that is as it should be saw besides.
  struct HomeLook {
    bool has_temporary = false, may_have_shared_folders = false;
  };
  /// True if nothing is wrong with it.
  Result<bool> check_home(const MailboxName&, const std::string& home, const Directory&, HomeLook&);
  Status check_maildir(const MailboxName&, const std::string& home, ArchiveSource&);
  Status read_shared_folders(const MailboxName&, const std::string& maildir, ArchiveSource&);
  [[nodiscard]] Result<bool> is_whole_home(const Directory&, HomeLook&) const;
  Status check_temporary(const std::string& path);

  // delivery.cc
  Status read_limits();
  Status remark_default_limits();
  Status read_default();
  Status read_aliases();
  Status read_alias(const DirEntry&, const std::string& local);
  Status read_alias_rows();
  Status read_rows_of(const std::string& local, const std::vector<std::string>& literal);
  Result<std::optional<Autoresponder>> as_autoresponder(const std::string& local,
                                                        const DeliveryLines&);
  Status take_alias(const AliasName&, DeliveryLines, bool forwards_only);
  /// Of a file that was listed, which the State then expresses; nothing if it is gone.
  Result<std::optional<DeliveryLines>> read_lines(const std::string& path);
  /// The file of delivery lines that a name in the domain's directory leads to. nullopt if it leads
  /// to none, which is named if it is a link.
  Result<std::optional<FileInfo>> delivery_file(const DirEntry&, const std::string& address);

  // lists.cc
  Status find_lists();
  Status find_list_behind(const DirEntry& link);
  Result<bool> is_list(const std::string& root);
  [[nodiscard]] bool holds_mailboxes(const std::string& root);
  Status read_lists();
  Status read_list(const AliasName&, const std::string& root);
  Status read_list_directory(List&, const std::string& root, const std::string& below,
                             ArchiveSource&);
  Status read_list_file(List&, const std::string& root, const std::string& below,
                        const std::string& name, ArchiveSource&);
  Status read_sublist(List&, const std::string& root, const std::string& sub, ArchiveSource&);
  Status read_links(List&, const AliasName&, const std::string& root);

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
  /// Nothing: the entry is not one of those that others read, and has to be looked at.
  Result<std::optional<bool>> pass_over(const std::string& path, const DirEntry&,
                                        const std::string& relative, const std::string& prefix,
                                        ArchiveSource& source);
  Result<bool> read_file(const std::string& path, const DirEntry&, const std::string& relative,
                         const std::string& prefix, ArchiveSource& source);
  Status read_link(const std::string& path, const std::string& relative, File&);
  Result<bool> leave_beside_mailbox(const std::string& path, const DirEntry&);
  Status read_empty_directory(const std::string& path, const std::string& relative,
                              const std::string& prefix);
  /// Whether a link at the domain's level is walked as the directory that it leads to.
  [[nodiscard]] Result<bool> is_followed(const std::string& path, const std::string& name);
  void note_unowned_home(const std::string& path, const std::vector<DirEntry>&);

  [[nodiscard]] std::string in_domain(std::string_view name) const;
  [[nodiscard]] std::string relative(std::string_view path) const;
  void express(std::string_view path) { out_.accounting.expressed.insert(relative(path)); }
  void rebuild(std::string_view path, std::string reason) {
    out_.accounting.rebuilt.emplace(relative(path), std::move(reason));
  }
  [[nodiscard]] bool is_claimed(std::string_view path) const;
  void remark(std::string text) { out_.condition.remarks.push_back(std::move(text)); }
  void leave_out(std::string address, std::string why) {
    state().left_out.push_back({std::move(address), std::move(why), 0, 0});
  }
  /// Where the owner's own rights are used, what is denied is denied to them.
  [[nodiscard]] bool is_denied_to_owner(const Error& error, std::string_view path) const {
    return error.code == Errc::denied && files_.is_reached_as_another(path);
  }
  [[nodiscard]] State& state() { return *out_.state; }
  [[nodiscard]] const std::string& directory() const { return out_.condition.directory; }
  [[nodiscard]] Owner owner() const { return out_.condition.owner; }
  [[nodiscard]] DomainLocation location() const { return {name_, directory(), owner()}; }
  [[nodiscard]] ArchiveSource source_of(std::string directory, std::string own) const {
    return {std::move(directory), {}, {{}, home_places_, std::move(own), bounds_}, false};
  }
  /// Reads a small file as a template; nullopt if it is not text, or gone.
  Result<std::optional<std::string>> read_text(const std::string& path, std::size_t limit);
  /// The bytes of something that was listed; nullopt if it is gone, which is remembered, or larger.
  Result<std::optional<std::string>> read_listed(const std::string& path, std::size_t limit);

  Files& files_;
  const Server& server_;
  AccountStore& store_;
  const QmailFiles& qmail_;
  DomainName name_;
  const Selection& selection_;
  Observation out_;
  Places places_;
  std::optional<PlaceId> place_;  ///< of the domain's directory
  std::set<PlaceId> above_;       ///< its own place, and those of what it is in
  std::optional<Templater> templater_;
  std::vector<DirEntry> entries_;  ///< of the domain's directory
  std::set<std::string> homes_;    ///< relative paths of homes below the domain's directory
  std::shared_ptr<OwnedPlaces> home_places_ = std::make_shared<OwnedPlaces>();
  std::shared_ptr<LinkBounds> bounds_ = std::make_shared<LinkBounds>();
  std::map<MailboxName, const Account*> carried_;  ///< accounts that become mailboxes
  std::map<AliasName, std::string> lists_;         ///< their directories
  std::set<std::string> list_entries_;             ///< names in the domain's directory
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
