#include "vstate/base/text.h"

#include "support/catch.h"

using namespace vstate;

TEST_CASE("control characters of either set are shown and do nothing", "[base]") {
  CHECK(visible("a\nb\x7f") == "a\\x0ab\\x7f");
  CHECK(visible("a\x1b[2Jb") == "a\\x1b[2Jb");
  CHECK(visible("a\xC2\x9B"
                "2Jb") == "a\\xc2\\x9b2Jb");
  CHECK(visible("Müller, 漢字, \xC2\xA0\xC3\x9B") == "Müller, 漢字, \xC2\xA0\xC3\x9B");
}

TEST_CASE("bytes that are no character are shown by number", "[base]") {
  CHECK(visible("\xC2") == "\\xc2");
  CHECK(visible("\x9B"
                "2J") == "\\x9b2J");  // C1 as a terminal of one byte a character knows it
  CHECK(visible("M\xFCller") == "M\\xfcller");
  CHECK(visible("\xED\xA0\x80") == "\\xed\\xa0\\x80");
}

TEST_CASE("what has no width or turns the order of reading is shown by number", "[base]") {
  CHECK(visible("a\xE2\x80\xAE"
                "b") == "a\\xe2\\x80\\xaeb");                    // right-to-left override
  CHECK(visible("a\xE2\x81\xA6") == "a\\xe2\\x81\\xa6");         // left-to-right isolate
  CHECK(visible("a\xE2\x80\x8B") == "a\\xe2\\x80\\x8b");         // zero width space
  CHECK(visible("\xEF\xBB\xBF") == "\\xef\\xbb\\xbf");           // byte order mark
  CHECK(visible("\xE2\x80\xA8") == "\\xe2\\x80\\xa8");           // line separator
  CHECK(visible("\xF3\xA0\x81\x81") == "\\xf3\\xa0\\x81\\x81");  // a tag
  CHECK(visible("\xD8\xB9\xD7\x90 \xF0\x9F\x98\x80") == "\xD8\xB9\xD7\x90 \xF0\x9F\x98\x80");
}

TEST_CASE("what was made visible stays as it is", "[base]") {
  const std::string text = "a\x1b\x9b\xE2\x80\xAE\n";
  CHECK(visible(visible(text)) == visible(text));
}
