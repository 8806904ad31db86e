#include "maildir/maildirsize.h"

#include "support/catch.h"
#include "support/mail_sandbox.h"
#include "sys/local_system.h"

using namespace vstate;
namespace fs = std::filesystem;
using vstate::test::mail_owner;
using vstate::test::MailSandbox;

TEST_CASE("maildirsize counts as maildirquota.c does", "[mail]") {
  const MailSandbox box;
  const std::string maildir = "/home/a/Maildir";
  box.maildir(maildir);
  box.maildir(maildir + "/.Sent");
  box.maildir(maildir + "/.Trash");
  box.file(maildir + "/new/1,S=1000", "the name counts");
  box.file(maildir + "/cur/2:2,S", "12345");
  box.file(maildir + "/cur/3,S=7000:2,ST", "trashed");
  box.file(maildir + "/cur/.hidden", "no message");
  box.file(maildir + "/.Sent/cur/4,S=200:2,", "x");
  box.file(maildir + "/.Trash/cur/5,S=9000:2,", "x");
  LocalSystem system(box.root());
  CHECK(!box.exists(maildir + "/maildirsize"));
  REQUIRE(write_maildirsize(system, "/home/a", {1048576, 1000}, mail_owner()));
  CHECK(box.content(maildir + "/maildirsize") == "1048576S,1000C\n1205 3\n");
  const auto info = system.info(maildir + "/maildirsize");
  REQUIRE(info);
  CHECK(info->mode == 0600);
  CHECK(info->uid == mail_owner().uid);
  REQUIRE(write_maildirsize(system, "/home/a", {}, mail_owner()));
  CHECK(!box.exists(maildir + "/maildirsize"));
  ReadOnlySystem idle(box.root());
  CHECK(write_maildirsize(idle, "/home/a", {}, mail_owner()));
}

TEST_CASE("maildirsize goes where its owner's link leads, and no further than they may", "[mail]") {
  const MailSandbox box;
  box.maildir("/disk2/a");
  box.directory("/home/a");
  box.link("/home/a/Maildir", "../../disk2/a");
  LocalSystem system(box.root());
  REQUIRE(write_maildirsize(system, "/home/a", {1000, 0}, mail_owner()));
  CHECK(box.exists("/disk2/a/maildirsize"));
  if (geteuid() == 0) {
    box.maildir("/victim");
    box.directory("/home/c");
    box.link("/home/c/Maildir", "../../victim");
    fs::permissions(box.host("/victim"), fs::perms::owner_all);
    REQUIRE(lchown(box.host("/victim").c_str(), 0, 0) == 0);
    REQUIRE(!write_maildirsize(system, "/home/c", {1000, 0}, mail_owner()));
    CHECK(!box.exists("/victim/maildirsize"));
  }
  const auto missing = write_maildirsize(system, "/home/b", {1000, 0}, mail_owner());
  REQUIRE(!missing);
  CHECK(missing.error().code == Errc::not_found);
}
