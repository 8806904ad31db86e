/// \file
/// The system calls that change or look at files, and where each names what it works on.
#pragma once

#include <map>

/// How a call names what it works on.
enum class Names {
  descriptor,  ///< argument `at`
  path,        ///< argument `at`, relative to the working directory
  path_at,     ///< directory handle in `at`, path behind it
  nothing,     ///< counts wherever it is made
};

enum class Kind { change, read, open, lock, send };

struct Call {
  const char* name;
  Kind kind;
  Names names;
  int at;
};

/// A descriptor that is read from and one that is written to make two entries of one call.
using Calls = std::multimap<long, Call>;
Calls make_calls();
