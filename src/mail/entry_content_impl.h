/// \file
/// The bytes of an archive's entry, for who receives them.
#pragma once

#include "reader_impl.h"
#include "target_impl.h"
#include "vstate/mail/receive.h"

namespace vstate::mail {

class EntryContent final : public Content {
 public:
  explicit EntryContent(Reader& reader) : reader_(reader) {}
  Status copy_to(int file, const std::function<void(std::string_view)>* sink) override {
    return reader_.read([&](std::string_view part) -> Status {
      if (sink != nullptr) (*sink)(part);
      return file < 0 ? Status() : write_all(file, part, reader_.entry().path);
    });
  }

 private:
  Reader& reader_;
};

}  // namespace vstate::mail
