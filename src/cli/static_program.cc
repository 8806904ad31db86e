// A library that a static program loads brings the machine's C library with it, of another version
// than the program's own, and the two do not get on. So what would load one is told not to: the
// name service knows files and the DNS by itself, and OpenSSL has all that is used here.

#include "cli/static_program.h"

#include <nss.h>

#include <initializer_list>

#include <openssl/crypto.h>

namespace vstate::cli {

void load_no_libraries() {
  for (const char* database : {"passwd", "group", "services", "protocols", "networks"})
    __nss_configure_lookup(database, "files");
  __nss_configure_lookup("hosts", "files dns");
  // The machine's openssl.cnf may name modules.
  OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
}

}  // namespace vstate::cli
