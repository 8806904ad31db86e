#include "vstate/base/digest.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "vstate/base/result.h"

namespace vstate {

namespace {

/// Looked up once: the library takes longer to find the algorithm than to digest a name.
const EVP_MD* algorithm() {
  static const EVP_MD* const fetched = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  VSTATE_ASSERT(fetched != nullptr);
  return fetched;
}

}  // namespace

void Sha256::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  VSTATE_ASSERT(EVP_DigestInit_ex(context_.get(), algorithm(), nullptr) == 1);
}

void Sha256::update(std::string_view bytes) {
  VSTATE_ASSERT(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
}

void Sha256::update_number(std::uint64_t number) {
  std::array<char, 8> bytes{};
  for (auto& byte : bytes) {
    byte = static_cast<char>(number & 0xFFU);
    number >>= 8U;
  }
  update({bytes.data(), bytes.size()});
}

Sha256::Value Sha256::finish() {
  Value value{};
  VSTATE_ASSERT(EVP_DigestFinal_ex(context_.get(), value.data(), nullptr) == 1);
  VSTATE_ASSERT(EVP_DigestInit_ex(context_.get(), nullptr, nullptr) == 1);
  return value;
}

std::string Sha256::finish_hex() { return to_hex(finish()); }

std::string to_hex(const Sha256::Value& value) {
  std::string out;
  for (const auto byte : value) out += fmt::format("{:02x}", byte);
  return out;
}

std::string sha256_hex(std::string_view bytes) {
  Sha256 digest;
  digest.update(bytes);
  return digest.finish_hex();
}

std::string hmac_sha256(std::string_view key, std::string_view bytes) {
  Sha256::Value value{};
  unsigned size = 0;
  VSTATE_ASSERT(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
                     reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
                     value.data(), &size) != nullptr);
  return {value.begin(), value.end()};
}

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  VSTATE_ASSERT(
      RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) == 1);
  return bytes;
}

}  // namespace vstate
