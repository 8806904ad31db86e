#include "vstate/base/result.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

#include <fmt/format.h>

namespace vstate {

Error Error::in(std::string_view where) const {
  return Error{code, fmt::format("{}: {}", where, message), scope};
}

tl::unexpected<Error> fail(Errc code, std::string message, Scope scope) {
  return tl::unexpected<Error>(Error{code, std::move(message), scope});
}

namespace {

Errc errc_of(int number) {
  switch (number) {
    case ENOENT:
    case ENOTDIR:
      return Errc::not_found;
    case EACCES:
    case EPERM:
    case EROFS:
      return Errc::denied;
    case EEXIST:
      return Errc::conflict;
    case EAGAIN:
      return Errc::busy;
    default:
      return Errc::io;
  }
}

/// A full disk or a dying one spoils whatever comes next as well.
Scope scope_of(int number) {
  return number == ENOSPC || number == EDQUOT || number == EIO || number == EROFS ? Scope::run
                                                                                  : Scope::item;
}

}  // namespace

tl::unexpected<Error> fail_errno(std::string_view path, std::string_view what) {
  const int number = errno;
  return tl::unexpected<Error>(
      Error{errc_of(number),
            fmt::format("{}: {}: {}", path, what, std::generic_category().message(number)),
            scope_of(number)});
}

void assertion_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "vstate: %s:%d: internal error: %s does not hold; please report this\n",
               file, line, expression);
  std::abort();
}

}  // namespace vstate
