#include "vstate/base/text.h"

#include "support/catch.h"

using namespace vstate;

TEST_CASE("control characters of either set are shown and do nothing", "[base]") {
  CHECK(visible("a\nb\x7f") == "a\\x0ab\\x7f");
  CHECK(visible("a\x1b[2Jb") == "a\\x1b[2Jb");
  CHECK(visible("a\xC2\x9B"
                "2Jb") == "a\\xc2\\x9b2Jb");
  CHECK(visible("Müller, 漢字, \xC2\xA0\xC3\x9B") == "Müller, 漢字, \xC2\xA0\xC3\x9B");
  CHECK(visible("\xC2") == "\xC2");  // no character
}
