/// \file
/// The contents that hard links of a foreign tar stand for.
#pragma once

#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>

#include "archive/tar_reader.h"

namespace vstate::mail {

/// It is built at the first hard link: one pass over the archive finds which files are named, and a
/// second one sets their contents aside in an unnamed temporary file.
class HardLinks {
 public:
  struct Content {
    std::uint32_t number = 0;  ///< of the entry that brought it
    std::uint64_t at = 0, size = 0;
  };
  [[nodiscard]] static Result<std::unique_ptr<HardLinks>> gather(const std::string& archive,
                                                                 ExtractLimits);
  /// Returns nullopt if no regular file of that name comes before the entry with that number.
  [[nodiscard]] std::optional<Content> find(std::string_view path, std::uint32_t before) const;
  [[nodiscard]] Status read(const Content&, const Sink&) const;

 private:
  struct Close {
    void operator()(std::FILE* file) const { (void)std::fclose(file); }
  };
  Status gather_names(Reader&);
  Status gather_contents(Reader&);

  std::unique_ptr<std::FILE, Close> spool_;
  std::map<NameHash, std::optional<Content>> by_name_;
};

}  // namespace vstate::mail
