/// \file
/// Results and errors. Whatever depends on the world (files, databases, input, another server)
/// returns a Result; nothing throws across a module's border.
#pragma once

#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

namespace vstate {

/// What a caller can act on. The words for people are in Error::message.
enum class Errc {
  not_found,    ///< the thing named does not exist
  invalid,      ///< bytes or input that break their format
  conflict,     ///< somebody else changed it since it was read
  unsupported,  ///< well formed, but this build or this server cannot hold it
  denied,       ///< the kernel or a server refused for lack of rights
  busy,         ///< a lock is held by another process
  io,           ///< any other failure of a system call
  interrupted,  ///< a signal asked to stop
};

/// What an error spoils: the executor goes on after `item`, leaves the domain unpublished after
/// `domain`, and stops after `run`.
enum class Scope { item, domain, run };

struct Error {
  Errc code = Errc::io;
  std::string message;
  Scope scope = Scope::item;

  /// True if going on makes no sense: what comes next would fail alike, or was told to stop.
  [[nodiscard]] bool ends_run() const { return scope == Scope::run || code == Errc::interrupted; }
  /// The same error with one more noun in front: "vpasswd: line 12: 6 fields, 7 expected".
  [[nodiscard]] Error in(std::string_view where) const;
};

/// tl::expected with [[nodiscard]]; becomes std::expected once the oldest compiler has it.
template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
};
using Status = Result<void>;

/// The message is made visible (base/text.h): what is named in it is one line, whatever its name
/// is.
[[nodiscard]] tl::unexpected<Error> fail(Errc code, std::string_view message,
                                         Scope scope = Scope::item);
/// One with a line for each.
[[nodiscard]] tl::unexpected<Error> fail_lines(Errc code, const std::vector<std::string>& messages,
                                               Scope scope = Scope::item);
/// The error of the system call that just failed, from errno: "PATH: WHAT: No such file or
/// directory".
[[nodiscard]] tl::unexpected<Error> fail_errno(std::string_view path, std::string_view what);
/// The same of a call on what is open already. Whatever such a call says, the thing is there: the
/// error is never `not_found`.
[[nodiscard]] tl::unexpected<Error> fail_errno_of_open(std::string_view path,
                                                       std::string_view what);

/// The error of a result that holds one, for a function of another result type to return.
template <class T>
[[nodiscard]] tl::unexpected<Error> propagate(T&& result) {
  return tl::unexpected<Error>(std::forward<T>(result).error());
}

/// Ends the program with the place of a broken invariant, in every build: a bug must stop before
/// it writes more.
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);

}  // namespace vstate

#define VSTATE_ASSERT(expression) \
  ((expression) ? void() : ::vstate::assertion_failed(#expression, __FILE__, __LINE__))

#define VSTATE_CONCAT_(a, b) a##b
#define VSTATE_CONCAT(a, b) VSTATE_CONCAT_(a, b)

/// Returns the error of `expression` from the enclosing function, if it has one.
#define VSTATE_TRY(expression)                                         \
  do {                                                                 \
    if (auto VSTATE_CONCAT(vstate_status_, __LINE__) = (expression);   \
        !VSTATE_CONCAT(vstate_status_, __LINE__))                      \
      return tl::unexpected<::vstate::Error>(                          \
          std::move(VSTATE_CONCAT(vstate_status_, __LINE__)).error()); \
  } while (false)

/// `declaration` = value of `expression`, or return its error.
#define VSTATE_TRY_ASSIGN(declaration, expression)                   \
  auto VSTATE_CONCAT(vstate_result_, __LINE__) = (expression);       \
  if (!VSTATE_CONCAT(vstate_result_, __LINE__))                      \
    return tl::unexpected<::vstate::Error>(                          \
        std::move(VSTATE_CONCAT(vstate_result_, __LINE__)).error()); \
  declaration = *std::move(VSTATE_CONCAT(vstate_result_, __LINE__))
