/// \file
/// A program whose standard input and output are pipes of this one.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "remote/ssh/heard_text.h"
#include "sys/handle.h"
#include "vstate/base/result.h"

namespace vstate::remote {

class Child {
 public:
  /// Where its standard error goes: to this program's own, as a person may be shown it, or into a
  /// pipe.
  enum class Errors { shown, piped };
  /// Finds the program as a shell does.
  [[nodiscard]] static Result<Child> start(const std::vector<std::string>& words,
                                           Errors errors = Errors::shown);
  /// Nobody's program: whoever holds the other ends of these pipes ends by itself.
  Child(Handle to_it, Handle from_it) : input(std::move(to_it)), output(std::move(from_it)) {}
  /// Closes the pipes and ends the program.
  ~Child();
  Child(Child&& other) noexcept
      : input(std::move(other.input)),
        output(std::move(other.output)),
        errors(std::move(other.errors)),
        ends_by_signal(other.ends_by_signal),
        relay_(std::move(other.relay_)),
        pid_(std::exchange(other.pid_, -1)),
        status_(other.status_) {}
  Child& operator=(Child&&) = delete;

  /// Gives it all of `bytes`, which it need not read: gives up once it takes nothing for as long as
  /// `patience`. Closes its input.
  void give(std::string_view bytes, std::chrono::seconds patience);
  /// Waits for its end and returns its exit status; 128 and more: a signal ended it. A program that
  /// is still running after `patience` is told to end, and is killed after `k_grace` more. 0 waits
  /// for ever. Asked again, it says the same; of nobody's program it says 0.
  int end(std::chrono::seconds patience);

  /// How long a program that was told to end may take.
  static constexpr std::chrono::seconds k_grace{3};

  Handle input, output;
  Handle errors;  ///< open with Errors::piped
  /// That it shall end is told by SIGTERM, at once: it does not look at its pipes, or need not end
  /// in good order.
  bool ends_by_signal = false;

 private:
  Child() = default;
  std::unique_ptr<ErrorRelay> relay_;
  pid_t pid_ = -1;
  int status_ = 0;  ///< once it has ended
};

/// Waits for sockets that a program makes, which tells nobody else when it listens. False: it ended
/// before, or took longer than `patience`; 0: for ever.
[[nodiscard]] bool await_sockets(const Child&, const std::vector<std::string>& paths,
                                 std::chrono::seconds patience);
/// Whether a pipe that nothing comes through has been closed at its other end.
[[nodiscard]] bool has_ended(int file);
/// What else a pipe gives, up to some lines, until it is silent for so long; 0: until its end.
[[nodiscard]] std::string read_some(int file,
                                    std::chrono::seconds patience = std::chrono::seconds(1));
/// Whether an account may run nothing there, or has no such program, by how the attempt ended: with
/// a shell's words for a program that is not there or cannot be run, or as OpenSSH's sftp-server
/// ends for an account that has no other command.
[[nodiscard]] bool says_no_program(int status, std::string_view printed);

}  // namespace vstate::remote
