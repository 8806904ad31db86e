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
  /// `shown` names the file in errors. The file stays the caller's.
  [[nodiscard]] static Result<std::unique_ptr<TarWriter>> open(int file, std::string shown);
  ~TarWriter();
  TarWriter(const TarWriter&) = delete;
  TarWriter& operator=(const TarWriter&) = delete;

  /// Nothing that depends on the machine or the moment goes into it (archive.h). A stamp other than
  /// 0 goes along as an extended attribute.
  Status header(const TreeEntry&, bool is_message, std::uint64_t stamp = 0);
  Status data(std::string_view);
  Status close();

 private:
  explicit TarWriter(std::string shown);
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

/// The extended attribute of a file in a stream: TreeEntry::stamp, in decimal.
constexpr const char* k_stamp_attribute = "user.vstate.stamp";

}  // namespace vstate::mail
