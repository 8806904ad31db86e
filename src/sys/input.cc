#include "sys/input.h"

#include <unistd.h>

#include <cerrno>

#include "sys/host_file.h"
#include "sys/io.h"

namespace vstate {

std::string read_begin(int file, std::chrono::seconds patience) {
  constexpr std::size_t enough = 4;
  std::string begun(enough, '\0');
  std::size_t done = 0;
  while (done < enough && can_be_read(file, patience)) {
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
