/// \file
/// The bytes of an archive's entry, for who receives them.
#pragma once

#include "archive/tar_reader.h"
#include "delivery/receive.h"
#include "delivery/target.h"

namespace vstate::mail {

/// `Source` is a Reader or a Chain.
template <class Source>
class EntryContent final : public Content {
 public:
  explicit EntryContent(Source& reader) : reader_(reader) {}
  Status copy_to(int file, const std::function<void(std::string_view)>* sink) override {
    return reader_.read([&](std::string_view part) -> Status {
      if (sink != nullptr) (*sink)(part);
      return file < 0 ? Status() : write_all(file, part, reader_.entry().path);
    });
  }

 private:
  Source& reader_;
};

}  // namespace vstate::mail
