/// \file
/// Runs a program and stops it before chosen system calls, in all its threads and children. Calls
/// are caught by a seccomp filter, so that all others run at full speed.
#pragma once

#include <sys/types.h>

#include <array>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "harness/calls.h"

/// A thread that is about to make a call.
struct Stop {
  pid_t thread = 0;
  long number = 0;
  std::array<std::uint64_t, 6> arguments{};
};

/// Ends this process with the status and a message.
[[noreturn]] void die(int status, const std::string& why);

std::string real_path(const char* path);
bool is_below(const std::string& path, const std::vector<std::string>& directories);

/// \name What a stopped thread has in its memory and its table of files.
/// @{
std::string memory_of(pid_t thread, std::uint64_t address, std::size_t size);
std::string text_of(pid_t thread, std::uint64_t address);
/// The path that a descriptor names, or "pipe:[…]" and the like.
std::string descriptor_of(pid_t thread, int descriptor);
/// What the call works on, as a path.
std::string place_of(const Stop&, const Call&);
/// Of a call that opens a file.
std::uint64_t open_flags(const Stop&);
/// @}

/// Leaves the call out; the program sees it fail with this number.
void make_fail(pid_t thread, int failure);
/// Gives the call another argument.
void set_argument(pid_t thread, int argument, std::uint64_t value);

class Tracing {
 public:
  Tracing() = default;
  Tracing(const Tracing&) = delete;
  Tracing& operator=(const Tracing&) = delete;
  virtual ~Tracing() = default;

  /// Runs the program to its end, and returns its status: 128 + the signal's number where a signal
  /// ended it, k_timed_out after so many seconds, when everything is killed.
  int run(char** program, const Calls&, long seconds);

  static constexpr int k_timed_out = 124;

 protected:
  /// Before a call of the table. True: on_return is wanted.
  virtual bool on_call(const Stop&) = 0;
  virtual void on_return(const Stop&, long /*result*/) {}

 private:
  void on_stop(pid_t thread, int status);
  int follow(pid_t program);

  std::set<pid_t> known_;
  std::map<pid_t, Stop> under_way_;
};
