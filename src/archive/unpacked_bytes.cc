// libarchive would unpack and read a tar in one go. But it keeps what stands in front of an entry's
// bytes in memory, the map of a sparse file above all, and a hundred kilobytes can be packed to
// stand for a map of gigabytes. So one of its readers unpacks, a second one reads the tar, and what
// goes from one to the other is counted.

#include "archive/unpacked_bytes.h"

#include <archive.h>
#include <archive_entry.h>
#include <unistd.h>

#include <cerrno>

#include <fmt/format.h>

#include "sys/io.h"
#include "sys/process/stop.h"

namespace vstate::mail {

namespace {

/// Bytes that are read at once.
constexpr std::size_t k_block = std::size_t{256} * 1024;
/// No tar of mail has more in front of the bytes of an entry: names and attributes take some
/// kilobytes, and libarchive itself takes a mebibyte of each.
constexpr std::uint64_t k_most_of_entry = std::uint64_t{4} << 20;

}  // namespace

/// What libarchive's callback reads from.
struct UnpackedBytes::Stream {
  int file = -1;
  std::string begun;
  std::vector<char> block;
  bool has_given_begun = false;
  std::chrono::seconds patience{0};

  static la_ssize_t read(struct archive* archive, void* self, const void** bytes) {
    auto& stream = *static_cast<Stream*>(self);
    // What was read of the pipe to tell a stream from a text comes first.
    if (!stream.has_given_begun) {
      stream.has_given_begun = true;
      if (!stream.begun.empty()) {
        *bytes = stream.begun.data();
        return static_cast<la_ssize_t>(stream.begun.size());
      }
    }
    stream.block.resize(k_block);
    // A connection that has died without a word would hold the target's locks for ever.
    if (!can_be_read(stream.file, stream.patience)) {
      const auto text = is_told_to_stop()
                            ? std::string("interrupted while nothing came")
                            : fmt::format("nothing came for {} seconds", stream.patience.count());
      archive_set_error(archive, ETIMEDOUT, "%s", text.c_str());
      return -1;
    }
    while (true) {
      const auto count = ::read(stream.file, stream.block.data(), stream.block.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) archive_set_error(archive, errno, "cannot read the stream");
      *bytes = stream.block.data();
      return count;
    }
  }
};

void UnpackedBytes::Free::operator()(struct archive* archive) const { archive_read_free(archive); }

UnpackedBytes::UnpackedBytes(Packing packing) : archive_(archive_read_new()) {
  auto* archive = archive_.get();
  // Only these are asked for: each format and filter more would be code that reads foreign bytes.
  archive_read_support_format_raw(archive);
  archive_read_support_format_empty(archive);
  archive_read_support_filter_zstd(archive);
  if (packing == Packing::zstd) return;
  archive_read_support_filter_gzip(archive);
  archive_read_support_filter_bzip2(archive);
  archive_read_support_filter_xz(archive);
}

UnpackedBytes::~UnpackedBytes() = default;

int UnpackedBytes::open_file(const std::string& path) {
  return archive_read_open_filename(archive_.get(), path.c_str(), k_block);
}

int UnpackedBytes::open_stream(int file, std::string begun, std::chrono::seconds patience) {
  stream_ = std::make_unique<Stream>();
  stream_->file = file;
  stream_->begun = std::move(begun);
  stream_->patience = patience;
  return archive_read_open(archive_.get(), stream_.get(), nullptr, Stream::read, nullptr);
}

int UnpackedBytes::feed(struct archive* tar) {
  struct archive_entry* all = nullptr;
  const int result = archive_read_next_header(archive_.get(), &all);
  if (result != ARCHIVE_OK && result != ARCHIVE_EOF) {
    archive_set_error(tar, archive_errno(archive()), "%s", archive_error_string(archive()));
    return ARCHIVE_FATAL;
  }
  return archive_read_open(tar, this, nullptr, give, nullptr);
}

void UnpackedBytes::begin_entry() {
  is_in_entry_ = true;
  taken_ = 0;
}

std::ptrdiff_t UnpackedBytes::give(struct archive* tar, void* self, const void** bytes) {
  auto& from = *static_cast<UnpackedBytes*>(self);
  std::size_t size = 0;
  la_int64_t at = 0;
  int result = ARCHIVE_RETRY;
  while (result == ARCHIVE_RETRY || (result == ARCHIVE_OK && size == 0))
    result = archive_read_data_block(from.archive(), bytes, &size, &at);
  if (result == ARCHIVE_EOF) return 0;
  if (result != ARCHIVE_OK && result != ARCHIVE_WARN) {
    archive_set_error(tar, archive_errno(from.archive()), "%s",
                      archive_error_string(from.archive()));
    return -1;
  }
  from.taken_ += size;
  if (from.is_in_entry_ && from.taken_ > k_most_of_entry + k_block) {
    archive_set_error(tar, EILSEQ, "more than %llu bytes in front of an entry",
                      static_cast<unsigned long long>(k_most_of_entry));
    return -1;
  }
  return static_cast<std::ptrdiff_t>(size);
}

}  // namespace vstate::mail
