/// \file
/// Catch2, version 2 or 3, under one name.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
namespace vstate::test {
using Catch::Matchers::ContainsSubstring;
}
#else
#include <catch2/catch.hpp>
namespace vstate::test {
inline auto ContainsSubstring(const std::string& part) { return Catch::Matchers::Contains(part); }
}  // namespace vstate::test
   /// Version 2 cannot skip at run time: the reason is printed where it is seen, and the case ends.
#define SKIP(reason)             \
  do {                           \
    WARN("skipped: " << reason); \
    SUCCEED();                   \
    return;                      \
  } while (false)
#endif
