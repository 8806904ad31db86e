#include "mbox/shown_directory.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "vstate/base/digest.h"

namespace vstate::mbox {

namespace {

/// No disk has this number.
constexpr std::uint64_t k_no_device = ~std::uint64_t{0};
constexpr std::int64_t k_second = 1'000'000'000;

/// Bytes that `owner` holds.
class ShownFile final : public OpenFile {
 public:
  ShownFile(FileInfo info, std::vector<std::string_view> parts, std::shared_ptr<const void> owner,
            std::function<void()> when_read = nullptr)
      : info_(info),
        parts_(std::move(parts)),
        owner_(std::move(owner)),
        when_read_(std::move(when_read)) {}
  ~ShownFile() override {
    if (when_read_) when_read_();
  }
  ShownFile(const ShownFile&) = delete;
  ShownFile& operator=(const ShownFile&) = delete;
  [[nodiscard]] Result<FileInfo> info() const override { return info_; }
  [[nodiscard]] Result<std::size_t> read(std::span<char> into) override {
    std::size_t given = 0;
    while (given < into.size() && at_ < parts_.size()) {
      auto& part = parts_[at_];
      const auto count = std::min(part.size(), into.size() - given);
      std::memcpy(into.data() + given, part.data(), count);
      part.remove_prefix(count);
      given += count;
      if (part.empty()) ++at_;
    }
    return given;
  }

 private:
  FileInfo info_;
  std::vector<std::string_view> parts_;
  std::size_t at_ = 0;
  std::shared_ptr<const void> owner_;
  std::function<void()> when_read_;
};

}  // namespace

FileInfo ShownDirectory::directory_info(const std::string& name) const {
  FileInfo info;
  info.type = FileInfo::Type::directory;
  info.mode = 0700;
  info.mtime = std::chrono::sys_seconds(std::chrono::seconds(mtime_));
  info.modified = mtime_ * k_second;
  info.device = k_no_device;
  info.inode = short_digest(name.empty() ? path_ : fmt::format("{}/{}", path_, name));
  return info;
}

FileInfo ShownDirectory::file_info(std::uint64_t id, std::uint64_t size, std::int64_t mtime) {
  FileInfo info;
  info.type = FileInfo::Type::regular;
  info.mode = 0600;
  info.size = size;
  info.mtime = std::chrono::sys_seconds(std::chrono::seconds(mtime));
  info.modified = info.changed = mtime * k_second;
  info.device = k_no_device;
  info.inode = id;
  return info;
}

Result<FileInfo> ShownDirectory::info() const { return directory_info(""); }

Result<std::optional<FileInfo>> ShownDirectory::look(const std::string& name) const {
  if (auto info = own(name)) return info;
  return below_ == nullptr ? std::optional<FileInfo>() : below_->look(name);
}

Result<std::shared_ptr<const Directory>> ShownDirectory::open(const std::string& name) const {
  if (const auto info = own(name)) {
    if (!info->is_directory()) return nullptr;
    return open_own(name);
  }
  if (below_ == nullptr) return nullptr;
  return below_->open(name);
}

Result<std::unique_ptr<OpenFile>> ShownDirectory::open_file(const std::string& name) const {
  if (own(name)) return open_own_file(name);
  if (below_ == nullptr) return nullptr;
  return below_->open_file(name);
}

Result<std::optional<std::string>> ShownDirectory::link_target(const std::string& name) const {
  if (own(name) || below_ == nullptr) return std::nullopt;
  return below_->link_target(name);
}

Status ShownDirectory::read_names(const Found& found) const {
  list_own(found);
  if (below_ == nullptr) return {};
  return below_->read_names([&](const char* name, FileInfo::Type type) {
    if (!own(name)) found(name, type);
  });
}

std::vector<std::string> ShownDirectory::names_below(const std::vector<std::string>& names) const {
  std::vector<std::string> out;
  for (const auto& name : names)
    if (!own(name)) out.push_back(name);
  return out;
}

bool ShownDirectory::is_far_away() const { return below_ != nullptr && below_->is_far_away(); }

void ShownDirectory::expect_files(const std::vector<std::string>& names) const {
  if (below_ != nullptr) below_->expect_files(names_below(names));
}

void ShownDirectory::expect_listings(const std::vector<std::string>& names) const {
  if (below_ != nullptr) below_->expect_listings(names_below(names));
}

std::optional<FileInfo> PlainDirectory::own(const std::string& name) const {
  if (directories_.contains(name)) return directory_info(name);
  const auto file = files_.find(name);
  if (file == files_.end()) return std::nullopt;
  return file_info(short_digest(file->second.bytes), file->second.bytes.size(), file->second.mtime);
}

Result<std::shared_ptr<const Directory>> PlainDirectory::open_own(const std::string& name) const {
  return directories_.at(name)();
}

std::unique_ptr<OpenFile> PlainDirectory::open_own_file(const std::string& name) const {
  const auto file = files_.find(name);
  if (file == files_.end()) return nullptr;
  const auto bytes = std::make_shared<const std::string>(file->second.bytes);
  return std::make_unique<ShownFile>(*own(name), std::vector<std::string_view>{*bytes}, bytes);
}

void PlainDirectory::list_own(const Found& found) const {
  for (const auto& [name, opener] : directories_) found(name.c_str(), FileInfo::Type::directory);
  for (const auto& [name, text] : files_) found(name.c_str(), FileInfo::Type::regular);
}

std::optional<std::size_t> MessageDirectory::find(const std::string& name) const {
  const auto found = folder_->find(name);
  return found && folder_->is_new(*found) == (part_ == Part::new_mail) ? found : std::nullopt;
}

std::optional<FileInfo> MessageDirectory::own(const std::string& name) const {
  const auto found = find(name);
  if (!found) return std::nullopt;
  const auto& message = folder_->message(*found);
  return file_info(message.digest, message.size, message.date);
}

Result<std::shared_ptr<const Directory>> MessageDirectory::open_own(
    const std::string& /*name*/) const {
  return nullptr;
}

std::unique_ptr<OpenFile> MessageDirectory::open_own_file(const std::string& name) const {
  const auto found = *find(name);
  return std::make_unique<ShownFile>(*own(name), folder_->parts(found), folder_,
                                     [folder = folder_.get(), found] { folder->note_read(found); });
}

void MessageDirectory::list_own(const Found& found) const {
  for (std::size_t i = 0; i < folder_->size(); ++i)
    if (folder_->is_new(i) == (part_ == Part::new_mail))
      found(folder_->name(i).c_str(), FileInfo::Type::regular);
}

}  // namespace vstate::mbox
