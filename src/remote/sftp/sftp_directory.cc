// A listing brings the attributes of all entries, so that whoever lists a directory need not ask
// about each of them. Files that somebody is about to open are begun ahead of that, as many as fit
// into what may be under way.

#include "remote/sftp/sftp_directory.h"

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

#include "remote/sftp/sftp_files.h"
#include "sys/path.h"
#include "sys/permission.h"

namespace vstate::remote {

namespace {

constexpr unsigned k_looks_before_listing = 4;
/// Of files that are begun before somebody opens them.
constexpr std::size_t k_most_files_begun = 1024;
constexpr std::uint64_t k_most_file_bytes_begun = std::uint64_t{2} << 20;
/// On all of a connection: a process has mostly 1024 handles.
constexpr std::size_t k_most_open = 800;

tl::unexpected<Error> fail_denied(std::string_view path, std::string_view what) {
  errno = EACCES;
  return fail_errno(path, what);
}

/// A file as it is read.
class SftpFile final : public OpenFile {
 public:
  SftpFile(std::shared_ptr<Transfer> transfer, const FileInfo& info)
      : transfer_(std::move(transfer)), info_(info) {}
  [[nodiscard]] Result<FileInfo> info() const override { return info_; }
  [[nodiscard]] Result<std::size_t> read(std::span<char> into) override {
    return transfer_->read(into);
  }

 private:
  std::shared_ptr<Transfer> transfer_;
  FileInfo info_;
};

/// One that was read before it was asked for.
class GatheredFile final : public OpenFile {
 public:
  explicit GatheredFile(std::shared_ptr<const Snapshot::Text> text)
      : text_(std::move(text)), left_(text_->bytes) {}
  [[nodiscard]] Result<FileInfo> info() const override { return text_->info; }
  [[nodiscard]] Result<std::size_t> read(std::span<char> into) override {
    const auto count = left_.copy(into.data(), into.size());
    left_.remove_prefix(count);
    return count;
  }

 private:
  std::shared_ptr<const Snapshot::Text> text_;
  std::string_view left_;
};

/// What stands where a file was looked for, and is never opened: a fifo would hold the other side
/// up until somebody writes into it.
class NoFile final : public OpenFile {
 public:
  explicit NoFile(const FileInfo& info) : info_(info) {}
  [[nodiscard]] Result<FileInfo> info() const override { return info_; }
  [[nodiscard]] Result<std::size_t> read(std::span<char>) override { return std::size_t{0}; }

 private:
  FileInfo info_;
};

}  // namespace

SftpDirectory::SftpDirectory(const SftpFiles& files, std::string place, std::string path,
                             std::optional<Identity> as, const FileInfo& info,
                             std::shared_ptr<Listing> listing)
    : files_(files),
      place_(std::move(place)),
      path_(std::move(path)),
      as_(as),
      info_(info),
      listing_(std::move(listing)) {}

bool SftpDirectory::is_allowed(const FileInfo& info, unsigned wanted) const {
  return !as_ || may(info, actor_of(as_->uid, as_->gid), wanted);
}

/// As it was in front of a listing that is to be read yet, or behind the last one: whoever compares
/// both knows whether it changed meanwhile.
Result<FileInfo> SftpDirectory::info() const {
  if (listing_ != nullptr) {
    if (auto info = listing_->info()) return info;
    // What was begun ahead may have failed for that alone, such as for too many open directories.
    listing_ = nullptr;
  }
  if (after_) return *after_;
  if (const auto gathered = files_.known().listing(place_)) return gathered->before;
  VSTATE_TRY_ASSIGN(const auto reply,
                    files_.channel().ask(PacketType::lstat,
                                         PacketWriter().text(files_.known().there(place_)).take()));
  // Nothing is held open there, so that it may be gone since it was seen.
  if (const auto status = status_of(reply))
    return fail_status(*status, path_, "cannot stat", Missing::possible);
  const auto attributes = attributes_in(reply);
  if (!attributes) return tl::unexpected<Error>(unasked_reply(path_, "cannot stat"));
  return to_info(*attributes, files_.known().there(place_));
}

const ListedFile* SftpDirectory::listed(const std::string& name) const {
  return entries_ ? find_entry(*entries_, name) : nullptr;
}

Result<std::optional<FileInfo>> SftpDirectory::look(const std::string& name) const {
  const auto shown = path_join(path_, name);
  if (!is_allowed(info_, k_execute)) return fail_denied(shown, "cannot stat");
  if (const auto* file = listed(name)) return std::optional(file->info);
  // Whoever asks for name after name goes on to do so.
  if (!entries_ && ++looks_ > k_looks_before_listing && is_allowed(info_, k_read)) {
    const auto ignored = [](const char*, FileInfo::Type) {};
    // Where it cannot be listed, each name is asked for.
    if (read_names(ignored))
      if (const auto* file = listed(name)) return std::optional(file->info);
  }
  return files_.known().look(path_join(place_, name), shown);
}

Result<std::shared_ptr<const Directory>> SftpDirectory::open(const std::string& name) const {
  VSTATE_TRY_ASSIGN(const auto found, look(name));
  if (!found || !found->is_directory()) return std::shared_ptr<const Directory>();
  auto path = path_join(path_, name);
  if (!is_allowed(*found, k_read)) return fail_denied(path, "cannot open");
  return std::make_shared<const SftpDirectory>(files_, path_join(place_, name), std::move(path),
                                               as_, *found,
                                               files_.begun_listing(path_join(place_, name)));
}

Result<std::unique_ptr<OpenFile>> SftpDirectory::open_file(const std::string& name) const {
  return open_as(name, path_join(path_, name));
}

/// The rule of sys/identity.h: what root may read is not carried away in somebody's mail because
/// they gave it a second name in a directory of theirs.
Result<bool> SftpDirectory::is_theirs_to_read(const std::string& name, const FileInfo& file) const {
  if (as_ || info_.uid == 0 || file.uid == info_.uid) return true;
  constexpr unsigned read_by_group = 040, read_by_others = 04;
  if ((file.mode & (file.gid == info_.gid ? read_by_group : read_by_others)) != 0) return true;
  if (!entries_) VSTATE_TRY(read_names([](const char*, FileInfo::Type) {}));
  const auto* entry = listed(name);
  return entry != nullptr && entry->links == 1;
}

Result<std::unique_ptr<OpenFile>> SftpDirectory::open_as(const std::string& name,
                                                         std::string_view shown) const {
  VSTATE_TRY_ASSIGN(const auto found, look(name));
  if (!found) return nullptr;
  if (!found->is_regular()) return std::make_unique<NoFile>(*found);
  VSTATE_TRY_ASSIGN(const bool is_theirs, is_theirs_to_read(name, *found));
  if (!is_theirs || !is_allowed(*found, k_read)) return fail_denied(shown, "cannot read");
  const auto place = path_join(place_, name);
  files_.known().tasks().add_file(place);
  if (const auto text = files_.known().text(place); text != nullptr && text->info.uid == found->uid)
    return std::make_unique<GatheredFile>(text);
  auto transfer = expected(name);
  // Whatever held up what was asked for ahead, such as too many handles, need not hold up this.
  if (transfer == nullptr || !transfer->info())
    transfer = begin(files_.channel(), name, std::string(shown), *found);
  VSTATE_TRY_ASSIGN(const auto opened, transfer->info());
  if (!opened) return nullptr;
  // A link to somebody else's file may have been put in its place since it was looked at. One that
  // came to belong to the directory's owner meanwhile is theirs.
  const bool is_another = opened->uid != found->uid && opened->uid != info_.uid;
  if (opened->is_regular() && (is_another || !is_allowed(*opened, k_read)))
    return fail_denied(shown, "cannot read");
  return std::make_unique<SftpFile>(std::move(transfer), *opened);
}

std::shared_ptr<Transfer> SftpDirectory::begin(SftpChannel& channel, const std::string& name,
                                               std::string shown, const FileInfo& listed) const {
  auto transfer = std::make_shared<Transfer>(channel, files_.known().there(path_join(place_, name)),
                                             std::move(shown), listed);
  transfer->start();
  return transfer;
}

void SftpDirectory::expect_files(const std::vector<std::string>& names) const {
  awaited_.insert(awaited_.end(), names.begin(), names.end());
  std::uint64_t bytes = 0;
  for (const auto& name : names)
    if (const auto* file = listed(name)) bytes += file->info.size;
  files_.channels().expect(names.size(), bytes);
  begin_expected();
}

void SftpDirectory::begin_expected() const {
  while (!awaited_.empty() && begun_.size() < k_most_files_begun &&
         begun_bytes_ < k_most_file_bytes_begun) {
    auto& channel = files_.channels().for_file();
    if (channel.open_files() >= k_most_open) return;
    auto name = std::move(awaited_.front());
    awaited_.pop_front();
    const auto* file = listed(name);
    // What has to be looked at first is looked at when its turn comes.
    if (file == nullptr || !file->info.is_regular() || !is_allowed(file->info, k_read)) continue;
    auto transfer = begin(channel, name, path_join(path_, name), file->info);
    begun_bytes_ += transfer->expected();
    begun_.emplace_back(std::move(name), std::move(transfer));
  }
}

/// What the walk passed over is given up.
std::shared_ptr<Transfer> SftpDirectory::expected(const std::string& name) const {
  const auto found = std::find_if(begun_.begin(), begun_.end(),
                                  [&](const auto& item) { return item.first == name; });
  if (found == begun_.end()) {
    // Others had as much open as there may be: from here on it goes on ahead again.
    const auto turn = std::find(awaited_.begin(), awaited_.end(), name);
    if (turn != awaited_.end()) awaited_.erase(awaited_.begin(), turn + 1);
    begin_expected();
    return nullptr;
  }
  auto transfer = found->second;
  for (auto passed = begun_.begin(); passed <= found; ++passed)
    begun_bytes_ -= passed->second->expected();
  begun_.erase(begun_.begin(), found + 1);
  begin_expected();
  return transfer;
}

Result<std::optional<std::string>> SftpDirectory::link_target(const std::string& name) const {
  VSTATE_TRY_ASSIGN(const auto found, look(name));
  if (!found) return std::nullopt;
  VSTATE_TRY_ASSIGN(auto target,
                    files_.known().target(path_join(place_, name), path_join(path_, name)));
  return std::optional(std::move(target));
}

void SftpDirectory::expect_listings(const std::vector<std::string>& names) const {
  std::vector<ListingsAhead::Wanted> wanted;
  for (const auto& name : names) {
    const auto* entry = listed(name);
    if (entry != nullptr && entry->info.is_directory() && is_allowed(entry->info, k_read))
      wanted.push_back(
          {files_.known().there(path_join(place_, name)), path_join(path_, name), false});
  }
  files_.listings_ahead().expect_next(std::move(wanted));
}

Result<Listed> SftpDirectory::list_now() const {
  const auto listing =
      std::make_shared<Listing>(files_.channel(), files_.known().there(place_), path_);
  listing->start();
  return listing->take();
}

Status SftpDirectory::read_names(const Found& found) const {
  files_.known().tasks().add_directory(place_);
  const auto begun = std::exchange(listing_, nullptr);
  const auto gathered = begun == nullptr ? files_.known().listing(place_) : nullptr;
  auto listed = begun != nullptr      ? begun->take()
                : gathered != nullptr ? Result<Listed>(*gathered)
                                      : list_now();
  if (!listed && begun != nullptr) listed = list_now();
  VSTATE_TRY_ASSIGN(auto result, std::move(listed));
  after_ = result.after;
  entries_ = std::move(result.entries);
  // What list_names compares is what was so while this listing was made.
  for (const auto& entry : *entries_) found(entry.name.c_str(), entry.info.type);
  return {};
}

}  // namespace vstate::remote
