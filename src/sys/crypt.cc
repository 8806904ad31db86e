#include "sys/crypt.h"

#include <crypt.h>

#include <memory>

namespace vstate {

namespace {

std::string run_crypt(const std::string& password, const std::string& setting) {
  // The structure is 32 KiB: too large for a thread's stack to be asked for it again and again.
  const auto data = std::make_unique<crypt_data>();
  const char* result = crypt_rn(password.c_str(), setting.c_str(), data.get(), sizeof *data);
  return result == nullptr ? std::string() : std::string(result);
}

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

bool crypt_matches(const std::string& password, const std::string& hash) {
  const auto setting = without_scheme(hash);
  const auto result = run_crypt(password, setting);
  return !result.empty() && result.front() != '*' && result == setting;
}

}  // namespace vstate
