/// \file
/// Reading an archive entry by entry, with names checked, hard links resolved, and limits kept.
/// What is refused is in docs/formats/archive.md.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "archive/archive.h"
#include "archive/plain_locale.h"
#include "maildir/sink.h"

struct archive;
struct archive_entry;

namespace vstate::mail {

struct ReadEntry : TreeEntry {
  std::uint32_t number = 0;  ///< counts entries of the archive from 0
  bool is_message = false;
  std::string hard_link;  ///< path it names; only seen by those who resolve it
};

class HardLinks;
class UnpackedBytes;

class Reader {
 public:
  enum class Links { resolved, as_found };
  /// Reads a tar in any dialect, plain or packed with zstd, gzip, bzip2 or xz. Fails with
  /// `not_found`; here or later with `invalid` for bytes that are broken, cut off, unsafe, or
  /// beyond the limits, and names the entry.
  [[nodiscard]] static Result<Reader> open(const std::string& path, ExtractLimits,
                                           Links = Links::resolved);
  /// Reads a stream once: `begun`, which was read of it already, and then the open file `file`.
  /// Hard links are refused, since what they name cannot be read again. Fails with `io` when
  /// nothing comes for so long as `patience`; 0 waits for ever.
  [[nodiscard]] static Result<Reader> open_stream(int file, std::string begun, ExtractLimits,
                                                  std::chrono::seconds patience);
  Reader(Reader&&) noexcept;
  Reader& operator=(Reader&&) = delete;
  ~Reader();

  /// Goes to the next entry and returns whether there is one. What was not read of the entry before
  /// is skipped.
  [[nodiscard]] Result<bool> next();
  [[nodiscard]] const ReadEntry& entry() const { return entry_; }
  /// Gives the content of a regular file, exactly `entry().size` bytes.
  Status read(const Sink&);
  /// What was gathered for hard links, for the next reader of the same archive.
  [[nodiscard]] std::shared_ptr<HardLinks> hard_links() const { return hard_links_; }
  void adopt(std::shared_ptr<HardLinks> gathered) { hard_links_ = std::move(gathered); }
  /// archive_identity of the file that is read.
  [[nodiscard]] const std::string& identity() const { return identity_; }

 private:
  struct Free {
    void operator()(struct archive*) const;
  };
  Reader(std::string path, ExtractLimits limits, Links links);
  [[nodiscard]] tl::unexpected<Error> broken(std::string_view what) const;
  [[nodiscard]] tl::unexpected<Error> failure() const;
  [[nodiscard]] tl::unexpected<Error> failure_of(struct archive*) const;
  Status begin(int opened);
  Status take_header(struct archive_entry*);
  Status take_kind(struct archive_entry*);
  Status take_hard_link();
  Status take_limits();

  std::string path_, identity_;
  bool is_stream_ = false;
  std::unique_ptr<UnpackedBytes> bytes_;  ///< outlives the reader of the tar
  ExtractLimits limits_;
  Links links_;
  std::unique_ptr<struct archive, Free> archive_;
  std::shared_ptr<HardLinks> hard_links_;
  ReadEntry entry_;
  std::uint64_t unpacked_ = 0;
  std::uint32_t next_number_ = 0;
};

/// Returns the path of an entry without "./", doubled "/" and a "/" at the end; the root itself is
/// empty. Fails with `invalid` and the reason for one that is absolute, empty, or leads up.
[[nodiscard]] Result<std::string> checked_path(std::string_view);

}  // namespace vstate::mail
