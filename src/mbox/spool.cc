// An mbox may be larger than the memory of the machine, and is read here and there: its copy is a
// file that is mapped. A mapping of the mbox itself would end the program when somebody cuts it.

#include "mbox/spool.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <vector>

#include "sys/handle.h"
#include "sys/io.h"

namespace vstate::mbox {

namespace {

constexpr std::size_t k_small = std::size_t{1} << 20U;

std::string spool_directory() {
  const char* said = std::getenv("TMPDIR");  // NOLINT(concurrency-mt-unsafe): nothing sets it
  return said != nullptr && *said != '\0' ? said : "/var/tmp";
}

Result<Handle> unnamed_file(const std::string& directory) {
  Handle file(open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (file.is_open()) return file;
  // Older kernels, and some file systems, have no files without a name.
  auto name = directory + "/vstate-mbox-XXXXXX";
  file = Handle(mkostemp(name.data(), O_CLOEXEC));
  if (!file.is_open()) return fail_errno(name, "cannot make a file for the copy of an mbox");
  if (unlink(name.c_str()) != 0) return fail_errno(name, "cannot remove");
  return file;
}

/// Reads into `out` until `limit` bytes are there or the file ends.
Status read_some(OpenFile& file, std::string& out, std::size_t limit) {
  std::size_t size = 0;
  out.resize(limit);
  while (size < limit) {
    VSTATE_TRY_ASSIGN(const auto count, file.read({out.data() + size, limit - size}));
    if (count == 0) break;
    size += count;
  }
  out.resize(size);
  return {};
}

}  // namespace

Spool::~Spool() {
  if (mapped_ != nullptr) munmap(mapped_, size_);
}

void Spool::note_read(std::size_t bytes) const {
  constexpr std::size_t most = std::size_t{16} << 20U;
  since_release_ += bytes;
  if (mapped_ == nullptr || since_release_ < most) return;
  since_release_ = 0;
  // All of it, as the kernel maps more than was asked for. What is wanted again is in its cache.
  (void)madvise(mapped_, size_, MADV_DONTNEED);
}

Result<std::shared_ptr<const Spool>> Spool::take(OpenFile& file, std::string_view shown) {
  std::shared_ptr<Spool> spool(new Spool());
  std::string part;
  VSTATE_TRY(read_some(file, part, k_small));
  if (part.size() < k_small) {
    part.shrink_to_fit();
    spool->small_ = std::move(part);
    return std::shared_ptr<const Spool>(std::move(spool));
  }
  const auto directory = spool_directory();
  VSTATE_TRY_ASSIGN(const auto copy, unnamed_file(directory));
  const auto named = std::string(shown) + ": its copy in " + directory;
  while (!part.empty()) {
    VSTATE_TRY(write_all(copy.get(), part, named));
    spool->size_ += part.size();
    VSTATE_TRY(read_some(file, part, k_small));
  }
  void* mapped = mmap(nullptr, spool->size_, PROT_READ, MAP_PRIVATE, copy.get(), 0);
  if (mapped == MAP_FAILED) return fail_errno_of_open(named, "cannot map");
  spool->mapped_ = static_cast<char*>(mapped);
  return std::shared_ptr<const Spool>(std::move(spool));
}

}  // namespace vstate::mbox
