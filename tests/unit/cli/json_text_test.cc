#include "cli/json_text.h"

#include <nlohmann/json.hpp>

#include "support/catch.h"

using namespace vstate::cli;

TEST_CASE("JSON is valid whatever stands in it, and steers nothing", "[cli]") {
  CHECK(to_json_text({{"a", "Größe 漢 😀"}}) == "{\"a\":\"Größe 漢 😀\"}");
  CHECK(to_json_text({{"a", "\x1b[2J\x7f"}}) == "{\"a\":\"\\u001b[2J\\u007f\"}");
  CHECK(to_json_text({{"a", "\xC2\x9B\xE2\x80\xAE"}}) == "{\"a\":\"\\u009b\\u202e\"}");
  CHECK(to_json_text({{"a", "\xF3\xA0\x81\x81"}}) == "{\"a\":\"\\udb40\\udc41\"}");
  CHECK(to_json_text({{"a", "x\xFFy"}}) == "{\"a\":\"x\xEF\xBF\xBDy\"}");
  const nlohmann::ordered_json hidden{{"\xE2\x80\xAE", "\xF3\xA0\x81\x81"}};
  CHECK(nlohmann::ordered_json::parse(to_json_text(hidden, 2)) == hidden);
}
