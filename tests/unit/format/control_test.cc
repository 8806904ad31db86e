#include "format/control.h"

#include <algorithm>

#include "format/cdb.h"
#include "format/morercpthosts.h"
#include "unit/format/captures.h"
#include "vstate/base/text.h"

namespace vstate {

TEST_CASE("control file: an unchanged file keeps its bytes", "[format][control]") {
  for (const std::string bytes :
       {"", "\n", "a.example", "a.example\n", "# note\n\n  b.example \t\nno newline", "x\n\n\n"})
    CHECK(ControlFile::parse(bytes).bytes() == bytes);
}

TEST_CASE("control file: entries are what control_readfile sees", "[format][control]") {
  const auto file = ControlFile::parse("# note\n\n \t\na.example \t \n b.example\n#c\nd#e");
  CHECK(file.entries() == std::vector<std::string>{"a.example", " b.example", "d#e"});
  CHECK(file.line_count() == 7);
  CHECK(file.has_line("a.example \t "));
  CHECK_FALSE(file.has_line("a.example"));
}

TEST_CASE("control file: sort keys put the last two labels first", "[format][control]") {
  CHECK(vpopmail_sort_key("example.com") == "example.com");
  CHECK(vpopmail_sort_key("sub.example.com") == "example.com.sub");
  CHECK(vpopmail_sort_key("a.sub.example.com") == "example.com.a.sub");
  CHECK(vpopmail_sort_key("a.b.c.example.com") == "example.com.a.b.c");
  CHECK(vpopmail_sort_key("localhost") == "localhost");
  CHECK(vpopmail_sort_key(".wild.example") == "wild.example");
  CHECK(vpopmail_sort_key("") == "");
  CHECK(vpopmail_sort_key("+") == "");
  CHECK(vpopmail_sort_key("sub.example.com:sub.example.com") == "example.com.sub");
  CHECK(vpopmail_sort_key("+sub.example.com-:x:1:1:/:-::") == "example.com.sub");
}

TEST_CASE("control file: a line goes before the first greater key", "[format][control]") {
  auto file = ControlFile::parse("a.example\nc.example\nexample.org\n");
  CHECK(file.insert_sorted("b.example"));
  CHECK(file.insert_sorted("z.a.example"));
  CHECK(file.insert_sorted("zzz.zzz"));
  CHECK(file.bytes() == "a.example\nz.a.example\nb.example\nc.example\nexample.org\nzzz.zzz\n");
  SECTION("an equal line is not written twice") {
    const auto before = file.bytes();
    CHECK_FALSE(file.insert_sorted("b.example"));
    CHECK(file.bytes() == before);
  }
  SECTION("a file out of order keeps its order") {
    auto unordered = ControlFile::parse("# two\nz.example\n# one\na.example");
    CHECK(unordered.insert_sorted("m.example"));
    CHECK(unordered.bytes() == "# two\nm.example\nz.example\n# one\na.example\n");
  }
  SECTION("an empty file gets its first line") {
    auto empty = ControlFile::parse("");
    CHECK(empty.insert_sorted("m.example"));
    CHECK(empty.bytes() == "m.example\n");
  }
}

TEST_CASE("control file: removal takes every equal line and no other", "[format][control]") {
  auto file = ControlFile::parse("a.example\nA.example\na.example \na.example\nlast");
  CHECK(file.remove("a.example"));
  CHECK(file.bytes() == "A.example\na.example \nlast\n");
  CHECK_FALSE(file.remove("a.example"));
}

TEST_CASE("virtual_user: the last line for a domain is in force", "[format][control]") {
  const auto file = ControlFile::parse(
      "a.example:first\nA.EXAMPLE:second \nremote.example:\nno-colon.example\n"
      ".wild.example:w\nuser@a.example:u\nb.example:x:y\n#c.example:c\n");
  CHECK(virtual_user(file, "a.example") == "second");
  CHECK(virtual_user(file, "A.Example") == "second");
  CHECK(virtual_user(file, "remote.example") == "");
  CHECK(virtual_user(file, "b.example") == "x:y");
  CHECK_FALSE(virtual_user(file, "no-colon.example"));
  CHECK_FALSE(virtual_user(file, "sub.wild.example"));
  CHECK_FALSE(virtual_user(file, "c.example"));
}

TEST_CASE("morercpthosts: records are the entries in lower case without data", "[format][cdb]") {
  const auto file = ControlFile::parse("# more\nB.example \n\n.a.example\n");
  CHECK(morercpthosts_records(file) == cdb::Records{{"b.example", ""}, {".a.example", ""}});
}

TEST_CASE("control file: vpopmail's files are in the order of our keys",
          "[format][control][capture]") {
  SKIP_WITHOUT_CAPTURES();
  for (const auto& server : test::captured_servers())
    for (const auto* name : {"rcpthosts", "morercpthosts", "virtualdomains"}) {
      const auto path = server.qmail / "control" / name;
      if (!std::filesystem::exists(path)) continue;
      INFO(path.string());
      const auto bytes = test::read_bytes(path);
      const auto file = ControlFile::parse(bytes);
      CHECK(file.bytes() == bytes);
      for (const auto& line : file.lines()) {
        INFO(line);
        auto without = file;
        REQUIRE(without.remove(line));
        REQUIRE(without.insert_sorted(line));
        CHECK(without.bytes() == bytes);
      }
    }
}

TEST_CASE("morercpthosts: the captured cdb holds the records of the text", "[format][capture]") {
  SKIP_WITHOUT_CAPTURES();
  const auto control = test::captured_servers()[1].qmail / "control";
  const auto text = ControlFile::parse(test::read_bytes(control / "morercpthosts"));
  const auto bytes = test::read_bytes(control / "morercpthosts.cdb");
  CHECK(cdb::write(morercpthosts_records(text)) == bytes);
}

}  // namespace vstate
