// `schema` prints the JSON Schema of domain files, which is compiled in: editors and checks have
// the one that fits this program.

#include "cli/commands.h"
#include "cli/console.h"
#include "vstate/document/document.h"

namespace vstate::cli {

Exit run_schema() { return Console::print_all(document::schema()); }

}  // namespace vstate::cli
