// Nothing in an archive is trusted: it may come from another machine, or have been made to do harm.
// Names are checked before anything is made of them, sizes before anything is unpacked, and only
// regular files, directories, symbolic links and hard links to earlier files are let through.
// Whatever else is in it ends the reading, with the entry's name.

#include "archive/tar_reader.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include <fmt/format.h>

#include "archive/hard_links.h"
#include "archive/tar_writer.h"
#include "archive/unpacked_bytes.h"
#include "maildir/names.h"
#include "sys/process/stop.h"
#include "vstate/base/text.h"

namespace vstate::mail {

namespace {

/// NAME_MAX: a longer name could not be made here.
constexpr std::size_t k_longest_name = 255;

/// libarchive translates UTF-8 names of pax headers by the locale; where it cannot, the UTF-8 is
/// the name.
using Text = const char*(struct archive_entry*);
std::string_view text_of(struct archive_entry* header, Text* translated, Text* utf8) {
  const char* text = translated(header);
  if (text == nullptr) text = utf8(header);
  return text != nullptr ? std::string_view(text) : std::string_view();
}

}  // namespace

Result<std::string> checked_path(std::string_view path) {
  if (path.empty()) return fail(Errc::invalid, "an empty name");
  if (path.front() == '/') return fail(Errc::invalid, "an absolute name");
  std::string out;
  for (const auto part : split(path, '/')) {
    // "./" in front and doubled slashes are what tars of other programs have.
    if (part.empty() || part == ".") continue;
    if (part == "..") return fail(Errc::invalid, "a name that leads up (\"..\")");
    if (part.size() > k_longest_name) return fail(Errc::invalid, "a name that is too long");
    if (!out.empty()) out.push_back('/');
    out.append(part);
  }
  return out;
}

namespace {
/// Not the bytes themselves: to read an archive takes as long as to compare it.
std::string identity_of(const struct stat& st) {
  return fmt::format("{}:{}:{}:{}.{}", st.st_dev, st.st_ino, st.st_size, st.st_mtim.tv_sec,
                     st.st_mtim.tv_nsec);
}
}  // namespace

void Reader::Free::operator()(struct archive* archive) const { archive_read_free(archive); }

Reader::Reader(std::string path, ExtractLimits limits, Links links)
    : path_(std::move(path)), limits_(limits), links_(links), archive_(archive_read_new()) {}
Reader::Reader(Reader&&) noexcept = default;
Reader::~Reader() = default;

tl::unexpected<Error> Reader::broken(std::string_view what) const {
  return fail(Errc::invalid, fmt::format("{}: {}", path_, what));
}

tl::unexpected<Error> Reader::failure() const { return failure_of(archive_.get()); }

tl::unexpected<Error> Reader::failure_of(struct archive* archive) const {
  const char* text = archive_error_string(archive);
  const int number = archive_errno(archive);
  if (number == ETIMEDOUT)
    return fail(is_told_to_stop() ? Errc::interrupted : Errc::io,
                fmt::format("{}: {}", path_, text), Scope::run);
  // Whatever else libarchive reports is about the bytes.
  if (number == EIO || number == ENOMEM)
    return fail(Errc::io, fmt::format("{}: cannot read: {}", path_, text == nullptr ? "?" : text));
  return broken(fmt::format("the archive is broken or cut off: {}", text == nullptr ? "?" : text));
}

Result<Reader> Reader::open(const std::string& path, ExtractLimits limits, Links links) {
  struct stat st {};
  if (stat(path.c_str(), &st) != 0) return fail_errno(path, "cannot open");
  Reader reader(path, limits, links);
  // A pipe cannot be read a second time, which comparing and delivering need.
  if (!S_ISREG(st.st_mode)) return reader.broken("not a regular file");
  if (st.st_size == 0) return reader.broken("the archive is empty");
  reader.identity_ = identity_of(st);
  // What no mail is packed to: a few bytes that stand for a terabyte of nothing.
  constexpr std::uint64_t few = std::uint64_t{64} << 20, most_ratio = 10'000;
  const auto packed = static_cast<std::uint64_t>(st.st_size);
  if (packed < limits.max_bytes / most_ratio)
    // Small archives are given some room beyond the ratio, since headers alone can pack so well.
    reader.limits_.max_bytes = std::min(limits.max_bytes, few + packed * most_ratio);
  reader.bytes_ = std::make_unique<UnpackedBytes>(UnpackedBytes::Packing::any);
  VSTATE_TRY(reader.begin(reader.bytes_->open_file(path)));
  return reader;
}

Result<Reader> Reader::open_stream(int file, std::string begun, ExtractLimits limits,
                                   std::chrono::seconds patience) {
  Reader reader("the stream", limits, Links::resolved);
  reader.is_stream_ = true;
  // A stream is always of our own making, so it knows one way to be packed.
  reader.bytes_ = std::make_unique<UnpackedBytes>(UnpackedBytes::Packing::zstd);
  VSTATE_TRY(reader.begin(reader.bytes_->open_stream(file, std::move(begun), patience)));
  return reader;
}

/// `opened` is how opening what it reads went.
Status Reader::begin(int opened) {
  if (opened != ARCHIVE_OK) return failure_of(bytes_->archive());
  archive_read_support_format_tar(archive_.get());
  bytes_->begin_entry();
  return bytes_->feed(archive_.get()) == ARCHIVE_OK ? Status() : failure();
}

Result<bool> Reader::next() {
  const PlainLocale names_are_bytes;
  // What nobody has read of the entry before is no part of the next one.
  if (next_number_ > 0 && archive_read_data_skip(archive_.get()) < ARCHIVE_WARN) return failure();
  bytes_->begin_entry();
  while (true) {
    struct archive_entry* header = nullptr;
    const int result = archive_read_next_header(archive_.get(), &header);
    if (result == ARCHIVE_EOF) return false;
    if (result == ARCHIVE_RETRY) continue;
    // A warning is about names that libarchive could not translate; they are taken as bytes.
    if (result != ARCHIVE_OK && result != ARCHIVE_WARN) return failure();
    VSTATE_TRY(take_header(header));
    if (entry_.path.empty()) continue;  // "./" itself
    entry_.number = next_number_++;
    VSTATE_TRY(take_hard_link());
    VSTATE_TRY(take_limits());
    return true;
  }
}

Status Reader::take_header(struct archive_entry* header) {
  const auto name = text_of(header, archive_entry_pathname, archive_entry_pathname_utf8);
  auto path = checked_path(name);
  if (!path) return broken(fmt::format("entry \"{}\": {}", name, path.error().message));
  entry_.path = *std::move(path);
  // Set-id and sticky bits never come out of an archive.
  entry_.mode = archive_entry_perm(header) & 0777U;
  entry_.mtime = std::chrono::sys_seconds(std::chrono::seconds(archive_entry_mtime(header)));
  // The entry is used again for the next one, so each of its fields must be set or cleared.
  entry_.size = 0;
  entry_.target.clear();
  entry_.hard_link.clear();
  entry_.is_message = false;
  entry_.stamp = 0;
  archive_entry_xattr_reset(header);
  const char* attribute = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  // Other attributes are not carried: they would be the other machine's labels and access lists.
  while (archive_entry_xattr_next(header, &attribute, &value, &size) == ARCHIVE_OK)
    if (attribute != nullptr && std::string_view(attribute) == k_stamp_attribute)
      entry_.stamp = to_number({static_cast<const char*>(value), size}).value_or(0);
  return take_kind(header);
}

Status Reader::take_kind(struct archive_entry* header) {
  const char* hard_link = archive_entry_hardlink(header);
  const auto size = archive_entry_size(header);
  const auto type = archive_entry_filetype(header);
  const auto name = [&] { return fmt::format("entry \"{}\": ", entry_.path); };
  if (size < 0) return broken(name() + "a negative size");
  if (hard_link != nullptr || type == AE_IFREG) {
    if (entry_.path.empty()) return broken("entry \".\": not a directory");
    entry_.kind = EntryKind::regular;
    entry_.size = static_cast<std::uint64_t>(size);
    entry_.is_message = as_message(entry_.path).has_value();
    if (entry_.is_message) entry_.mode = k_message_mode;
    // With bytes of its own it is a file like any other.
    if (hard_link == nullptr || size > 0) return {};
    auto target = checked_path(hard_link);
    if (!target || target->empty())
      return broken(fmt::format("{}a hard link to \"{}\"", name(), hard_link));
    entry_.hard_link = *std::move(target);
    return {};
  }
  if (type == AE_IFDIR) {
    entry_.kind = EntryKind::directory;
    return {};
  }
  if (type != AE_IFLNK)
    return broken(name() + (type == AE_IFIFO ? "a fifo is not accepted"
                                             : "a device or socket is not accepted"));
  entry_.kind = EntryKind::link;
  entry_.target = text_of(header, archive_entry_symlink, archive_entry_symlink_utf8);
  entry_.size = entry_.target.size();
  if (entry_.target.empty()) return broken(name() + "a link without a target");
  return {};
}

Status Reader::take_hard_link() {
  if (entry_.hard_link.empty() || links_ == Links::as_found) return {};
  // What the link names has gone by already, and cannot be asked for again.
  if (is_stream_) return broken(fmt::format("entry \"{}\": a hard link in a stream", entry_.path));
  if (!hard_links_) {
    VSTATE_TRY_ASSIGN(hard_links_, HardLinks::gather(path_, limits_));
  }
  const auto content = hard_links_->find(entry_.hard_link, entry_.number);
  if (!content)
    return broken(fmt::format("entry \"{}\": a hard link to \"{}\", which is no file before it",
                              entry_.path, entry_.hard_link));
  entry_.size = content->size;
  return {};
}

/// Before any of the content is unpacked.
Status Reader::take_limits() {
  // A counter that has wrapped counts as too many.
  if (next_number_ > limits_.max_entries || next_number_ == 0)
    return broken(fmt::format("more than {} entries", limits_.max_entries));
  if (entry_.kind != EntryKind::regular) return {};
  // The sum is compared without adding, which could wrap.
  if (entry_.size > limits_.max_bytes - unpacked_)
    return broken(
        fmt::format("entry \"{}\": more than {} bytes in all", entry_.path, limits_.max_bytes));
  unpacked_ += entry_.size;
  return {};
}

Status Reader::read(const Sink& sink) {
  if (!entry_.hard_link.empty()) {
    const auto content = hard_links_->find(entry_.hard_link, entry_.number);
    VSTATE_ASSERT(content);
    return hard_links_->read(*content, sink);
  }
  static constexpr std::array<char, 65536> zeros{};
  std::uint64_t done = 0;
  const auto fill_to = [&](std::uint64_t end) -> Status {
    while (done < end) {
      const auto part = std::min<std::uint64_t>(end - done, zeros.size());
      VSTATE_TRY(sink({zeros.data(), static_cast<std::size_t>(part)}));
      done += part;
    }
    return {};
  };
  while (true) {
    const void* block = nullptr;
    std::size_t size = 0;
    la_int64_t at = 0;
    const int result = archive_read_data_block(archive_.get(), &block, &size, &at);
    if (result == ARCHIVE_EOF) break;
    if (result == ARCHIVE_RETRY) continue;
    if (result != ARCHIVE_OK && result != ARCHIVE_WARN) return failure();
    // The map of its holes was read with the first of them.
    bytes_->end_entry();
    const auto start = static_cast<std::uint64_t>(at);
    // The announced size was counted against the limits, so more than it must not come.
    if (at < 0 || start < done || start + size > entry_.size)
      return broken(fmt::format("entry \"{}\": more bytes than announced", entry_.path));
    VSTATE_TRY(fill_to(start));  // a hole of a sparse file
    VSTATE_TRY(sink({static_cast<const char*>(block), size}));
    done += size;
  }
  // A sparse file may end with a hole, of which no block tells.
  return fill_to(entry_.size);
}

}  // namespace vstate::mail

namespace vstate {

Result<std::string> archive_identity(const ArchiveFiles& files) {
  std::string identity;
  for (const auto& path : files.paths()) {
    struct stat st {};
    if (stat(path.c_str(), &st) != 0) return fail_errno(path, "cannot open");
    if (!identity.empty()) identity.push_back(';');
    identity += mail::identity_of(st);
  }
  return identity;
}

}  // namespace vstate
