#include "format/line_edits.h"

#include <algorithm>
#include <random>

#include "support/catch.h"
#include "vstate/base/text.h"

namespace vstate {

namespace {

std::string random_file(std::mt19937& random) {
  std::string bytes;
  const auto lines = random() % 8;
  // Few different lines, so that neighbours and lines repeat.
  for (unsigned i = 0; i < lines; ++i) bytes += std::string(1, "ab#\t"[random() % 4]) + "\n";
  if (!bytes.empty() && random() % 3 == 0) bytes.pop_back();
  return bytes;
}

std::vector<LineEdit> random_edits(EditableLines& lines, std::mt19937& random) {
  std::vector<LineEdit> edits;
  for (auto left = random() % 6; left > 0; --left) {
    const auto count = lines.all().size();
    if (count > 0 && random() % 2 == 0)
      edits.push_back(lines.remove(random() % count));
    else
      edits.push_back(lines.insert(random() % (count + 1), "new"));
  }
  return edits;
}

}  // namespace

TEST_CASE("line edits: an unchanged file keeps its bytes", "[format][line_edits]") {
  for (const std::string bytes : {"", "\n", "a", "a\n", "a\n\nb", "\n\n"})
    CHECK(EditableLines::parse(bytes).bytes() == bytes);
}

TEST_CASE("line edits: taken back, they leave the bytes from before", "[format][line_edits]") {
  std::mt19937 random(1);
  for (int round = 0; round < 5000; ++round) {
    const auto before = random_file(random);
    INFO("file: " << visible(before));
    auto lines = EditableLines::parse(before);
    auto edits = random_edits(lines, random);
    // What is read again has the same bytes, and nothing else is remembered.
    auto again = EditableLines::parse(lines.bytes());
    std::reverse(edits.begin(), edits.end());
    for (const auto& edit : edits) REQUIRE(again.take_back(edit));
    REQUIRE(again.bytes() == before);
  }
}

TEST_CASE("line edits: two that were made one after the other can be taken back in either order",
          "[format][line_edits]") {
  const std::string before = "one\ntwo\nthree\nfour\n";
  for (const bool is_first_first : {true, false}) {
    auto lines = EditableLines::parse(before);
    const auto first = lines.remove(1), second = lines.remove(1);
    CHECK(lines.bytes() == "one\nfour\n");
    CHECK(lines.take_back(is_first_first ? first : second));
    CHECK(lines.take_back(is_first_first ? second : first));
    CHECK(lines.bytes() == before);
  }
}

TEST_CASE("line edits: what others changed stays", "[format][line_edits]") {
  auto lines = EditableLines::parse("a\nb\nc\n");
  const auto removed = lines.remove(1);
  const auto added = lines.append("d");
  auto later = EditableLines::parse("# new\nx\n" + lines.bytes() + "y\n");
  CHECK(later.take_back(added));
  CHECK(later.take_back(removed));
  CHECK(later.bytes() == "# new\nx\na\nb\nc\ny\n");
  CHECK_FALSE(later.take_back(added));
}

}  // namespace vstate
