/// \file
/// The bytes of an archive or a stream without their packing, as a reader of tars takes them.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

struct archive;

namespace vstate::mail {

class UnpackedBytes {
 public:
  enum class Packing { any, zstd };  ///< zstd, gzip, bzip2 or xz; plain bytes always
  explicit UnpackedBytes(Packing);
  ~UnpackedBytes();
  UnpackedBytes(const UnpackedBytes&) = delete;
  UnpackedBytes& operator=(const UnpackedBytes&) = delete;

  // Both return what libarchive does; what is wrong is told by `archive`.
  int open_file(const std::string& path);
  /// Reads `begun`, which was read of it already, and then the open file `file`. Fails with
  /// ETIMEDOUT when nothing comes for so long as `patience`; 0 waits for ever.
  int open_stream(int file, std::string begun, std::chrono::seconds patience);
  [[nodiscard]] struct archive* archive() const { return archive_.get(); }

  /// Gives them to a reader of tars, which this object must outlive.
  int feed(struct archive* tar);
  /// From here on the reader looks for an entry, and for the map of its holes. So much of a tar is
  /// kept in memory, whatever it says of its size, and has a limit.
  void begin_entry();
  /// From here on the reader takes the bytes of the entry, of which it keeps none.
  void end_entry() { is_in_entry_ = false; }

 private:
  struct Free {
    void operator()(struct archive*) const;
  };
  struct Stream;
  static std::ptrdiff_t give(struct archive* tar, void* self, const void** bytes);

  std::unique_ptr<struct archive, Free> archive_;
  std::unique_ptr<Stream> stream_;
  bool is_in_entry_ = false;
  std::uint64_t taken_ = 0;  ///< since begin_entry
};

}  // namespace vstate::mail
