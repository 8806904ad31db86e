// The program looks at the first bytes of a pipe to tell a domain file from a stream before it
// decides how to read the rest. Those bytes cannot be put back into a pipe, so they are handed on
// to whoever reads it.

#include "host/input.h"

#include <unistd.h>

#include <cerrno>

#include "host/host_file.h"
#include "sys/io.h"

namespace vstate {

std::string read_begin(int file, std::chrono::seconds patience) {
  // Four bytes are what the formats are told apart by.
  constexpr std::size_t enough = 4;
  std::string begun(enough, '\0');
  std::size_t done = 0;
  while (done < enough && can_be_read(file, patience)) {
    // A pipe may give less than what is asked for; the loop goes on until it has enough, ends, or
    // is silent for too long.
    const auto count = ::read(file, begun.data() + done, enough - done);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    done += static_cast<std::size_t>(count);
  }
  begun.resize(done);
  return begun;
}

Result<std::string> read_input(const std::string& name, const std::string& begun) {
  if (name != "-") return read_host_file(name);
  VSTATE_TRY_ASSIGN(auto rest, read_all(STDIN_FILENO, "standard input"));
  return begun + rest;
}

}  // namespace vstate
