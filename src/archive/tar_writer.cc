// Everything in the tar is the same for the same tree: no owners, no names of users, no time of
// directories, and always the same format and compression. So two dumps of the same mail can be
// compared byte by byte.

#include "archive/tar_writer.h"

#include <archive.h>
#include <archive_entry.h>

#include <cerrno>

#include <fmt/format.h>

namespace vstate::mail {

void TarWriter::FreeWriter::operator()(struct archive* writer) const { archive_write_free(writer); }
void TarWriter::FreeEntry::operator()(struct archive_entry* entry) const {
  archive_entry_free(entry);
}

TarWriter::TarWriter(std::string shown)
    : shown_(std::move(shown)), writer_(archive_write_new()), entry_(archive_entry_new()) {}
TarWriter::~TarWriter() = default;

tl::unexpected<Error> TarWriter::failure() {
  const char* text = archive_error_string(writer_.get());
  const int number = archive_errno(writer_.get());
  // The next archive would meet the same: a full disk, a dying one, a reader that went.
  const auto scope = number == ENOSPC || number == EDQUOT || number == EIO || number == EPIPE
                         ? Scope::run
                         : Scope::item;
  return fail(Errc::io, fmt::format("{}: cannot write: {}", shown_, text == nullptr ? "?" : text),
              scope);
}

Result<std::unique_ptr<TarWriter>> TarWriter::open(int file, std::string shown) {
  std::unique_ptr<TarWriter> tar(new TarWriter(std::move(shown)));
  auto* writer = tar->writer_.get();
  // The restricted pax form writes extended headers only where a name or a number does not fit the
  // old ones, so that any tar can read the rest.
  if (archive_write_set_format_pax_restricted(writer) != ARCHIVE_OK ||
      archive_write_add_filter_zstd(writer) != ARCHIVE_OK ||
      // A pipe gets the same bytes as a file, which is not filled up to a whole block.
      archive_write_set_bytes_in_last_block(writer, 1) != ARCHIVE_OK ||
      archive_write_open_fd(writer, file) != ARCHIVE_OK)
    return tar->failure();
  return tar;
}

Status TarWriter::header(const TreeEntry& entry) {
  set_header(entry);
  return write_header();
}

Status TarWriter::stamped_header(const TreeEntry& entry) {
  set_header(entry);
  if (entry.stamp != 0) {
    const auto text = std::to_string(entry.stamp);
    archive_entry_xattr_add_entry(entry_.get(), k_stamp_attribute, text.data(), text.size());
  }
  return write_header();
}

Status TarWriter::write_header() {
  // A name that is not ASCII is a warning: it is written as bytes.
  if (archive_write_header(writer_.get(), entry_.get()) < ARCHIVE_WARN) return failure();
  return {};
}

void TarWriter::set_header(const TreeEntry& from) {
  auto* entry = archive_entry_clear(entry_.get());
  archive_entry_set_pathname(entry, from.path.c_str());
  archive_entry_set_uid(entry, 0);
  archive_entry_set_gid(entry, 0);
  archive_entry_set_size(entry, 0);
  archive_entry_set_mtime(entry, 0, 0);
  switch (from.kind) {
    case EntryKind::directory:
      archive_entry_set_filetype(entry, AE_IFDIR);
      archive_entry_set_perm(entry, from.mode);
      break;
    case EntryKind::link:
      archive_entry_set_filetype(entry, AE_IFLNK);
      archive_entry_set_perm(entry, 0777);
      archive_entry_set_symlink(entry, from.target.c_str());
      break;
    case EntryKind::regular:
      archive_entry_set_filetype(entry, AE_IFREG);
      archive_entry_set_perm(entry, from.mode);
      archive_entry_set_size(entry, static_cast<la_int64_t>(from.size));
      archive_entry_set_mtime(entry, from.mtime.time_since_epoch().count(), 0);
      break;
  }
}

Status TarWriter::data(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto count = archive_write_data(writer_.get(), bytes.data(), bytes.size());
    if (count <= 0) return failure();
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

Status TarWriter::close() {
  // The end of the tar and of the compression are written here, so a disk that is full may be told
  // only now.
  if (archive_write_close(writer_.get()) != ARCHIVE_OK) return failure();
  return {};
}

}  // namespace vstate::mail
