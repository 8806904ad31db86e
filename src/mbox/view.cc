// A Maildir is put together while it is walked: an mbox is locked and read when its folder's turn
// comes, so that no lock is held longer than a file takes to be read, and no more than two folders
// are in memory. What a Maildir of the same person holds lies below, and is walked as it is.

#include "mbox/view.h"

#include <utility>

#include <fmt/format.h>

#include "format/imap/uid_files.h"
#include "maildir/stamps.h"
#include "mbox/lock.h"
#include "mbox/shown_directory.h"
#include "mbox/spool.h"
#include "sys/path.h"
#include "vstate/base/text.h"

namespace vstate::mbox {

namespace {

constexpr const char* k_uidlist = "dovecot-uidlist";
constexpr const char* k_courier_uids = "courierimapuiddb";
constexpr const char* k_keywords = "dovecot-keywords";
constexpr const char* k_subscriptions = "subscriptions";

/// What of a file tells that it has changed.
struct Looks {
  std::uint64_t inode = 0, size = 0;
  std::int64_t modified = 0;
  friend bool operator==(const Looks&, const Looks&) = default;
};
Looks looks_of(const FileInfo& info) { return {info.inode, info.size, info.modified}; }

class MaildirView final : public TreeView {
 public:
  explicit MaildirView(Shown shown) : shown_(std::move(shown)) {}
  [[nodiscard]] Result<std::shared_ptr<const Directory>> open(const Files&) override;
  [[nodiscard]] std::vector<std::string> lost() const override { return lost_; }
  [[nodiscard]] bool has_changed(const Files&) const override;

 private:
  using OpenedDirectory = Result<std::shared_ptr<const Directory>>;
  [[nodiscard]] OpenedDirectory open_maildir(const Files&);
  [[nodiscard]] OpenedDirectory open_folder(const Files&, const std::string& name);
  Status fill(const Files&, PlainDirectory&, const std::shared_ptr<const Directory>& below,
              const std::string& name);
  [[nodiscard]] Result<std::vector<Loaded>> load_all(const Files&, const std::string& name);
  void add_messages(PlainDirectory&, const std::shared_ptr<const Directory>& below,
                    const std::shared_ptr<const NumberedFolder>&);
  [[nodiscard]] OpenedDirectory real_directory(const Files&, const std::string& name) const;
  [[nodiscard]] Result<Loaded> load(const Files&, const Place&);
  /// nullopt: it changed meanwhile.
  [[nodiscard]] Result<std::optional<Loaded>> load_once(const Files&, const Directory&,
                                                        const Place&);
  [[nodiscard]] Result<Folder> parse_mbox(const Place&, const Spool&) const;

  Shown shown_;
  std::map<std::string, Looks> read_;  ///< mboxes of this walk
  std::map<std::string, std::uint64_t> listed_;
  std::vector<std::string> lost_;
};

Result<std::shared_ptr<const Directory>> MaildirView::open(const Files& files) {
  read_.clear();
  listed_.clear();
  lost_.clear();
  auto root = std::make_shared<PlainDirectory>(shown_.home, nullptr, 0);
  root->add_directory("Maildir", [this, &files] { return open_maildir(files); });
  return root;
}

/// Null where there is none.
Result<std::shared_ptr<const Directory>> MaildirView::real_directory(
    const Files& files, const std::string& name) const {
  if (!shown_.has_maildir) return nullptr;
  auto opened = files.open_directory(path_join(shown_.home + "/Maildir", name));
  if (!opened && opened.error().code == Errc::not_found && !name.empty()) return nullptr;
  return opened;
}

Result<std::shared_ptr<const Directory>> MaildirView::open_maildir(const Files& files) {
  VSTATE_TRY_ASSIGN(const auto below, real_directory(files, ""));
  // A Maildir alone is walked as any is.
  if (shown_.folders.empty() && shown_.subscriptions.empty() && below != nullptr) return below;
  auto out = std::make_shared<PlainDirectory>(shown_.home + "/Maildir", below, 0);
  for (const auto& [name, places] : shown_.folders)
    if (!name.empty())
      out->add_directory(name,
                         [this, &files, folder = name] { return open_folder(files, folder); });
  if (!shown_.subscriptions.empty()) out->add_file(k_subscriptions, shown_.subscriptions, 0);
  if (shown_.folders.contains("") || below == nullptr) VSTATE_TRY(fill(files, *out, below, ""));
  return out;
}

Result<std::shared_ptr<const Directory>> MaildirView::open_folder(const Files& files,
                                                                  const std::string& name) {
  VSTATE_TRY_ASSIGN(const auto below, real_directory(files, name));
  auto out =
      std::make_shared<PlainDirectory>(fmt::format("{}/Maildir/{}", shown_.home, name), below, 0);
  out->add_file("maildirfolder", "", 0);
  VSTATE_TRY(fill(files, *out, below, name));
  return out;
}

Result<std::optional<std::string>> read_below(const Directory* below, const char* name) {
  if (below == nullptr) return std::nullopt;
  VSTATE_TRY_ASSIGN(const auto file, below->open_file(name));
  if (file == nullptr) return std::nullopt;
  VSTATE_TRY_ASSIGN(auto text, read_all(*file));
  return std::optional(std::move(text));
}

Result<std::vector<Loaded>> MaildirView::load_all(const Files& files, const std::string& name) {
  std::vector<Loaded> mboxes;
  const auto places = shown_.folders.find(name);
  if (places == shown_.folders.end()) return mboxes;
  for (const auto& place : places->second) {
    VSTATE_TRY_ASSIGN(auto loaded, load(files, place));
    mboxes.push_back(std::move(loaded));
  }
  return mboxes;
}

/// `new`, `cur` and `tmp`, with what those below hold.
void MaildirView::add_messages(PlainDirectory& out, const std::shared_ptr<const Directory>& below,
                               const std::shared_ptr<const NumberedFolder>& folder) {
  const auto add = [&](const char* part, MessageDirectory::Part which) {
    auto path = path_join(out.path(), part);
    out.add_directory(part, [=, this]() -> Result<std::shared_ptr<const Directory>> {
      std::shared_ptr<const Directory> messages;
      if (below != nullptr) {
        VSTATE_TRY_ASSIGN(messages, below->open(part));
      }
      if (messages != nullptr)
        if (const auto info = messages->info())
          listed_.emplace(messages->path(), listing_stamp(*info));
      return std::make_shared<MessageDirectory>(path, messages, folder, which);
    });
  };
  add("new", MessageDirectory::Part::new_mail);
  add("cur", MessageDirectory::Part::cur);
  out.add_directory("tmp", [path = path_join(out.path(), "tmp")] {
    return Result<std::shared_ptr<const Directory>>(
        std::make_shared<PlainDirectory>(path, nullptr, 0));
  });
}

/// Puts the messages of a folder's mboxes into it, and the files that tell of them.
Status MaildirView::fill(const Files& files, PlainDirectory& out,
                         const std::shared_ptr<const Directory>& below, const std::string& name) {
  VSTATE_TRY_ASSIGN(auto mboxes, load_all(files, name));
  VSTATE_TRY_ASSIGN(const auto keywords, read_below(below.get(), k_keywords));
  VSTATE_TRY_ASSIGN(const auto uids, read_below(below.get(), k_uidlist));
  VSTATE_TRY_ASSIGN(const auto courier, read_below(below.get(), k_courier_uids));
  const auto letters = uid_files::parse_dovecot_keywords(keywords.value_or("")).names;
  const auto folder = std::make_shared<const NumberedFolder>(std::move(mboxes), letters);
  if (const auto count = folder->without_letter(); count > 0)
    lost_.push_back(fmt::format(
        "{}: {} message{} more keywords than the 26 that Dovecot keeps in a Maildir",
        path_join("Maildir", name), with_thousands(count), count == 1 ? " has" : "s have"));
  add_messages(out, below, folder);
  auto text = folder->uids_text(path_join(shown_.identity, name));
  // Of a Maildir that has numbers of its own, those are what its clients know.
  if (!uids && !courier && !text.empty())
    out.add_file(k_uidlist, std::move(text), folder->newest());
  if (auto names = folder->keywords_text(); !names.empty())
    out.add_file(k_keywords, std::move(names), folder->newest());
  return {};
}

Result<Folder> MaildirView::parse_mbox(const Place& place, const Spool& spool) const {
  const auto passed = [&spool, before = std::size_t{0}](std::size_t end) mutable {
    spool.note_read(end - std::exchange(before, end));
  };
  auto folder = parse(spool.text(), {*shown_.zone, place.is_qmails}, passed);
  if (!folder) return tl::unexpected<Error>(folder.error().in(place.path));
  return folder;
}

Result<std::optional<Loaded>> MaildirView::load_once(const Files& files, const Directory& directory,
                                                     const Place& place) {
  const std::string name(path_name(place.path));
  VSTATE_TRY_ASSIGN(const auto file, directory.open_file(name));
  if (file == nullptr) return fail(Errc::not_found, place.path + ": is gone");
  VSTATE_TRY_ASSIGN(const auto lock, Lock::take(directory, name, *file));
  VSTATE_TRY_ASSIGN(const auto opened, file->info());
  if (!opened.is_regular())
    return fail(Errc::invalid, place.path + ": is no regular file any more");
  if (place.owner && *place.owner != opened.uid)
    return fail(Errc::denied, place.path + ": belongs to somebody else than the link to it");
  VSTATE_TRY_ASSIGN(auto spool, Spool::take(*file, place.path));
  VSTATE_TRY_ASSIGN(const auto looked, files.look_again({place.path}));
  const auto& after = looked.front();
  if (!after || looks_of(opened) != looks_of(*after) || after->size != spool->text().size())
    return std::nullopt;
  VSTATE_TRY_ASSIGN(auto folder, parse_mbox(place, *spool));
  read_.insert_or_assign(place.path, looks_of(*after));
  return std::optional(Loaded{std::move(spool), std::move(folder)});
}

/// An mbox of another machine cannot be locked; what is read of it counts if it was the same before
/// and after.
Result<Loaded> MaildirView::load(const Files& files, const Place& place) {
  VSTATE_TRY_ASSIGN(const auto directory, files.open_directory(path_parent(place.path)));
  constexpr int most_tries = 4;
  for (int tries = 0; tries < most_tries; ++tries) {
    VSTATE_TRY_ASSIGN(auto loaded, load_once(files, *directory, place));
    if (loaded) return *std::move(loaded);
  }
  // As what is listed and gone: the copy is not whole, and the next pass looks again.
  return fail(Errc::not_found, place.path + ": changes all the time while it is read");
}

bool MaildirView::has_changed(const Files& files) const {
  std::vector<std::string> paths;
  for (const auto& [path, looks] : read_) paths.push_back(path);
  for (const auto& [path, stamp] : listed_) paths.push_back(path);
  if (paths.empty()) return false;
  const auto now = files.look_again(paths);
  if (!now) return true;
  std::size_t i = 0;
  for (const auto& [path, looks] : read_) {
    const auto& info = (*now)[i++];
    if (!info || looks_of(*info) != looks) return true;
  }
  for (const auto& [path, stamp] : listed_) {
    const auto& info = (*now)[i++];
    if (!info || listing_stamp(*info) != stamp) return true;
  }
  return false;
}

}  // namespace

std::shared_ptr<TreeView> show(Shown shown) {
  return std::make_shared<MaildirView>(std::move(shown));
}

}  // namespace vstate::mbox
