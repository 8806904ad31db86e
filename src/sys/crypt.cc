// A hash travels as it is, so the one thing that can go wrong with it is that the target's libc
// does not know its scheme. The answer comes from the same library that vchkpw asks, which is why
// it is asked for and no table of schemes is kept here.

#include "sys/crypt.h"

#include <crypt.h>

namespace vstate {

namespace {

/// vpopmail 5.6 strips one leading {SCHEME} before it compares; what is behind it is the hash that
/// crypt(3) gets to see.
std::string without_scheme(const std::string& hash) {
  const auto end = !hash.empty() && hash.front() == '{' ? hash.find('}') : std::string::npos;
  return end == std::string::npos ? hash : hash.substr(end + 1);
}

}  // namespace

bool crypt_accepts(const std::string& hash) {
  const auto setting = without_scheme(hash);
  // crypt(3) computes the whole hash to answer; checking the salt is what costs nothing, and is
  // offered where the setting is well formed.
  // An empty hash is an account without a password. crypt_checksalt would be asked about an empty
  // setting, which is no scheme that could be known.
  if (setting.empty()) return false;
  const int known = crypt_checksalt(setting.c_str());
  return known != CRYPT_SALT_INVALID && known != CRYPT_SALT_METHOD_DISABLED;
}

}  // namespace vstate
