// etc/vpopmail.mysql and etc/vpopmail.pgsql.

#include "format/connection_file.h"

#include "fuzz.h"

using namespace vstate;

namespace {

void check_connection(const Result<DatabaseConnection>& read) {
  if (read) return;
  // An error never shows what stands in the file, which holds a password.
  VSTATE_ASSERT(read.error().code == Errc::invalid);
  VSTATE_ASSERT(read.error().message.find("canary") == std::string::npos);
}

}  // namespace

VSTATE_FUZZ_TARGET(connection) {
  check_connection(parse_mysql_connection(bytes));
  check_connection(parse_pgsql_connection(bytes));
}
