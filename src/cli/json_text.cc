#include "cli/json_text.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "vstate/base/text.h"

namespace vstate::cli {

namespace {

/// Characters above U+FFFF are two of UTF-16.
std::string escaped(char32_t c) {
  constexpr char32_t first_of_two = 0x10000, high = 0xD800, low = 0xDC00, bits = 0x3FF;
  const auto number = [](char32_t unit) {
    return fmt::format("\\u{:04x}", static_cast<unsigned>(unit));
  };
  if (c < first_of_two) return number(c);
  const auto rest = c - first_of_two;
  return number(high + (rest >> 10U)) + number(low + (rest & bits));
}

}  // namespace

std::string to_json_text(const nlohmann::ordered_json& json, int indent) {
  using Json = nlohmann::ordered_json;
  const auto text = json.dump(indent, ' ', false, Json::error_handler_t::replace);
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const auto character = std::string_view(text).substr(at, utf8_length(text, at));
    // Below, JSON has escaped what need be.
    if (const auto c = code_point(character); c >= 0x7F && !is_seen(c))
      out += escaped(c);
    else
      out += character;
    at += character.size();
  }
  return out;
}

}  // namespace vstate::cli
