/// \file
/// SHA-256 over a stream of bytes, and what is made of it (OpenSSL's).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace vstate {

class Sha256 {
 public:
  using Value = std::array<std::uint8_t, 32>;

  Sha256();
  void update(std::string_view bytes);
  /// Takes in 8 bytes, the lowest first: lengths and numbers enter a digest without ambiguity.
  void update_little_endian(std::uint64_t);
  /// The digest of all bytes so far; afterwards the object starts anew.
  Value finish();
  /// The same in 64 lower-case hexadecimal digits.
  std::string finish_hex();

 private:
  struct Free {
    void operator()(evp_md_ctx_st*) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

/// The digest's 32 bytes as a text that refers to it.
[[nodiscard]] std::string_view view_of(const Sha256::Value&);
[[nodiscard]] std::string to_hex(const Sha256::Value&);
[[nodiscard]] std::string sha256_hex(std::string_view bytes);
/// 64 bits of SHA-256, which is enough for a text that is only ever compared with itself.
[[nodiscard]] std::uint64_t short_digest(std::string_view bytes);
/// The same for what `sha` has taken in so far; it starts anew.
[[nodiscard]] std::uint64_t short_digest_of(Sha256& sha);
/// HMAC with SHA-256, 32 bytes: a digest that says nothing to those who do not have the key.
[[nodiscard]] std::string hmac_sha256(std::string_view key, std::string_view bytes);
/// Bytes that nobody can guess, from the kernel.
[[nodiscard]] std::string random_bytes(std::size_t count);

}  // namespace vstate
