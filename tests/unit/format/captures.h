/// \file
/// Data of real servers, for tests that compare with it: the captures of tests/data/captures, which
/// cmake/captures.sh unpacks below the directory that VSTATE_CAPTURES names.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "support/catch.h"

namespace vstate::test {

inline std::filesystem::path capture_directory() {
  const char* directory = std::getenv("VSTATE_CAPTURES");
  return directory == nullptr ? std::filesystem::path() : std::filesystem::path(directory);
}

inline std::string read_bytes(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  INFO(path.string());
  REQUIRE(in.good());
  std::string out(std::filesystem::file_size(path), '\0');
  in.read(out.data(), static_cast<std::streamsize>(out.size()));
  REQUIRE(in.good());
  return out;
}

/// qmail's directory of a capture, and vpopmail's.
struct CapturedServer {
  std::filesystem::path qmail;
  std::filesystem::path vpopmail;
};

inline std::vector<CapturedServer> captured_servers() {
  const auto five_four = capture_directory() / "vp54-cdb/opt/real";
  const auto five_six = capture_directory() / "vp56-cdb/opt/real";
  return {{five_four / "q54", five_four / "vp54"}, {five_six / "q56", five_six / "vp56"}};
}

/// All files with this name in the domains of the cdb captures.
inline std::vector<std::filesystem::path> captured_files(std::string_view name) {
  std::vector<std::filesystem::path> out;
  for (const auto& server : captured_servers())
    for (const auto& entry : std::filesystem::recursive_directory_iterator(server.vpopmail))
      if (entry.is_regular_file() && entry.path().filename() == name) out.push_back(entry.path());
  return out;
}

/// Gives `use` every prefix of `bytes`, and `bytes` with each byte flipped in two ways.
template <class Use>
void for_each_damage(const std::string& bytes, Use use) {
  for (std::size_t length = 0; length < bytes.size(); ++length) use(bytes.substr(0, length));
  for (std::size_t at = 0; at < bytes.size(); ++at)
    for (const int mask : {0x01, 0xFF}) {
      auto damaged = bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ mask);
      use(damaged);
    }
}

}  // namespace vstate::test

#define SKIP_WITHOUT_CAPTURES() \
  if (vstate::test::capture_directory().empty()) SKIP("VSTATE_CAPTURES is not set")
