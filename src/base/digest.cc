// Digests by OpenSSL. They are taken of every message's name and of every value that the ledger
// remembers, so what can be set up once is kept. A failure of the library means a broken build or
// no memory, and ends the program: a wrong digest would pass for another content.

#include "vstate/base/digest.h"

#include <sys/auxv.h>

#include <atomic>

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "base/number_bytes.h"
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

// A fixed width, whatever the machine, keeps digests equal on both servers.
void Sha256::update_little_endian(std::uint64_t number) {
  std::string bytes;
  append_little_endian(bytes, number);
  update(bytes);
}

Sha256::Value Sha256::finish() {
  Value value{};
  VSTATE_ASSERT(EVP_DigestFinal_ex(context_.get(), value.data(), nullptr) == 1);
  // Without an algorithm the call starts anew with the one that is set already.
  VSTATE_ASSERT(EVP_DigestInit_ex(context_.get(), nullptr, nullptr) == 1);
  return value;
}

std::string Sha256::finish_hex() { return to_hex(finish()); }

std::string_view view_of(const Sha256::Value& value) {
  return {reinterpret_cast<const char*>(value.data()), value.size()};
}

std::string to_hex(const Sha256::Value& value) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  out.reserve(2 * value.size());
  for (const auto byte : value) {
    out.push_back(digits[byte >> 4U]);
    out.push_back(digits[byte & 0xFU]);
  }
  return out;
}

std::uint64_t short_digest(std::string_view bytes) {
  // To set up a digest costs more than to take one of a name, and this is called for every message.
  thread_local Sha256 sha;
  sha.update(bytes);
  return from_big_endian(view_of(sha.finish()));
}

std::uint64_t short_digest_of(Sha256& sha) { return from_big_endian(view_of(sha.finish())); }

std::string sha256_hex(std::string_view bytes) {
  Sha256 digest;
  digest.update(bytes);
  return digest.finish_hex();
}

namespace {

/// One key after another: to set a key up takes longer than to digest a value with it.
class Hmac {
 public:
  Hmac() : mac_(EVP_MAC_fetch(nullptr, "HMAC", nullptr)), context_(EVP_MAC_CTX_new(mac_)) {
    VSTATE_ASSERT(context_ != nullptr);
  }
  ~Hmac() {
    EVP_MAC_CTX_free(context_);
    EVP_MAC_free(mac_);
  }
  Hmac(const Hmac&) = delete;
  Hmac& operator=(const Hmac&) = delete;

  Sha256::Value digest(std::string_view key, std::string_view bytes) {
    const auto as_bytes = [](std::string_view text) {
      return reinterpret_cast<const unsigned char*>(text.data());
    };
    // Without a key the call starts a new value with the one that is set up already.
    if (has_key_ && key == key_) {
      VSTATE_ASSERT(EVP_MAC_init(context_, nullptr, 0, nullptr) == 1);
    } else {
      std::string name = "SHA256";
      // The library only reads the parameters during the call, so a text of this block may stand in
      // them.
      const std::array<OSSL_PARAM, 2> parameters{
          OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name.data(), 0),
          OSSL_PARAM_construct_end()};
      VSTATE_ASSERT(EVP_MAC_init(context_, as_bytes(key), key.size(), parameters.data()) == 1);
      key_ = key;
      has_key_ = true;
    }
    Sha256::Value value{};
    std::size_t size = 0;
    VSTATE_ASSERT(EVP_MAC_update(context_, as_bytes(bytes), bytes.size()) == 1);
    VSTATE_ASSERT(EVP_MAC_final(context_, value.data(), &size, value.size()) == 1);
    return value;
  }

 private:
  EVP_MAC* mac_;
  EVP_MAC_CTX* context_;
  std::string key_;
  bool has_key_ = false;
};

}  // namespace

std::string hmac_sha256(std::string_view key, std::string_view bytes) {
  // A context must not be used by two threads at once; mailboxes are compared in several.
  thread_local Hmac hmac;
  const auto value = hmac.digest(key, bytes);
  return {value.begin(), value.end()};
}

namespace {

/// Made of the 16 bytes that the kernel gives each program at its start, for itself alone.
std::string random_bytes_of_start(std::size_t count) {
  constexpr std::size_t given = 16;
  static std::atomic<unsigned> used = 0;
  const auto* start = reinterpret_cast<const char*>(getauxval(AT_RANDOM));
  // A key that can be guessed would be worse than no run, so a failure is no error to go on from.
  VSTATE_ASSERT(start != nullptr);
  std::string bytes;
  while (bytes.size() < count) bytes += hmac_sha256({start, given}, fmt::format("{}", used++));
  bytes.resize(count);
  return bytes;
}

}  // namespace

std::string random_bytes(std::size_t count) {
  std::string bytes(count, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) == 1)
    return bytes;
  // There is neither getrandom(2), which came with Linux 3.17, nor /dev/urandom, as in a root that
  // holds nothing but a copied server.
  return random_bytes_of_start(count);
}

}  // namespace vstate
