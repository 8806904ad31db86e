/// \file
/// Names as bytes, whatever the program's locale is.
#pragma once

#include <locale.h>

namespace vstate::mail {

/// While it lives, libarchive on this thread takes names for bytes: it translates by the locale.
class PlainLocale {
 public:
  PlainLocale() : plain_(newlocale(LC_ALL_MASK, "C", nullptr)), old_(uselocale(plain_)) {}
  ~PlainLocale() {
    uselocale(old_);
    if (plain_ != nullptr) freelocale(plain_);
  }
  PlainLocale(const PlainLocale&) = delete;
  PlainLocale& operator=(const PlainLocale&) = delete;

 private:
  locale_t plain_;
  locale_t old_;
};

}  // namespace vstate::mail
