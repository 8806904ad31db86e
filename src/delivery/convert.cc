// The conversion works on what is at the target after a pass: Courier's files have been carried
// like all others, and Dovecot's are made of them. It compares what it would write with what is
// there, and what is there with what it wrote itself the last time, so that a person's or Dovecot's
// own changes stay.

#include "delivery/convert.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "delivery/batch.h"
#include "delivery/target.h"
#include "delivery/temporary.h"
#include "format/imap/uid_files.h"
#include "format/maildir_name.h"
#include "maildir/names.h"
#include "sys/process/identity.h"
#include "vstate/base/text.h"

namespace vstate {

namespace {

constexpr std::string_view k_maildir = "Maildir";
constexpr const char* k_uidlist = "dovecot-uidlist";
constexpr const char* k_keywords = "dovecot-keywords";
constexpr const char* k_subscriptions = "subscriptions";
constexpr const char* k_courier_keywords = "courierimapkeywords";

class Converter {
 public:
  Converter(System& system, mail::Target target, const ConvertedHome& home,
            const MailMemory& memory, Batch* batch)
      : system_(system),
        target_(std::make_shared<mail::Target>(std::move(target))),
        home_(home),
        memory_(memory),
        batch_(batch) {}

  Result<ConvertCount> run();

 private:
  /// What Courier keeps of one folder, as text.
  struct Files {
    std::optional<std::string> uids, pop3;
    std::string keyword_list;
    std::map<std::string, std::string> keyword_updates;
    [[nodiscard]] bool has_any() const {
      return uids || pop3 || !keyword_list.empty() || !keyword_updates.empty();
    }
  };
  struct Name {
    std::string_view part;  ///< "new" or "cur"
    std::string name;
  };

  /// Returns no names for a directory that is not there.
  Result<std::vector<std::string>> names_in(const std::string& directory);
  Result<std::optional<std::string>> read(const std::string& path);
  Result<Files> read_courier(const std::string& folder);
  Status convert_folder(const std::string& folder);
  Status convert_subscriptions();
  Status mark_messages(const std::string& folder, const uid_files::DovecotFolder&,
                       const std::vector<Name>&, const std::set<std::string, std::less<>>& known,
                       bool& has_changed);
  [[nodiscard]] std::optional<std::uint64_t> remembered_keywords(const NameHash& key,
                                                                 bool was_listed) const;
  /// Returns false if a reader was quicker; the next conversion looks again.
  Result<bool> rename_message(const std::string& folder, const Name&, const std::string& after);
  /// Writes a file of Dovecot's unless it says so already.
  Status put(const std::string& path, const std::optional<std::string>& now,
             const std::string& text, bool& has_changed);
  [[nodiscard]] bool is_ours(const std::string& path, const std::string& text);
  void tell(const std::string& folder, const uid_files::Problems&);

  System& system_;
  std::shared_ptr<mail::Target> target_;
  const ConvertedHome& home_;
  const MailMemory& memory_;
  Batch* batch_;  ///< null: only counts
  ConvertCount count_;
};

Result<std::vector<std::string>> Converter::names_in(const std::string& directory) {
  std::vector<std::string> names;
  VSTATE_TRY_ASSIGN(const auto listing, target_->list(directory));
  for (std::size_t i = 0; listing && i < listing->size(); ++i) names.emplace_back(listing->name(i));
  return names;
}

Result<std::optional<std::string>> Converter::read(const std::string& path) {
  VSTATE_TRY_ASSIGN(const auto parent, target_->directory(path_parent(path)));
  return mail::read_small(*parent, std::string(path_name(path)), target_->full(path));
}

Result<Converter::Files> Converter::read_courier(const std::string& folder) {
  Files files;
  VSTATE_TRY_ASSIGN(files.uids, read(folder + "/courierimapuiddb"));
  VSTATE_TRY_ASSIGN(files.pop3, read(folder + "/courierpop3dsizelist"));
  const auto directory = path_join(folder, k_courier_keywords);
  VSTATE_TRY_ASSIGN(const auto names, names_in(directory));
  for (const auto& name : names) {
    VSTATE_TRY_ASSIGN(auto text, read(path_join(directory, name)));
    if (!text) continue;
    if (name == ":list")
      files.keyword_list = *std::move(text);
    else
      files.keyword_updates.emplace(name, *std::move(text));
  }
  return files;
}

/// A kill between the note and the rename leaves the old file under the new note.
bool Converter::is_ours(const std::string& path, const std::string& text) {
  const auto* entry = memory_.find(key_of_file(path));
  if (entry == nullptr) return false;
  const auto digest = short_digest(text);
  // The entry holds the digests of the new text and of the one before it.
  return entry->state.place == digest || entry->state.marks == digest;
}

void Converter::tell(const std::string& folder, const uid_files::Problems& problems) {
  for (const auto& problem : problems)
    count_.left_out.push_back(fmt::format("{}: {}", folder, uid_files::to_text(problem)));
}

Status Converter::put(const std::string& path, const std::optional<std::string>& now,
                      const std::string& text, bool& has_changed) {
  // Nothing is said by a file that is not there; where there is one, by an empty one.
  if (now.value_or("") == text) return {};
  has_changed = true;
  if (batch_ == nullptr) return {};
  VSTATE_TRY(system_.before_step("convert", target_->full(path)));
  Batch::Item item;
  item.target = target_;
  item.label = home_.label;
  item.path = path;
  item.build_in = path_parent(path);
  item.temporary = path_name(temporary_of(path));
  item.size = text.size();
  // Dovecot may write the file before the batch is flushed; then its own stays.
  if (now) item.place = Batch::Place::unchanged;
  item.replaces = now ? short_digest(*now) : 0;
  // What cannot be put there is made anew by the next run, which must know the old one again.
  if (const auto* entry = memory_.find(key_of_file(path))) item.before = entry->state;
  item.record = {.box = memory_.number(),
                 .key = key_of_file(path),
                 .state = {short_digest(text), item.replaces},
                 .kind = DeliveryLog::Kind::arrival};
  VSTATE_TRY_ASSIGN(const auto place, target_->directory(item.build_in));
  const auto where = target_->full(path);
  VSTATE_TRY(mail::write_temporary(place->descriptor(), item.temporary, 0600, home_.owner, where,
                                   [&](int file) { return write_all(file, text, where); }));
  return batch_->add(std::move(item));
}

Result<bool> Converter::rename_message(const std::string& folder, const Name& name,
                                       const std::string& after) {
  const auto directory = path_join(folder, name.part);
  VSTATE_TRY(system_.before_step("convert", target_->full(path_join(directory, after))));
  VSTATE_TRY_ASSIGN(const auto place, target_->directory(directory));
  const ActingAs acting(home_.owner.uid, home_.owner.gid);
  if (mail::move_where_free(place->descriptor(), name.name.c_str(), place->descriptor(),
                            after.c_str()))
    return true;
  if (errno == ENOENT || errno == EEXIST) return false;
  return fail_errno(target_->full(path_join(directory, after)), "cannot rename");
}

/// Returns a digest of the keywords that a message had at Courier at the last conversion, if it was
/// there then. One that was listed and of which nothing is remembered had none.
std::optional<std::uint64_t> Converter::remembered_keywords(const NameHash& key,
                                                            bool was_listed) const {
  if (const auto* entry = memory_.find(key)) return entry->state.place;
  return was_listed ? std::optional<std::uint64_t>(0) : std::nullopt;
}

Status Converter::mark_messages(const std::string& folder, const uid_files::DovecotFolder& dovecot,
                                const std::vector<Name>& names,
                                const std::set<std::string, std::less<>>& known,
                                bool& has_changed) {
  const auto& keywords = dovecot.keywords;
  const auto& renames = dovecot.renames;
  for (const auto& name : names) {
    const std::string unique(parse_message_name(name.name).unique);
    const auto marked = keywords.find(unique);
    // A digest stands for the keywords; all that matters is whether they are others than before.
    const auto now = marked == keywords.end() ? 0 : short_digest(join(marked->second, "\n"));
    const auto key = key_in_folder(folder, unique);
    const auto before = remembered_keywords(key, known.contains(unique));
    // Courier says the same as the last time, so letters that differ here are the owner's own
    // change.
    if (before == now) continue;
    const auto renamed = renames.find(name.name);
    if (renamed != renames.end()) {
      ++count_.messages;
      has_changed = true;
      if (batch_ == nullptr) continue;
      VSTATE_TRY_ASSIGN(const bool is_done, rename_message(folder, name, renamed->second));
      if (!is_done) continue;
    }
    // A message without keywords needs no entry, as long as it never had any.
    if (now == before.value_or(0) || batch_ == nullptr) continue;
    const auto& name_here = renamed == renames.end() ? name.name : renamed->second;
    const auto letters = marks_of(parse_message_name(name_here).flags) & k_marks_of_letters;
    VSTATE_TRY(batch_->note({.box = memory_.number(), .key = key, .state = {now, letters}}));
  }
  return {};
}

Status Converter::convert_folder(const std::string& folder) {
  VSTATE_TRY_ASSIGN(const auto files, read_courier(folder));
  // A folder that Courier never opened has nothing to convert.
  if (!files.has_any()) return {};
  const auto uidlist_path = path_join(folder, k_uidlist);
  const auto keywords_path = path_join(folder, k_keywords);
  VSTATE_TRY_ASSIGN(const auto uidlist, read(uidlist_path));
  // Messages that the last conversion listed.
  std::set<std::string, std::less<>> known;
  if (uidlist) {
    // Dovecot has given numbers of its own, which clients may have seen: they must not change any
    // more.
    if (!is_ours(uidlist_path, *uidlist)) {
      count_.kept.push_back(folder);
      return {};
    }
    if (const auto before = uid_files::parse_dovecot_uids(*uidlist))
      for (const auto& message : before->messages) known.insert(message.name);
  }
  VSTATE_TRY_ASSIGN(const auto letters, read(keywords_path));
  uid_files::CourierFolder courier;
  if (files.uids) courier.uids = *files.uids;
  if (files.pop3) courier.pop3 = *files.pop3;
  courier.keyword_list = files.keyword_list;
  courier.keyword_updates = files.keyword_updates;
  const auto identity = path_join(home_.identity, folder);
  courier.identity = identity;
  // Letters that were given once keep their meaning, or every message would have to be renamed.
  if (letters) courier.letters = uid_files::parse_dovecot_keywords(*letters).names;
  std::vector<Name> names;
  for (const std::string_view part : {"new", "cur"}) {
    VSTATE_TRY_ASSIGN(auto found, names_in(path_join(folder, part)));
    for (auto& name : found) {
      if (name.starts_with('.')) continue;
      courier.names.push_back(name);
      names.push_back({part, std::move(name)});
    }
  }
  const auto dovecot = uid_files::convert_courier_folder(courier);
  tell(folder, dovecot.left_out);
  bool has_changed = false;
  VSTATE_TRY(mark_messages(folder, dovecot, names, known, has_changed));
  // The letters mean nothing without the file that says what they mean, which comes first.
  VSTATE_TRY(
      put(keywords_path, letters, uid_files::dovecot_keywords_text(dovecot.letters), has_changed));
  VSTATE_TRY(put(uidlist_path, uidlist, dovecot.uidlist, has_changed));
  if (has_changed) ++count_.folders;
  return {};
}

Status Converter::convert_subscriptions() {
  VSTATE_TRY_ASSIGN(const auto courier, read(path_join(k_maildir, "courierimapsubscribed")));
  if (!courier) return {};
  const auto path = path_join(k_maildir, k_subscriptions);
  VSTATE_TRY_ASSIGN(const auto now, read(path));
  if (now && !is_ours(path, *now)) return {};
  const auto subscribed = uid_files::convert_courier_subscriptions(*courier);
  tell(std::string(k_maildir), subscribed.left_out);
  bool has_changed = false;
  VSTATE_TRY(
      put(path, now, uid_files::dovecot_subscriptions_text(subscribed.folders), has_changed));
  if (has_changed) ++count_.folders;
  return {};
}

Result<ConvertCount> Converter::run() {
  VSTATE_TRY_ASSIGN(const auto names, names_in(std::string(k_maildir)));
  if (names.empty()) return std::move(count_);
  VSTATE_TRY(convert_folder(std::string(k_maildir)));
  for (const auto& name : names) {
    const auto folder = path_join(k_maildir, name);
    if (!name.starts_with('.')) continue;
    VSTATE_TRY_ASSIGN(const auto cur, target_->status(path_join(folder, "cur")));
    // Only what holds `cur` is a folder; other names with a dot are files or belong to other
    // programs.
    if (cur && cur->is_directory()) VSTATE_TRY(convert_folder(folder));
  }
  VSTATE_TRY(convert_subscriptions());
  return std::move(count_);
}

}  // namespace

std::string with_dovecot_folder(std::string_view path) {
  constexpr std::string_view before = "Maildir/.";
  std::string unchanged(path);
  if (!path.starts_with(before)) return unchanged;
  const auto name = path.substr(before.size(), path.find('/', before.size()) - before.size());
  // Plain ASCII is the same in both spellings, which spares most names the conversion. An "&" could
  // begin a shifted part, so it is looked at.
  const bool is_plain = std::all_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x80U && c != '&';
  });
  if (is_plain) return unchanged;
  const auto dovecot = uid_files::dovecot_folder_name(name);
  if (!dovecot) return unchanged;
  return std::string(before).append(*dovecot).append(path.substr(before.size() + name.size()));
}

Result<ConvertCount> convert_courier(System& system, const ConvertedHome& home,
                                     const MailMemory& memory, Batch* batch) {
  VSTATE_TRY_ASSIGN(auto target, mail::Target::open(system, home.home));
  if (!target) return ConvertCount{};
  return Converter(system, *std::move(target), home, memory, batch).run();
}

}  // namespace vstate
