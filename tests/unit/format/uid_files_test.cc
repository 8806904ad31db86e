#include "format/imap/uid_files.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <rapidcheck.h>

#include "unit/format/captures.h"
#include "vstate/base/text.h"

namespace vstate::uid_files {

namespace {

using Names = std::vector<std::string>;

// As Debian 12's courier-imap 5.0.13 and courier-pop 1.0.16 wrote them.
constexpr std::string_view k_uids =
    "1 795544217 3\n"
    "1 1700000001.M1.host\n"
    "2 1700000002.M2.host,S=19\n";
constexpr std::string_view k_pop3 =
    "/3 3 1795544214\n"
    "1700000001.M1.host:2, 21 1:1795544214:0\n"
    "1700000002.M2.host,S=19:2, 21 2:1795544214:0\n";
constexpr std::string_view k_list =
    "Work\n"
    "$Label1\n"
    "\n"
    "1700000001.M1.host:1 0\n";

Names texts_of(const Problems& problems) {
  Names out;
  for (const auto& problem : problems) out.push_back(to_text(problem));
  return out;
}

/// The line of dovecot-uidlist for a UID, without it.
std::string line_of(const std::string& uidlist, std::uint32_t uid) {
  const auto start = fmt::format("{} ", uid);
  const auto lines = split_lines(uidlist);
  for (const auto line : std::vector(lines.begin() + 1, lines.end()))
    if (line.starts_with(start)) return std::string(line.substr(start.size()));
  return {};
}

CourierFolder inbox() {
  CourierFolder out;
  out.uids = k_uids;
  out.pop3 = k_pop3;
  out.keyword_list = k_list;
  out.names = {"1700000001.M1.host:2,S", "1700000002.M2.host,S=19:2,"};
  out.identity = "example.com/alice";
  return out;
}

}  // namespace

TEST_CASE("courierimapuiddb: what imapd writes", "[format][uid]") {
  const auto read = parse_courier_uids(k_uids);
  REQUIRE(read);
  CHECK(read->validity == 795544217U);
  CHECK(read->next == 3U);
  CHECK(read->messages == std::vector<CourierUids::Message>{{1, "1700000001.M1.host"},
                                                            {2, "1700000002.M2.host,S=19"}});
  CHECK(read->problems.empty());
  const auto empty = parse_courier_uids("1 795544218 1\n");
  REQUIRE(empty);
  CHECK(empty->messages.empty());
  CHECK(empty->next == 1U);
}

TEST_CASE("courierimapuiddb: a header that imapd does not take is an error", "[format][uid]") {
  for (const auto* text :
       {"", "\n", "2 1 1\n", "1 1\n", "1 0 1\n", "1 1 0\n", "1 4294967296 1\n",
        "1 18446744072709551615 1\n", "1 x 1\n", "1 a.b\n", "/3 3 1795544214\n"}) {
    INFO(text);
    const auto read = parse_courier_uids(text);
    REQUIRE_FALSE(read);
    CHECK(read.error().code == Errc::invalid);
    CHECK_THAT(read.error().message, test::ContainsSubstring("line 1: "));
  }
}

TEST_CASE("courierimapuiddb: other lines are named by their number", "[format][uid]") {
  const auto read =
      parse_courier_uids("1 7 3\n1 a\nx b\n0 c\n5\n5 \n2 b/c\n4294967295 d\n1 e\n9 a\n8 f g");
  REQUIRE(read);
  CHECK(read->messages == std::vector<CourierUids::Message>{{1, "a"}, {8, "f g"}});
  CHECK(read->next == 10U);
  std::vector<std::size_t> lines;
  for (const auto& problem : read->problems) lines.push_back(problem.line);
  CHECK(lines == std::vector<std::size_t>{3, 4, 5, 6, 7, 8, 9, 10});
  CHECK(to_text(read->problems.front()) == "courierimapuiddb: line 3: \"UID NAME\" expected: x b");
}

TEST_CASE("courierpop3dsizelist: the four versions, and the UIDL of each", "[format][uid]") {
  struct Row {
    std::string text, uidl;
    unsigned version;
  };
  for (const auto& row :
       {Row{"a b+\"c'.\xc3\xbc:2,S 21\n", "a+20b+2B+22c+27.+C3+BC", 0},
        Row{"/1 5\na:2, 21 4\n", "UID4", 1}, Row{"/2 5 99\na:2, 21 4:88\n", "UID4-88", 2},
        Row{"/2 5 99\na:2, 21 4\n", "UID4", 2}, Row{"/2 5 99\na:2, 21 0:0\n", "a", 2},
        Row{"/3 5 99\na:2, 21 4:88:1\n", "UID4-88", 3},
        Row{"/3 5 99\na:2, 21 4:88\n", "UID4-88", 3}}) {
    INFO(row.text);
    const auto read = parse_courier_pop3(row.text);
    REQUIRE(read);
    CHECK(read->version == row.version);
    CHECK(read->problems.empty());
    REQUIRE(read->messages.size() == 1);
    CHECK(read->messages[0].size == 21U);
    CHECK(courier_uidl(read->messages[0]) == row.uidl);
  }
  const auto read = parse_courier_pop3(k_pop3);
  REQUIRE(read);
  CHECK(read->validity == 1795544214U);
  CHECK(read->next == 3U);
  CHECK(read->messages[1].name == "1700000002.M2.host,S=19");
}

TEST_CASE("courierpop3dsizelist: what pop3d does not read is named", "[format][uid]") {
  CHECK_FALSE(parse_courier_pop3("/4 1 1\n"));
  CHECK_FALSE(parse_courier_pop3("/x\n"));
  CHECK_FALSE(parse_courier_pop3("/2\n"));
  CHECK(parse_courier_pop3("")->messages.empty());
  const auto read = parse_courier_pop3(
      "/3 5 9\na 1 2:9:0\nb 2:9:0\nc 1 x:9:0\nd 1 2\n 1 3:9:0\na 1 4:9:0\ne 1 5");
  REQUIRE(read);
  CHECK(read->messages.size() == 1);
  std::vector<std::size_t> lines;
  for (const auto& problem : read->problems) lines.push_back(problem.line);
  CHECK(lines == std::vector<std::size_t>{3, 4, 5, 6, 7, 8});
}

TEST_CASE("courierimapkeywords: the list, and newer files of single messages", "[format][uid]") {
  const auto read = parse_courier_keywords(k_list, {});
  CHECK(read.problems.empty());
  CHECK(read.messages == std::map<std::string, Names>{{"1700000001.M1.host", {"$Label1", "Work"}}});
  const auto updated =
      parse_courier_keywords("one\ntwo\n\na:0 1\nb:0\nc:1\nd:0\n", {{"a", "three\n"},
                                                                    {".7.a", "old\n"},
                                                                    {".9.b", "four\n"},
                                                                    {".10.b", "five\nONE\n"},
                                                                    {".tmp.123.c", "temporary\n"},
                                                                    {".0.c", "no number\n"},
                                                                    {"d", ""}});
  CHECK(updated.problems.empty());
  CHECK(updated.messages ==
        std::map<std::string, Names>{{"a", {"three"}}, {"b", {"five", "one"}}, {"c", {"two"}}});
}

TEST_CASE("courierimapkeywords: bytes that IMAP refuses are shown as imapd does", "[format][uid]") {
  const auto read = parse_courier_keywords("a b(c)\n\nm:0\n", {{"n", "x\\y]\n\n"}});
  CHECK(read.messages == std::map<std::string, Names>{{"m", {"a_b_c_"}}, {"n", {"x_y_"}}});
  CHECK(texts_of(parse_courier_keywords("k\n\nm:0 1 x\nno colon\n:0\n", {}).problems) ==
        Names{"courierimapkeywords/:list: line 3: no keyword has the index 1",
              "courierimapkeywords/:list: line 3: no keyword has the index x",
              "courierimapkeywords/:list: line 4: \"NAME:INDEX…\" expected: no colon",
              "courierimapkeywords/:list: line 5: \"NAME:INDEX…\" expected: :0"});
}

TEST_CASE("dovecot-uidlist: what Dovecot writes", "[format][uid]") {
  const std::string text =
      "3 V1700000000 N8 G0123456789abcdef0123456789abcdef Xnew\n"
      "1 W2048 :1.a.h\n"
      "5 PUID1-99 O2 :2.a.h,S=5\n"
      "7 :name of blanks: and: colons\n";
  const auto read = parse_dovecot_uids(text);
  REQUIRE(read);
  CHECK(read->validity == 1700000000U);
  CHECK(read->next == 8U);
  CHECK(read->guid == "0123456789abcdef0123456789abcdef");
  CHECK(read->others == Names{"Xnew"});
  REQUIRE(read->messages.size() == 3);
  CHECK(read->messages[1].field('P') == "UID1-99");
  CHECK(read->messages[1].field('O') == "2");
  CHECK_FALSE(read->messages[0].field('P'));
  CHECK(read->messages[2].name == "name of blanks");
  CHECK(read->problems.empty());
  CHECK(dovecot_uids_text(*read) == replace_all(text, ": and: colons", ""));
}

TEST_CASE("dovecot-uidlist: version 1, lines that came later, and what is no line",
          "[format][uid]") {
  const auto old = parse_dovecot_uids("1 5 3\n1 a\n2 b:2,S\n");
  REQUIRE(old);
  CHECK(dovecot_uids_text(*old) == "3 V5 N3\n1 :a\n2 :b\n");
  const auto later = parse_dovecot_uids("3 V5 N3\n1 :a\n2 :b\n4 :a\n");
  REQUIRE(later);
  CHECK(dovecot_uids_text(*later) == "3 V5 N5\n2 :b\n4 :a\n");
  const auto broken = parse_dovecot_uids("3 V5 N3\n2 :a\n1 :b\nx :c\n3 w :d\n3 :\n3 P\n3 :a/b\n");
  REQUIRE(broken);
  CHECK(broken->messages.size() == 1);
  CHECK(broken->problems.size() == 6);
  for (const auto* text : {"", "2 5 3\n", "3 V5\n", "3 N5\n", "3 V0 N1\n", "3 V1 N0\n",
                           "3 V1 N1 Gabc\n", "3 Vx N1\n", "1 5\n"}) {
    INFO(text);
    CHECK_FALSE(parse_dovecot_uids(text));
  }
}

TEST_CASE("dovecot-keywords: index and name", "[format][uid]") {
  const auto read = parse_dovecot_keywords("0 $Label1\n25 x y\n");
  CHECK(read.problems.empty());
  CHECK(read.names[0] == "$Label1");
  CHECK(read.names[25] == "x y");
  CHECK(dovecot_keywords_text(read.names) == "0 $Label1\n25 x y\n");
  CHECK(parse_dovecot_keywords("26 a\nx b\n1\n2 \n3 c\n4 C\n").problems.size() == 5);
  CHECK(dovecot_keywords_text({}).empty());
}

TEST_CASE("keywords: letters of one server in those of another", "[format][uid]") {
  const auto from = parse_dovecot_keywords("0 Work\n1 Private\n3 $Label1\n").names;
  auto to = parse_dovecot_keywords("0 $label1\n2 Work\n").names;
  Problems left_out;
  CHECK(translate_keywords("m,S=5:2,FSad", from, to, false, left_out) == "m,S=5:2,FSac");
  CHECK(translate_keywords("m:2,S", from, to, false, left_out) == "m:2,S");
  CHECK(translate_keywords("m", from, to, false, left_out) == "m");
  CHECK(translate_keywords("m:1,ab", from, to, false, left_out) == "m:1,ab");
  CHECK(translate_keywords("m:2,a,b", from, to, false, left_out) == "m:2,c,b");
  CHECK(left_out.empty());
  CHECK(translate_keywords("m:2,abz", from, to, false, left_out) == "m:2,c");
  CHECK(texts_of(left_out) == Names{"m:2,abz: keyword Private has no letter here",
                                    "m:2,abz: no keyword has the letter z"});
  left_out.clear();
  CHECK(translate_keywords("m:2,ab", from, to, true, left_out) == "m:2,bc");
  CHECK(dovecot_keywords_text(to) == "0 $label1\n1 Private\n2 Work\n");
  CHECK(left_out.empty());
  std::fill(to.begin(), to.end(), "taken");
  CHECK(translate_keywords("m:2,Sa", from, to, true, left_out) == "m:2,S");
  CHECK(left_out.size() == 1);
}

TEST_CASE("subscriptions: Dovecot's, and Courier's", "[format][uid]") {
  CHECK(dovecot_subscriptions_text({"INBOX", "Sent.2024"}) == "INBOX\nSent.2024\n");
  const auto converted = convert_courier_subscriptions(
      "INBOX.Sub\nINBOX\nINBOX.Entw\xc3\xbcrfe.Sub\nINBOX.A&B\ninbox.Sub\n#shared.x.y\nINBOX.\n"
      "INBOX.\xff\nINBOX.Entw&APw-rfe.Alt\n");
  CHECK(converted.folders == Names{"Sub", "INBOX", "Entw&APw-rfe.Sub", "A&-B", "Entw&APw-rfe.Alt"});
  CHECK(converted.left_out.size() == 3);
  CHECK(converted.left_out[0].line == 6);
  CHECK(converted.left_out[2].line == 8);
}

TEST_CASE("folder names: UTF-8 becomes modified UTF-7, which stays", "[format][uid]") {
  CHECK(dovecot_folder_name("Sent.2024") == "Sent.2024");
  CHECK(dovecot_folder_name("Entw\xc3\xbcrfe") == "Entw&APw-rfe");
  CHECK(dovecot_folder_name("Entw&APw-rfe") == "Entw&APw-rfe");
  CHECK(dovecot_folder_name("A&B") == "A&-B");
  CHECK(dovecot_folder_name("A&-B") == "A&-B");
  CHECK(dovecot_folder_name("\xe5\x8f\xb0\xe5\x8c\x97") == "&U,BTFw-");  // RFC 3501
  CHECK(dovecot_folder_name("\xf0\x9f\x93\xac") == "&2D3c7A-");          // two units
  CHECK(dovecot_folder_name("&AGE-") == "&-AGE-");                       // "a" has no such spelling
  CHECK_FALSE(dovecot_folder_name("\xff"));
}

TEST_CASE("a folder of Courier's becomes one of Dovecot's", "[format][uid]") {
  const auto out = convert_courier_folder(inbox());
  CHECK(out.left_out.empty());
  const auto uids = parse_dovecot_uids(out.uidlist);
  REQUIRE(uids);
  CHECK(uids->guid.size() == 32);
  CHECK(out.uidlist == "3 V795544217 N3 G" + uids->guid +
                           "\n"
                           "1 PUID1-1795544214 :1700000001.M1.host\n"
                           "2 PUID2-1795544214 :1700000002.M2.host,S=19\n");
  CHECK(dovecot_keywords_text(out.letters) == "0 $Label1\n1 Work\n");
  CHECK(out.renames ==
        std::map<std::string, std::string>{{"1700000001.M1.host:2,S", "1700000001.M1.host:2,Sab"}});
  SECTION("the GUID is the folder's own") {
    auto other = inbox();
    other.identity = "example.com/alice/Sent";
    CHECK(parse_dovecot_uids(convert_courier_folder(other).uidlist)->guid != uids->guid);
  }
}

TEST_CASE("conversion: messages without a UID get what imapd gives them next", "[format][uid]") {
  auto folder = inbox();
  folder.pop3.reset();
  folder.names.insert(folder.names.end(), {"1700000010.b.h", "900.c.h", "1700000010.a.h:2,F"});
  const auto out = convert_courier_folder(folder);
  CHECK(line_of(out.uidlist, 3) == ":900.c.h");
  CHECK(line_of(out.uidlist, 4) == ":1700000010.a.h");
  CHECK(line_of(out.uidlist, 5) == ":1700000010.b.h");
  CHECK(parse_dovecot_uids(out.uidlist)->next == 6U);
}

TEST_CASE("conversion: a place in the POP3 list is kept where UIDs have another order",
          "[format][uid]") {
  CourierFolder folder;
  folder.uids = "1 7 4\n1 300.a\n2 100.a\n3 200.a\n";
  folder.pop3 = "/3 4 9\n100.a:2, 1 1:9:0\n300.a:2, 1 3:9:0\n";
  folder.names = {"100.a:2,", "200.a:2,", "300.a:2,"};
  const auto out = convert_courier_folder(folder);
  CHECK(line_of(out.uidlist, 1) == "PUID3-9 O2 :300.a");
  CHECK(line_of(out.uidlist, 2) == "PUID1-9 O1 :100.a");
  CHECK(line_of(out.uidlist, 3) == ":200.a");
}

TEST_CASE("conversion: files that are missing or broken", "[format][uid]") {
  CourierFolder folder;
  folder.names = {"100.a", "200.a:2,S"};
  SECTION("nothing of Courier's gives nothing") {
    const auto out = convert_courier_folder(folder);
    CHECK(out.uidlist.empty());
    CHECK(out.renames.empty());
    CHECK(out.left_out.empty());
  }
  SECTION("a POP3 list alone gives a UIDVALIDITY too") {
    folder.pop3 = "/2 2 99\n200.a:2, 5 1:99\n";
    const auto out = convert_courier_folder(folder);
    CHECK(out.uidlist.starts_with("3 V99 N3 G"));
    CHECK(line_of(out.uidlist, 1) == ":100.a");
    CHECK(line_of(out.uidlist, 2) == "PUID1-99 :200.a");
    folder.pop3 = "200.a:2, 5\n";
    CHECK(convert_courier_folder(folder).uidlist.starts_with("3 V1 N3 G"));
  }
  SECTION("what cannot be read is said") {
    folder.uids = "2 1 1\n";
    folder.pop3 = "/9 1 1\n";
    const auto out = convert_courier_folder(folder);
    CHECK(out.uidlist.empty());
    CHECK(texts_of(out.left_out) ==
          Names{"courierpop3dsizelist: line 1: \"/VERSION NEXT VALIDITY\" of version 1 to 3 "
                "expected",
                "courierimapuiddb: line 1: \"1 UIDVALIDITY UIDNEXT\" expected"});
  }
  SECTION("an empty folder keeps its UIDVALIDITY and UIDNEXT") {
    folder.names.clear();
    folder.uids = "1 7 40\n3 gone\n";
    const auto out = convert_courier_folder(folder);
    CHECK(out.uidlist.starts_with("3 V7 N40 G"));
    CHECK(split_lines(out.uidlist).size() == 1);
    CHECK(out.left_out.empty());
  }
}

TEST_CASE("conversion: letters that were given stay, others go", "[format][uid]") {
  CourierFolder folder;
  folder.uids = "1 7 1\n";
  folder.keyword_list = "Work\nNew\n\na:0 1\nb:0\ngone:1\n";
  folder.letters[0] = "NEW";
  folder.letters[1] = "Unused";
  folder.letters[3] = "other";
  folder.names = {"a:2,RSxz", "b", "c:2,Sa,extra", "d:2,FS", "e:1,a", "f:2,"};
  const auto out = convert_courier_folder(folder);
  CHECK(dovecot_keywords_text(out.letters) == "0 NEW\n1 Unused\n2 Work\n3 other\n");
  CHECK(out.renames == std::map<std::string, std::string>{{"a:2,RSxz", "a:2,RSac"},
                                                          {"b", "b:2,c"},
                                                          {"c:2,Sa,extra", "c:2,S,extra"}});
  CHECK(out.left_out.empty());
}

TEST_CASE("conversion: of too many keywords the most used go along", "[format][uid]") {
  CourierFolder folder;
  folder.uids = "1 7 1\n";
  folder.names = {"m:2,", "n:2,"};
  std::string list;
  std::string all;
  for (int i = 0; i < 28; ++i) {
    list += fmt::format("k{:02}\n", i);
    all += fmt::format(" {}", i);
  }
  list += fmt::format("\nm:{}\nn:27 1\n", all);
  folder.keyword_list = list;
  const auto out = convert_courier_folder(folder);
  CHECK(out.letters[0] == "k00");
  CHECK(out.letters[25] == "k27");
  CHECK(out.renames.at("m:2,") == "m:2,abcdefghijklmnopqrstuvwxyz");
  CHECK(out.renames.at("n:2,") == "n:2,bz");
  CHECK(texts_of(out.left_out) ==
        Names{"courierimapkeywords: keyword k25 of 1 messages: Dovecot has 26 letters, all taken",
              "courierimapkeywords: keyword k26 of 1 messages: Dovecot has 26 letters, all taken"});
}

TEST_CASE("every line is read or named, whatever is in it", "[format][uid][law]") {
  test::for_each_damage(std::string(k_uids), [](const std::string& damaged) {
    if (const auto read = parse_courier_uids(damaged))
      CHECK(read->messages.size() + read->problems.size() + 1 == split_lines(damaged).size());
  });
  test::for_each_damage(std::string(k_pop3), [](const std::string& damaged) {
    const auto read = parse_courier_pop3(damaged);
    if (read && read->version > 0)
      CHECK(read->messages.size() + read->problems.size() + 1 == split_lines(damaged).size());
  });
  const std::string uidlist = "3 V7 N9 G0123456789abcdef0123456789abcdef\n1 W5 :a\n5 PX :b\n";
  test::for_each_damage(uidlist, [](const std::string& damaged) {
    const auto read = parse_dovecot_uids(damaged);
    if (!read) return;
    const auto again = parse_dovecot_uids(dovecot_uids_text(*read));
    REQUIRE(again);
    CHECK(again->messages == read->messages);
    CHECK(again->problems.empty());
  });
  test::for_each_damage(std::string(k_list), [](const std::string& damaged) {
    auto folder = inbox();
    folder.keyword_list = damaged;
    CHECK(parse_dovecot_uids(convert_courier_folder(folder).uidlist)->messages.size() == 2);
  });
}

TEST_CASE("conversion keeps every number of every message", "[format][uid][law]") {
  CHECK(rc::check("UIDs, UIDLs, flags, and keywords of random folders", [] {
    const auto count = *rc::gen::inRange(0, 40);
    auto numbers = *rc::gen::unique<std::vector<std::uint32_t>>(
        static_cast<std::size_t>(count), rc::gen::inRange<std::uint32_t>(1, 100000));
    const auto keyword_count = *rc::gen::inRange<std::size_t>(0, 26);
    std::string uids = "1 77 100001\n";
    std::string pop3 = "/3 100001 88\n";
    std::string list;
    std::map<std::string, std::uint32_t> uid_of;
    std::map<std::string, std::set<std::string>> keywords_of;
    std::set<std::string> in_pop3;
    for (std::size_t i = 0; i < keyword_count; ++i) list += fmt::format("k{}\n", i);
    list += '\n';
    CourierFolder folder;
    for (const auto number : numbers) {
      const auto name =
          fmt::format("{}.x", *rc::gen::inRange(1, 50) * 100000 + static_cast<int>(number));
      const auto flags = *rc::gen::elementOf(Names{"", ":2,", ":2,S", ":2,FRS", ":2,Sq"});
      folder.names.push_back(name + flags);
      if (*rc::gen::inRange(0, 4) > 0) {
        uid_of[name] = number;
        uids += fmt::format("{} {}\n", number, name);
      }
      if (*rc::gen::arbitrary<bool>()) {
        in_pop3.insert(name);
        pop3 += fmt::format("{}:2, 10 {}:88:0\n", name, number);
      }
      if (keyword_count > 0 && *rc::gen::arbitrary<bool>()) {
        const auto keyword = *rc::gen::inRange<std::size_t>(0, keyword_count);
        keywords_of[name].insert(fmt::format("k{}", keyword));
        list += fmt::format("{}:{}\n", name, keyword);
      }
    }
    folder.uids = uids;
    folder.pop3 = pop3;
    folder.keyword_list = list;
    const auto out = convert_courier_folder(folder);
    RC_ASSERT(out.left_out.empty());
    const auto read = parse_dovecot_uids(out.uidlist);
    RC_ASSERT(read.has_value());
    RC_ASSERT(read->problems.empty());
    RC_ASSERT(read->validity == 77U);
    RC_ASSERT(read->messages.size() == folder.names.size());
    for (const auto& message : read->messages) {
      if (const auto found = uid_of.find(message.name); found != uid_of.end())
        RC_ASSERT(message.uid == found->second);
      else
        RC_ASSERT(message.uid > 100000U);
      RC_ASSERT(message.field('P').has_value() == in_pop3.contains(message.name));
    }
    for (const auto& file : folder.names) {
      const auto found = out.renames.find(file);
      const auto name = found == out.renames.end() ? file : found->second;
      std::set<std::string> keywords;
      std::string others;
      for (const char c : name.substr(std::min(name.find(":2,"), name.size())))
        if (c >= 'a' && c <= 'z')
          keywords.insert(out.letters.at(static_cast<std::size_t>(c - 'a')));
        else
          others.push_back(c);
      const auto unique = file.substr(0, file.find(':'));
      RC_ASSERT(name.substr(0, name.find(':')) == unique);
      RC_ASSERT(keywords == keywords_of[unique]);
      const auto before = file.substr(std::min(file.find(":2,"), file.size()));
      RC_ASSERT(others == replace_all(before, "q", "") || (before.empty() && others == ":2,"));
    }
    std::reverse(folder.names.begin(), folder.names.end());
    RC_ASSERT(convert_courier_folder(folder).uidlist == out.uidlist);
  }));
}

}  // namespace vstate::uid_files
