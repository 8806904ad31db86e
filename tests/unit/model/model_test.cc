#include "support/catch.h"
#include "vstate/model/delivery.h"
#include "vstate/model/flags.h"
#include "vstate/model/name_hash.h"
#include "vstate/model/names.h"
#include "vstate/model/quota.h"
#include "vstate/model/template.h"

using namespace vstate;
using namespace vstate::test;

namespace {

Paths old_server() {
  Paths paths;
  paths.vpopmail = "/home/vpopmail";
  paths.qmail = "/var/qmail";
  paths.ezmlm = "/usr/local/bin/ezmlm";
  paths.autorespond = "/usr/bin/autorespond";
  paths.domain = "/home/vpopmail/domains/example.com";
  paths.homes = {{"joe", "/home/vpopmail/domains/example.com/0/joe"},
                 {"o'neil", "/home/vpopmail/domains/example.com/o'neil"}};
  return paths;
}

}  // namespace

TEST_CASE("paths become placeholders on component boundaries, the longest first",
          "[model][template]") {
  const auto paths = old_server();
  const Templater templater(paths);
  struct Case {
    const char *literal, *text;
  };
  for (const auto& [literal, text] :
       {Case{"/home/vpopmail/domains/example.com/0/joe/Maildir/", "{mailbox:joe}/Maildir/"},
        Case{"/home/vpopmail/domains/example.com/0/joey/Maildir/", "{domain}/0/joey/Maildir/"},
        Case{"/home/vpopmail/domains/example.com.au/x", "{vpopmail}/domains/example.com.au/x"},
        Case{"'/home/vpopmail/domains/example.com/news'", "'{domain}/news'"},
        Case{"/home/vpopmail/domains/example.com/o'neil/Maildir/", "{mailbox:o'neil}/Maildir/"},
        Case{"|/usr/bin/autorespond 1 2", "|{autorespond} 1 2"},
        Case{"/mnt/home/vpopmail/x", "/mnt/home/vpopmail/x"},
        Case{"awk '{print}'", "awk '{{print}}'"}, Case{"caf\xe9", "caf{byte:e9}"},
        Case{"Grüße", "Grüße"}}) {
    INFO(literal);
    CHECK(templater.to_template(literal) == text);
    const auto back = expand(text, paths);
    REQUIRE(back);
    CHECK(*back == literal);
  }
}

TEST_CASE("a gecos that looks like a path stays what it is", "[model][template]") {
  for (const auto* gecos : {"/home/vpopmail", "{domain}", "caf\xe9", "plain"}) {
    const auto back = expand_pathless(pathless_template(gecos));
    REQUIRE(back);
    CHECK(*back == gecos);
  }
  CHECK_FALSE(expand_pathless("{domain}"));
}

TEST_CASE("a template says what is wrong with it", "[model][template]") {
  CHECK(check_template("{nowhere}").at(0).what == "unknown placeholder {nowhere}");
  CHECK_THAT(check_template("a } b").at(0).what, ContainsSubstring("lone \"}\""));
  CHECK(check_template("{{}} {domain} {byte:0f} {mailbox:x}").empty());
  CHECK_FALSE(expand("{mailbox:nobody}", old_server()));
  CHECK(mailboxes_named(mailbox_placeholder("a}b{c%")).at(0) == "a}b{c%");
}

TEST_CASE("old spellings of a quota mean what vpopmail takes them for", "[model][quota]") {
  CHECK(parse_quota("10M") == Quota{10485760, 0});
  CHECK(parse_quota("10240K") == Quota{10485760, 0});
  CHECK(parse_quota("1000C,10MBS") == Quota{10485760, 1000});
  CHECK(parse_quota("5000") == Quota{5000, 0});
  CHECK(parse_quota("1G") == Quota{1, 0});
  CHECK(parse_quota("12x") == Quota{12, 0});
  for (const auto* none : {"NOQUOTA", "", "0", "S", "abc"}) CHECK(parse_quota(none).is_unlimited());
  CHECK(to_vpopmail({10485760, 1000}) == "10485760S,1000C");
  CHECK(to_vpopmail({}) == "NOQUOTA");
}

TEST_CASE("every bit of the flag word has a name and comes back", "[model][flags]") {
  for (unsigned bit = 0; bit < 64; ++bit) {
    const Flags flags = Flags{1} << bit;
    Flags back = 0;
    for (const auto& name : denials_of(flags)) back |= denial_named(name).value_or(0);
    for (const auto& name : other_flags_of(flags)) back |= flag_named(name).value_or(0);
    CHECK(back == flags);
  }
}

TEST_CASE("qmail-local and vdelivermail read lines differently", "[model][delivery]") {
  using enum DeliveryKind;
  using enum LineReader;
  CHECK(parse_delivery("", qmail_local, true).kind == broken);
  CHECK(parse_delivery("", qmail_local, false).kind == nothing);
  CHECK(parse_delivery("", vdelivermail, false).kind == broken);
  CHECK(parse_delivery("./Mailbox", qmail_local, false).kind == mbox);
  CHECK(parse_delivery("./Mailbox", vdelivermail, false).kind == broken);
  CHECK(parse_delivery("/x/Maildir/  ", qmail_local, false).kind == maildir);
  CHECK(parse_delivery("+list", qmail_local, false).kind == only_forwards);
  CHECK(parse_delivery("&joe@example.com ", qmail_local, false).argument == "joe@example.com");
  CHECK(parse_delivery("# x", vdelivermail, false).kind == nothing);
  CHECK(parse_delivery("{mailbox:joe}/Maildir/", vdelivermail, false).kind == maildir);
  CHECK(parse_delivery("{{braces}}@example.com", qmail_local, false).kind == forward);
}

TEST_CASE("the programs of a command are found, and its operands are not", "[model][delivery]") {
  CHECK(programs_run("/bin/preline /usr/bin/maildrop") == std::vector<std::string>{"/bin/preline"});
  CHECK(programs_run("if test ! -f '/x/sublist'; then /e/ezmlm-reject '/x'; fi") ==
        std::vector<std::string>{"test", "/e/ezmlm-reject", "fi"});
  CHECK(programs_run("/a; '' x; exec \"\" y").size() == 1);
  CHECK(programs_run("A=1 exec /a && /b || /c") == std::vector<std::string>{"/a", "/b", "/c"});
}

TEST_CASE("names follow vpopmail's own rules", "[model][names]") {
  CHECK(MailboxName::parse("Joe")->text() == "joe");
  for (const auto* bad : {"", "a b", "a@b", "a/b", "..", "a:b", "\xc3\xa4"})
    CHECK_FALSE(MailboxName::parse(bad));
  CHECK_FALSE(MailboxName::parse(std::string(65, 'a')));
  for (const auto* bad : {"ab", "-a.com", "a.com-", "a_b.com"}) CHECK_FALSE(DomainName::parse(bad));
  CHECK_FALSE(AliasName::parse("Sales"));
  CHECK_FALSE(broken_56_rule(*DomainName::parse("localhost")).empty());
}

TEST_CASE("a name's hash has one text", "[model]") {
  const NameHash hash{0x0123456789abcdef, 0xfedcba9876543210};
  CHECK(to_hex(hash) == "0123456789abcdeffedcba9876543210");
  CHECK(parse_name_hash(to_hex(hash)) == hash);
  for (const auto* text : {"0123456789ABCDEFfedcba9876543210", "0123456789abcdeffedcba987654321",
                           "0123456789abcdeffedcba98765432100", "-123456789abcdeffedcba9876543210"})
    CHECK_FALSE(parse_name_hash(text));
}
