#include "remote/ssh/heard_text.h"

#include "support/catch.h"

using namespace vstate::remote;

TEST_CASE("what an ssh says keeps its lines and steers nothing", "[remote]") {
  HeardText heard;
  CHECK(heard.take("one\r\ntwo\x1b[2J\n") == "one\ntwo\\x1b[2J\n");
  CHECK(heard.take("a\rb\n") == "a\\x0db\n");
  CHECK(heard.take("\n\n") == "\n\n");
  CHECK(heard.rest().empty());
}

TEST_CASE("a question is heard before its line ends", "[remote]") {
  HeardText heard;
  CHECK(heard.take("password: ") == "password: ");
  CHECK(heard.take("\r").empty());
  CHECK(heard.take("\nnext") == "\nnext");
}

TEST_CASE("a character that comes in two parts is one", "[remote]") {
  const std::string text = "Größe, 漢字, 😀\n";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    HeardText heard;
    const auto first = heard.take(text.substr(0, cut));
    CHECK(first + heard.take(text.substr(cut)) == text);
  }
}

TEST_CASE("half a character at the end is shown by number", "[remote]") {
  HeardText heard;
  CHECK(heard.take("a\xE6\xBC") == "a");
  CHECK(heard.rest() == "\\xe6\\xbc");
  CHECK(heard.rest().empty());
}
