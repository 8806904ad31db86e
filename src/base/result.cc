// How an errno becomes something to act on. The rule that nothing may be taken for absent but what
// is absent begins here: ENOENT and ENOTDIR are the only numbers that become `not_found`, and a
// call on what is open already can never produce it.

#include "vstate/base/result.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

#include <fmt/format.h>

#include "vstate/base/text.h"

namespace vstate {

Error Error::in(std::string_view where) const {
  return Error{code, fmt::format("{}: {}", visible(where), message), scope};
}

tl::unexpected<Error> fail(Errc code, std::string_view message, Scope scope) {
  return tl::unexpected<Error>(Error{code, visible(message), scope});
}

tl::unexpected<Error> fail_lines(Errc code, const std::vector<std::string>& messages, Scope scope) {
  std::string lines;
  for (const auto& message : messages) {
    if (!lines.empty()) lines += '\n';
    lines += visible(message);
  }
  return tl::unexpected<Error>(Error{code, std::move(lines), scope});
}

namespace {

/// Numbers that are not listed are `io`: the caller can do nothing special about them, and the text
/// says which one it was.
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

/// A full disk or a dying one spoils whatever comes next as well, and so does a process that can
/// open nothing more.
Scope scope_of(int number) {
  constexpr std::array for_all{ENOSPC, EDQUOT, EIO, EROFS, EMFILE, ENFILE, ENOMEM, ESTALE};
  return std::find(for_all.begin(), for_all.end(), number) != for_all.end() ? Scope::run
                                                                            : Scope::item;
}

}  // namespace

tl::unexpected<Error> fail_errno(std::string_view path, std::string_view what) {
  // errno is taken first, since making the text may change it.
  const int number = errno;
  return tl::unexpected<Error>(
      Error{errc_of(number),
            fmt::format("{}: {}: {}", visible(path), what, std::generic_category().message(number)),
            scope_of(number)});
}

tl::unexpected<Error> fail_errno_of_open(std::string_view path, std::string_view what) {
  auto error = fail_errno(path, what);
  // Network file systems and failing disks say ENOENT for what is open, too. A caller who believed
  // that would take a mailbox for deleted.
  if (error.value().code == Errc::not_found) error.value().code = Errc::io;
  return error;
}

void assertion_failed(const char* expression, const char* file, int line) {
  // Nothing is unwound and nothing is closed: what is on the disk stays as a kill would leave it,
  // which the next run can deal with.
  (void)std::fprintf(stderr,
                     "vstate: %s:%d: internal error: %s does not hold; please report this\n", file,
                     line, expression);
  std::abort();
}

}  // namespace vstate
