/// \file
/// A tar (pax, zstd) being written into an open file.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "maildir/walk.h"
#include "vstate/base/result.h"

struct archive;
struct archive_entry;

namespace vstate::mail {

class TarWriter {
 public:
  /// Writes into the open file `file`, which stays the caller's. `shown` names it in errors.
  [[nodiscard]] static Result<std::unique_ptr<TarWriter>> open(int file, std::string shown);
  ~TarWriter();
  TarWriter(const TarWriter&) = delete;
  TarWriter& operator=(const TarWriter&) = delete;

  /// Begins an entry. Nothing that depends on the machine or the moment goes into it
  /// (docs/formats/archive.md).
  Status header(const TreeEntry&);
  /// Does the same, with a stamp other than 0 as an extended attribute.
  Status stamped_header(const TreeEntry&);
  /// Writes bytes of the entry; all of its size must come.
  Status data(std::string_view);
  /// Ends the tar. Without it what was written is cut off.
  Status close();

 private:
  explicit TarWriter(std::string shown);
  void set_header(const TreeEntry&);
  Status write_header();
  [[nodiscard]] tl::unexpected<Error> failure();
  struct FreeWriter {
    void operator()(struct archive*) const;
  };
  struct FreeEntry {
    void operator()(struct archive_entry*) const;
  };
  std::string shown_;
  std::unique_ptr<struct archive, FreeWriter> writer_;
  std::unique_ptr<struct archive_entry, FreeEntry> entry_;
};

/// The extended attribute of a file in a stream that holds TreeEntry::stamp in decimal. A message
/// needs no stamp, and has k_scoped_stamp there if it is scoped.
constexpr const char* k_stamp_attribute = "user.vstate.stamp";
constexpr std::uint64_t k_scoped_stamp = 1;

}  // namespace vstate::mail
