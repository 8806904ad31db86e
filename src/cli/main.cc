// The program. Failures are values everywhere below; what is thrown all the same, such as for a
// lack of memory, is caught here, so that a caller gets an exit status of the table and not an
// abort.

#include <sys/prctl.h>
#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <exception>

#include "cli/commands.h"
#include "cli/static_program.h"
#include "sys/process/identity.h"

namespace {

/// A crash must not leave passwords on a disk. The limit 1 is for the kernel what 0 is, and also
/// keeps it from handing the memory to a program that gathers crashes (core(5)). Who has no root
/// needs /proc/self, which a process that cannot be dumped does not own.
void leave_no_core() {
  const rlimit none{1, 1};
  (void)setrlimit(RLIMIT_CORE, &none);
  if (vstate::can_act_as_others()) (void)prctl(PR_SET_DUMPABLE, 0);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    leave_no_core();
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
