#include <cstdio>
#include <exception>

#include "commands.h"

int main(int argc, char** argv) {
  try {
    return vstate::cli::run_command_line(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "vstate: internal error: %s; please report this\n", error.what());
    return static_cast<int>(vstate::cli::Exit::error);
  }
}
