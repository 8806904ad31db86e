// The program. Failures are values everywhere below; what is thrown all the same, such as for a
// lack of memory, is caught here, so that a caller gets an exit status of the table and not an
// abort.

#include <csignal>
#include <cstdio>
#include <exception>

#include "cli/commands.h"
#include "cli/static_program.h"
#include "sys/process/identity.h"

int main(int argc, char** argv) {
  try {
#ifdef VSTATE_STATIC
    vstate::cli::load_no_libraries();
#endif
    vstate::drop_supplementary_groups();
    // A reader that went away is an error of the write; it does not end an apply half way.
    (void)std::signal(SIGPIPE, SIG_IGN);
    return vstate::cli::run_command_line(argc, argv);
  } catch (const std::exception& error) {
    (void)std::fprintf(stderr, "vstate: internal error: %s; please report this\n", error.what());
    return static_cast<int>(vstate::cli::Exit::error);
  }
}
