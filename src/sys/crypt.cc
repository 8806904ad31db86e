#include "sys/crypt.h"

#include <crypt.h>

namespace vstate {

namespace {

std::string without_scheme(const std::string& hash) {
  const auto end = !hash.empty() && hash.front() == '{' ? hash.find('}') : std::string::npos;
  return end == std::string::npos ? hash : hash.substr(end + 1);
}

}  // namespace

bool crypt_accepts(const std::string& hash) {
  const auto setting = without_scheme(hash);
  // crypt(3) computes the whole hash to answer; checking the salt is what costs nothing, and is
  // offered where the setting is well formed.
  if (setting.empty()) return false;
  const int known = crypt_checksalt(setting.c_str());
  return known != CRYPT_SALT_INVALID && known != CRYPT_SALT_METHOD_DISABLED;
}

}  // namespace vstate
