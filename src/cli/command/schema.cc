// `schema` prints the JSON Schema of domain files, or of server.toml, which is compiled in: editors
// and checks have the one that fits this program.

#include "cli/commands.h"
#include "cli/console.h"
#include "vstate/document/document.h"
#include "vstate/document/server_document.h"

namespace vstate::cli {

Exit run_schema(const SchemaOptions& options) {
  return Console::print_all(options.server ? document::server_schema() : document::schema());
}

}  // namespace vstate::cli
