#include "view/ruler.h"

#include "support/catch.h"
#include "vstate/base/text.h"

using namespace vstate;
using view::Ruler;

TEST_CASE("columns are those that a terminal takes", "[view]") {
  const Ruler ruler("C.UTF-8");
  CHECK(ruler.columns("") == 0);
  CHECK(ruler.columns("alice") == 5);
  CHECK(ruler.columns("Müller") == 6);
  CHECK(ruler.columns("漢字") == 4);
  CHECK(ruler.columns("e\xCC\x81t\xCC\x81") == 2);  // combining accents
  CHECK(ruler.columns("\xF0\x9F\x98\x80") == 2);    // beyond the first plane
  CHECK(ruler.columns("a\xE4z") == 3);              // no UTF-8
  CHECK(ruler.columns("\xE6\xBC") == 2);            // the beginning of a character
  CHECK(ruler.columns("\xF3\xBF\xBF\xBE") == 1);    // no character
}

TEST_CASE("what a locale cannot show takes one column", "[view]") {
  const Ruler ruler("C");
  CHECK(ruler.columns("漢字") == 2);
  CHECK(ruler.columns("alice") == 5);
}

TEST_CASE("an unknown locale is taken for one of UTF-8", "[view]") {
  CHECK(Ruler("no such locale").columns("漢字") == 4);
}

TEST_CASE("padding counts columns", "[view]") {
  const Ruler ruler("C.UTF-8");
  CHECK(ruler.padded("漢字", 6) == "漢字  ");
  CHECK(ruler.padded("漢字", 3) == "漢字");
}

TEST_CASE("a cut text has its mark within the width", "[view]") {
  const Ruler ruler("C.UTF-8");
  CHECK(ruler.cut("alice", 5, "…") == "alice");
  CHECK(ruler.cut("alice and bob", 6, "…") == "alice…");
  CHECK(ruler.cut("alice and bob", 7, "…") == "alice…");
  CHECK(ruler.cut("alice and bob", 8, "...") == "alice...");
  // Half of a wide character is not shown.
  CHECK(ruler.cut("漢字漢字", 6, "…") == "漢字…");
  CHECK(ruler.cut("漢字漢字", 7, "…") == "漢字漢…");
  // An accent stays on its letter.
  CHECK(ruler.cut("e\xCC\x81t\xCC\x81"
                  "abc",
                  3, "…") == "e\xCC\x81t\xCC\x81…");
  CHECK(ruler.cut("alice", 2, "...") == "al");
}

TEST_CASE("folded lines are no wider than the terminal and lose no word", "[view]") {
  const Ruler ruler("C.UTF-8");
  CHECK(ruler.folded("one two three", 0, 2) == "one two three");
  CHECK(ruler.folded("one two three", 13, 2) == "one two three");
  CHECK(ruler.folded("one two three", 12, 2) == "one two\n  three");
  CHECK(ruler.folded("one two three", 7, 2) == "one two\n  three");
  CHECK(ruler.folded("    one two three", 8, 4) == "    one\n    two\n    thre\n    e");
  CHECK(ruler.folded("abcdefghij", 4, 1) == "abcd\n efg\n hij");
  CHECK(ruler.folded("漢字漢字", 5, 1) == "漢字\n 漢字");
  CHECK(ruler.folded("one     two", 5, 1) == "one\n two");
  CHECK(ruler.folded("one     ", 5, 1) == "one");
}
