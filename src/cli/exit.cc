#include "cli/exit.h"

namespace vstate::cli {

Exit exit_of(const Error& error) {
  switch (error.code) {
    case Errc::busy:
      return Exit::busy;
    case Errc::interrupted:
      return Exit::interrupted;
    default:
      return Exit::error;
  }
}

}  // namespace vstate::cli
