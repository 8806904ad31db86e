#include "accounts/said.h"

#include "support/catch.h"

using namespace vstate;
using vstate::test::ContainsSubstring;

namespace {

SaidFor about_al(LineReader reader) {
  SaidFor about;
  about.domain = "x.org";
  about.reader = reader;
  about.person = "Al";
  about.home = "/home/al";
  about.folder_of = [](const std::string& path) -> std::optional<std::string> {
    if (path == "/home/al/Mailbox") return "";
    return path == "/home/al/mail/lists" ? std::optional<std::string>(".lists") : std::nullopt;
  };
  about.included = [](const std::string& path) -> Result<std::optional<std::string>> {
    if (path == "/list") return "one, two\n:include:/list\n";
    return std::nullopt;
  };
  about.has_mailbox = [](const std::string& name) { return name == "al" || name == "bo"; };
  return about;
}

}  // namespace

TEST_CASE("a list of addresses is said in a domain's words", "[accounts]") {
  const auto said = [](std::string_view text, LineReader reader = LineReader::vdelivermail) {
    const auto found = said_in_list(text, about_al(reader));
    REQUIRE(found);
    return *found;
  };
  using Lines = DeliveryLines;
  CHECK(said("").lines.empty());
  CHECK(said(" Bob@Example.org ,joe\r\n# comment\nJoe <a@b>").lines ==
        Lines{"&Bob@Example.org", "&joe@x.org", "&a@b"});
  CHECK(said("\\al, AL").lines == Lines{"./Maildir/"});
  CHECK(said("al, \\bo", LineReader::qmail_local).lines ==
        Lines{"{mailbox:al}/Maildir/", "{mailbox:bo}/Maildir/"});
  CHECK(said("|/bin/x {y}\n\"|/bin/z a, b\"\n|\"/bin/q \\\"w\\\"\"").lines ==
        Lines{"|/bin/x {{y}}", "|/bin/z a, b", "|/bin/q \"w\""});
  CHECK(said("/home/al/Mailbox, /home/al/mail/lists, /home/al/Maildir/.own/").lines ==
        Lines{"./Maildir/", "./Maildir/.lists/", "./Maildir/.own/"});
  CHECK(said("/dev/null").lines == Lines{"# delete"});
  CHECK(said("/dev/null, a@b").lines == Lines{"&a@b"});
  SECTION("or named") {
    for (const std::string text :
         {"/tmp/mbox", "host!al", "a b", ":fail: no", ":include:/none", "\\nobody"}) {
      CAPTURE(text);
      CHECK(said(text).lines.empty());
      CHECK(said(text).left_out.size() == 1);
    }
    CHECK(said("/tmp/mbox", LineReader::qmail_local).lines == Lines{"/tmp/mbox"});
  }
  SECTION("quotes end on their line") {
    for (const std::string text : {"\"|/bin/x\na@b\"", "\"|/bin/x\\\na@b\"", "\"|/bin/x\n\n"}) {
      CAPTURE(text);
      for (const auto& line : said(text).lines) CHECK(line.find('\n') == std::string::npos);
      CHECK(said(text).left_out.size() == 1);
    }
  }
  SECTION("a list that includes itself ends") {
    const auto found = said(":include: /list");
    CHECK(found.lines == Lines{"&one@x.org", "&two@x.org"});
    REQUIRE(found.left_out.size() == 1);
    CHECK_THAT(found.left_out[0], ContainsSubstring("too many levels"));
  }
}

TEST_CASE("a .qmail file is said in a domain's words", "[accounts]") {
  const auto said = [](std::string_view text, LineReader reader = LineReader::vdelivermail) {
    return said_in_dot_qmail(text, about_al(reader)).value().lines;
  };
  using Lines = DeliveryLines;
  CHECK(said("").empty());
  CHECK(said("# nothing\n") == Lines{"# nothing"});
  CHECK(said("# two\n&bo  \n\n./Mailbox\n|x\n") == Lines{"&bo@x.org", "./Maildir/", "|x"});
  // qmail sends to a person's own name, past whom it does not deliver.
  CHECK(said("al\n") == Lines{"&al@x.org"});
  CHECK(said("+list\n./Maildir/\n", LineReader::qmail_local) == Lines{"{mailbox:al}/Maildir/"});
}

TEST_CASE("aliases continue on lines that begin with a blank", "[accounts]") {
  const auto found =
      parse_aliases("  lost\n# comment\na: b,\n\tc\n\n\"q: r\": s\nno colon\n: empty\n");
  REQUIRE(found.entries.size() == 2);
  CHECK(found.entries[0].name == "a");
  CHECK(found.entries[0].list == " b,\n\tc");
  CHECK(found.entries[0].line == 3);
  CHECK(found.entries[1].name == "q: r");
  CHECK(found.problems == std::vector<std::string>{"1: continues nothing",
                                                   "7: has no name and colon",
                                                   "8: has no name and colon"});
}
