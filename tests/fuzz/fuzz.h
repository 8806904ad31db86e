/// \file
/// What a fuzz target is: a function that is given any bytes and must end, with all that it claims
/// by VSTATE_ASSERT. One file in targets/ is one target, called like the file. With the preset
/// `fuzz` each is a program of libFuzzer's; everywhere else all are one program that gives each
/// what is in its corpus.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace vstate::fuzz {

using Target = void (*)(std::string_view bytes);
/// By their names.
[[nodiscard]] std::map<std::string_view, Target>& targets();

struct Registration {
  Registration(std::string_view name, Target target) { targets().emplace(name, target); }
};

/// Takes an input apart, where a target wants more than one text.
class Input {
 public:
  explicit Input(std::string_view bytes) : left_(bytes) {}
  [[nodiscard]] bool is_empty() const { return left_.empty(); }
  /// The next byte; 0 at the end.
  std::uint8_t byte();
  std::uint64_t number();  ///< of the next 8 bytes, as if zeros stood behind the end
  /// The next line, without its end, so that a corpus can be read by people.
  std::string_view line();
  /// All up to the next line that is "%%" alone.
  std::string_view section();
  std::string_view rest();

 private:
  std::string_view left_;
};

/// An unnamed file in memory with some bytes, for what reads files by descriptors or names.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view bytes);
  ~MemoryFile();
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  [[nodiscard]] int descriptor() const { return file_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string bytes() const;

 private:
  int file_;
  std::string path_;
};

}  // namespace vstate::fuzz

#ifdef VSTATE_FUZZ
#define VSTATE_FUZZ_TARGET(name)                                                      \
  static void fuzz_##name(std::string_view bytes);                                    \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);  \
  extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) { \
    fuzz_##name({reinterpret_cast<const char*>(data), size});                         \
    return 0;                                                                         \
  }                                                                                   \
  static void fuzz_##name(std::string_view bytes)
#else
#define VSTATE_FUZZ_TARGET(name)                                                        \
  static void fuzz_##name(std::string_view bytes);                                      \
  static const ::vstate::fuzz::Registration registration_of_##name(#name, fuzz_##name); \
  static void fuzz_##name(std::string_view bytes)
#endif
