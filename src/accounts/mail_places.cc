// Mail programs have put mailboxes in a handful of places, and people have put other things beside
// them. A file is looked into before it is taken for an mbox, and what is none is named.

#include "accounts/mail_places.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "format/imap/modified_utf7.h"
#include "format/imap/uid_files.h"
#include "sys/path.h"
#include "vstate/base/text.h"

namespace vstate {

namespace {

constexpr int k_most_levels = 20;

/// Whose a file is that a link of a person's leads to.
struct Resolved {
  mbox::Place place;
  FileInfo info;
  std::string refusal;
};

/// nullopt: nothing is there.
Result<std::optional<Resolved>> resolved_file(const Files& files, const std::string& path) {
  VSTATE_TRY_ASSIGN(const auto info, files.look_followed(path));
  if (!info) return std::nullopt;
  VSTATE_TRY_ASSIGN(const auto way, files.way_of(path));
  Resolved out{{way.path}, *info, ""};
  if (!way.made_by) return std::optional(std::move(out));
  // A link gives nobody mail that is not theirs.
  out.place.owner = way.made_by->uid;
  if (info->uid != way.made_by->uid)
    out.refusal = fmt::format("is a link to {}, which belongs to somebody else", way.path);
  return std::optional(std::move(out));
}

/// `size_of` is the file's.
Result<std::string> beginning_of(const Files& files, const std::string& path,
                                 std::uint64_t size_of) {
  // Small files of a server that is far away have come already.
  constexpr std::uint64_t small = 65536;
  if (size_of <= small) {
    auto all = files.read(path);
    if (all || all.error().code != Errc::unsupported) return all;
  }
  VSTATE_TRY_ASSIGN(const auto directory, files.open_directory(path_parent(path)));
  VSTATE_TRY_ASSIGN(const auto file, directory->open_file(std::string(path_name(path))));
  constexpr std::size_t most = 8192;
  std::string out(most, '\0');
  std::size_t size = 0;
  while (file != nullptr && size < most) {
    VSTATE_TRY_ASSIGN(const auto count, file->read({out.data() + size, most - size}));
    if (count == 0) break;
    size += count;
  }
  out.resize(size);
  return out;
}

std::string why_no_mbox(std::string_view beginning) {
  if (beginning.starts_with("*mbx*")) return "is an mbox of c-client's own kind (MBX)";
  if (beginning.find('\0') != std::string_view::npos) return "is no mbox but binary data";
  return "is no mbox: it does not begin with a From_ line";
}

class MailFinder {
 public:
  MailFinder(const Files& files, const Person& person) : files_(files), person_(person) {}
  Result<FoundMail> run();

 private:
  Status find_maildir();
  Status find_file(const std::string& path, const std::string& folder, bool is_qmails);
  Status find_folders(const std::string& root);
  Status walk(const std::string& directory, std::vector<std::string> parts, int depth);
  Result<bool> leave_out_mh(const std::string& directory, const std::vector<DirEntry>&);
  [[nodiscard]] Result<bool> is_programs_own(const DirEntry&, const std::string& path) const;
  Status visit(const std::string& path, const std::vector<std::string>& parts, int depth);
  Status find_subscriptions();
  void name_merged();
  Status name_pop_drop(const std::string& path);
  void subscribe(std::string_view text);
  [[nodiscard]] Result<std::string> folder_name(const std::vector<std::string>& parts);
  void leave_out(const std::string& path, std::string_view why, std::uint64_t bytes = 0) {
    out_.left_out.push_back(
        {"mail." + to_lower(person_.name), fmt::format("{} {}", visible(path), why), 0, bytes});
  }
  [[nodiscard]] std::string in_home(std::string_view name) const {
    return path_join(person_.home, name);
  }

  const Files& files_;
  const Person& person_;
  FoundMail out_;
  std::set<std::string> seen_;                ///< resolved paths
  std::map<std::string, std::string> names_;  ///< folder -> what it is called in ~/mail
  std::vector<std::string> subscribed_;
};

Status MailFinder::find_maildir() {
  const auto path = in_home("Maildir");
  VSTATE_TRY_ASSIGN(const auto info, files_.look_followed(path));
  if (!info) return {};
  if (!info->is_directory()) return find_file(path, "", false);
  VSTATE_TRY_ASSIGN(const auto way, files_.way_of(path));
  if (way.path != path)
    out_.notes.push_back(fmt::format("{}: Maildir is on {}", person_.name, way.path));
  out_.shown.has_maildir = true;
  return {};
}

Status MailFinder::find_file(const std::string& path, const std::string& folder, bool is_qmails) {
  VSTATE_TRY_ASSIGN(auto found, resolved_file(files_, path));
  if (!found) return {};
  if (!found->refusal.empty()) {
    leave_out(path, found->refusal);
    return {};
  }
  if (!found->info.is_regular()) {
    leave_out(path, found->info.is_directory() ? "is a directory in the place of an mbox"
                                               : "is no regular file");
    return {};
  }
  out_.folder_of.insert_or_assign(path, folder);
  // Two names of one file are one folder.
  if (!seen_.insert(found->place.path).second) return {};
  VSTATE_TRY_ASSIGN(const auto beginning,
                    beginning_of(files_, found->place.path, found->info.size));
  if (!mbox::is_mbox(beginning)) {
    out_.folder_of.erase(path);
    leave_out(path, why_no_mbox(beginning), found->info.size);
    return {};
  }
  found->place.is_qmails = is_qmails;
  out_.shown.folders[folder].push_back(std::move(found->place));
  return {};
}

/// A dot parts names in a Maildir, and two names may become one by that.
Result<std::string> MailFinder::folder_name(const std::vector<std::string>& parts) {
  if (parts.size() == 1 && to_lower(parts.front()) == "inbox") return std::string();
  std::string name;
  for (const auto& part : parts) {
    VSTATE_TRY_ASSIGN(const auto spelt, uid_files::dovecot_folder_name(part));
    name += "." + replace_all(spelt, ".", "_");
  }
  const auto there = join(parts, "/");
  auto free = name;
  for (int i = 2; names_.contains(free) && names_[free] != there; ++i)
    free = fmt::format("{}_{}", name, i);
  names_.emplace(free, there);
  return free;
}

/// A folder of MH has a file for each message, called by a number: they are named as one.
Result<bool> MailFinder::leave_out_mh(const std::string& directory,
                                      const std::vector<DirEntry>& entries) {
  LeftOut left{"mail." + to_lower(person_.name),
               fmt::format("{} is a folder of MH, which is not read", visible(directory)), 0, 0};
  for (const auto& entry : entries) {
    if (entry.type != FileInfo::Type::regular || !is_digits(entry.name)) continue;
    const auto path = path_join(directory, entry.name);
    VSTATE_TRY_ASSIGN(const auto info, files_.look(path));
    if (!info) continue;
    VSTATE_TRY_ASSIGN(const auto beginning, beginning_of(files_, path, info->size));
    // An mbox may be called by a year.
    if (mbox::is_mbox(beginning)) return false;
    ++left.messages;
    left.bytes += info->size;
  }
  if (left.messages == 0) return false;
  out_.left_out.push_back(std::move(left));
  return true;
}

/// Locks, indexes, lists of subscriptions. To Dovecot other files that begin with a dot are
/// folders.
Result<bool> MailFinder::is_programs_own(const DirEntry& entry, const std::string& path) const {
  if (entry.name.ends_with(".lock")) return true;
  if (!entry.name.starts_with('.')) return false;
  if (entry.type != FileInfo::Type::regular) return true;
  VSTATE_TRY_ASSIGN(const auto info, files_.look(path));
  if (!info) return true;
  VSTATE_TRY_ASSIGN(const auto beginning, beginning_of(files_, path, info->size));
  return beginning.find("From ") == std::string::npos || !mbox::is_mbox(beginning);
}

Status MailFinder::visit(const std::string& path, const std::vector<std::string>& parts,
                         int depth) {
  VSTATE_TRY_ASSIGN(const auto info, files_.look_followed(path));
  if (!info) {
    leave_out(path, "is a link that leads nowhere");
    return {};
  }
  if (info->is_directory()) return walk(path, parts, depth + 1);
  const auto folder = folder_name(parts);
  if (!folder) {
    leave_out(path, "has a name that is neither UTF-8 nor modified UTF-7", info->size);
    return {};
  }
  const auto dotted = "." + join(parts, ".");
  VSTATE_TRY(find_file(path, *folder, false));
  if (out_.folder_of.contains(path) && *folder != dotted && !folder->empty())
    out_.notes.push_back(fmt::format("{}: the folder {} is called {} in the Maildir", person_.name,
                                     visible(join(parts, "/")), folder->substr(1)));
  return {};
}

Status MailFinder::walk(const std::string& directory, std::vector<std::string> parts, int depth) {
  if (depth > k_most_levels) {
    leave_out(directory, "has too many levels of directories");
    return {};
  }
  VSTATE_TRY_ASSIGN(const auto resolved, resolve(files_, directory));
  if (!seen_.insert(resolved).second) return {};
  VSTATE_TRY_ASSIGN(const auto entries, files_.list(directory));
  const auto is_there = [&](std::string_view name) {
    return std::any_of(entries.begin(), entries.end(),
                       [&](const DirEntry& entry) { return entry.name == name; });
  };
  if (is_there("cur") && is_there("new")) {
    leave_out(directory, "is a Maildir; only ~/Maildir is carried");
    return {};
  }
  VSTATE_TRY_ASSIGN(const bool is_mh, leave_out_mh(directory, entries));
  for (const auto& entry : entries) {
    // The messages were named together.
    if (is_mh && entry.type == FileInfo::Type::regular) continue;
    const auto path = path_join(directory, entry.name);
    VSTATE_TRY_ASSIGN(const bool is_kept, is_programs_own(entry, path));
    if (is_kept) continue;
    parts.push_back(entry.name);
    VSTATE_TRY(visit(path, parts, depth));
    parts.pop_back();
  }
  return {};
}

Status MailFinder::find_folders(const std::string& root) {
  VSTATE_TRY_ASSIGN(const auto info, files_.look_followed(root));
  if (!info) return {};
  if (info->is_directory()) return walk(root, {}, 0);
  return find_file(root, "." + std::string(path_name(root)), false);
}

/// Without the directory that c-client has in front.
std::string_view without_root(std::string_view line) {
  for (const std::string_view prefix : {"~/mail/", "mail/", "~/Mail/", "Mail/"})
    if (line.starts_with(prefix)) return line.substr(prefix.size());
  return line;
}

/// c-client: a name a line. Dovecot: "/" between levels, or in its second version a tab, behind a
/// header.
void MailFinder::subscribe(std::string_view text) {
  const bool has_tabs = text.starts_with("V\t2\n");
  if (has_tabs) text.remove_prefix(std::min(text.find('\n') + 1, text.size()));
  for (const auto raw : split_lines(text)) {
    const auto line = without_root(trim_end(raw));
    // "{host}name" is on another server.
    if (line.empty() || line.starts_with('#') || line.starts_with('{')) continue;
    std::vector<std::string> parts;
    for (const auto part : split(line, has_tabs ? '\t' : '/')) parts.emplace_back(part);
    const auto folder = folder_name(parts);
    if (!folder) continue;
    auto name = folder->empty() ? std::string("INBOX") : folder->substr(1);
    if (std::find(subscribed_.begin(), subscribed_.end(), name) == subscribed_.end())
      subscribed_.push_back(std::move(name));
  }
}

/// qpopper moves all mail there while a client is connected, and a killed one leaves it there.
Status MailFinder::name_pop_drop(const std::string& path) {
  VSTATE_TRY_ASSIGN(const auto info, files_.look(path));
  if (info && info->is_regular() && info->size > 0)
    leave_out(path,
              "holds mail of a POP3 session of qpopper's; it is in the mbox again when that "
              "has ended",
              info->size);
  return {};
}

/// Only one of several has numbers that clients know.
void MailFinder::name_merged() {
  for (const auto& [folder, places] : out_.shown.folders) {
    const bool has_own = out_.shown.has_maildir && folder.empty();
    if (places.size() + (has_own ? 1 : 0) < 2) continue;
    std::vector<std::string> parts;
    if (has_own) parts.push_back(in_home("Maildir"));
    for (const auto& place : places) parts.push_back(place.path);
    out_.notes.push_back(
        fmt::format("{}: {} is put together of {}; of the first that is numbered "
                    "mail programs know the messages again",
                    person_.name, folder.empty() ? "INBOX" : folder.substr(1), join(parts, ", ")));
  }
}

Status MailFinder::find_subscriptions() {
  for (const auto* name : {"mail/.subscriptions", "Mail/.subscriptions", ".mailboxlist"}) {
    VSTATE_TRY_ASSIGN(const auto text, files_.read_if_there(in_home(name)));
    if (text) subscribe(*text);
  }
  if (subscribed_.empty()) return {};
  const auto own = in_home("Maildir/subscriptions");
  std::optional<std::string> text;
  if (out_.shown.has_maildir) {
    VSTATE_TRY_ASSIGN(text, files_.read_if_there(own));
  }
  const std::string_view there = text ? std::string_view(*text) : std::string_view();
  if (there.starts_with("V\t2\n")) return {};  // what its server wrote counts
  std::vector<std::string> all;
  for (const auto line : split_lines(there))
    if (!line.empty()) all.emplace_back(line);
  for (const auto& name : subscribed_)
    if (std::find(all.begin(), all.end(), name) == all.end()) all.push_back(name);
  out_.shown.subscriptions = uid_files::dovecot_subscriptions_text(all);
  return {};
}

Result<FoundMail> MailFinder::run() {
  out_.shown.home = person_.home;
  const bool may_have_home = person_.home.starts_with('/') && person_.home != "/";
  if (may_have_home) {
    VSTATE_TRY_ASSIGN(const auto home, files_.look_followed(person_.home));
    out_.has_home = home && home->is_directory();
  }
  for (const std::string spool : {"/var/mail", "/var/spool/mail"}) {
    VSTATE_TRY(find_file(path_join(spool, person_.name), "", false));
    VSTATE_TRY(name_pop_drop(path_join(spool, fmt::format(".{}.pop", person_.name))));
  }
  if (!out_.has_home) return std::move(out_);
  VSTATE_TRY(find_maildir());
  VSTATE_TRY(find_file(in_home("Mailbox"), "", true));
  for (const auto* root : {"mail", "Mail"}) VSTATE_TRY(find_folders(in_home(root)));
  VSTATE_TRY(find_file(in_home("mbox"), ".mbox", false));
  VSTATE_TRY(find_subscriptions());
  name_merged();
  return std::move(out_);
}

}  // namespace

Result<FoundMail> find_mail(const Files& files, const Person& person, const std::string& identity,
                            std::shared_ptr<const mbox::TimeZone> zone) {
  VSTATE_TRY_ASSIGN(auto found, MailFinder(files, person).run());
  found.shown.identity = identity;
  found.shown.zone = std::move(zone);
  return found;
}

Result<std::shared_ptr<const mbox::TimeZone>> zone_of_server(const Files& files) {
  VSTATE_TRY_ASSIGN(const auto bytes, files.read_if_there("/etc/localtime"));
  if (!bytes) return std::make_shared<const mbox::TimeZone>();
  auto zone = mbox::TimeZone::parse(*bytes);
  if (!zone) return tl::unexpected<Error>(zone.error().in("/etc/localtime"));
  return std::make_shared<const mbox::TimeZone>(*std::move(zone));
}

}  // namespace vstate
