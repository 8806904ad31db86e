/// \file
/// The bytes of an open file of a server.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "maildir/sink.h"
#include "sys/files.h"

namespace vstate {

/// Copied by the kernel if it is on this machine, and shared between both files where the file
/// system can. Fails with
/// `conflict` if the file became shorter than `size` bytes since it was opened.
class FileContent : public Content {
 public:
  FileContent(std::shared_ptr<OpenFile> file, std::uint64_t size, std::string path)
      : file_(std::move(file)), size_(size), path_(std::move(path)) {}
  Status read(const Sink& sink) override;
  Status copy_to(int file, std::string_view shown) override;
  [[nodiscard]] std::unique_ptr<Content> keep() override;

 private:
  Status read_from(std::uint64_t left, const Sink& sink);

  std::shared_ptr<OpenFile> file_;
  std::uint64_t size_;
  std::string path_;
};

}  // namespace vstate
