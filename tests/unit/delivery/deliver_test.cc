#include "support/catch.h"
#include "support/delivery.h"
#include "support/mail_sandbox.h"
#include "sys/local_system.h"
#include "vstate/base/digest.h"

using namespace vstate;
namespace fs = std::filesystem;
using vstate::test::ContainsSubstring;
using vstate::test::mail_owner;
using vstate::test::MailSandbox;
using vstate::test::make_tar;
using vstate::test::tar_directory;

namespace {

struct Delivered : MailSandbox {
  LocalSystem system{root()};
  std::string archive = outside("a.tar.zst");

  Result<ReceiveCount> extract(OnDifference on_difference = OnDifference::keep) {
    return test::deliver(system, archive, "/home/a", on_difference);
  }
  Result<ArchiveStatus> compare(OnDifference on_difference = OnDifference::keep) {
    return test::compare(system, archive, "/home/a", on_difference);
  }
  void refill(const std::function<void()>& fill) {
    fs::remove_all(host("/source"));
    fill();
    REQUIRE(write_archive(system, {"/source"}, archive));
  }
};

}  // namespace

TEST_CASE("a mailbox arrives whole, and a second extraction changes nothing", "[mail]") {
  Delivered box;
  test::fill_mailbox(box, "/source");
  fs::create_hard_link(box.host("/source/Maildir/cur/1700000002.M2P2.old,S=5:2,RS"),
                       box.host("/source/Maildir/.Sent.2024/new/1700000099.linked,S=5"));
  const auto written = write_archive(box.system, {"/source"}, box.archive);
  REQUIRE(written);
  box.directory("/home", 0755);
  const auto before = box.compare();
  REQUIRE(before);
  CHECK(before->messages_missing == 8);
  CHECK(before->bytes_missing == written->bytes);
  CHECK(!before->is_whole());
  CHECK(before->digests == std::vector{written->sha256});

  const auto count = box.extract();
  REQUIRE(count);
  CHECK(count->messages == 8);
  CHECK(count->bytes == written->bytes);
  CHECK(count->messages + count->files == written->count.archived);
  CHECK(test::digest_of(box.system, "/home/a") == written->sha256);
  CHECK(!box.has_temporaries("/home/a"));
  CHECK(fs::hard_link_count(box.host("/home/a/Maildir/.Sent.2024/new/1700000099.linked,S=5")) == 1);
  const auto info = box.system.info("/home/a/Maildir/cur/1700000002.M2P2.old,S=5:2,RS");
  REQUIRE(info);
  CHECK(info->uid == mail_owner().uid);
  CHECK(info->gid == mail_owner().gid);
  CHECK(info->mode == 0600);
  CHECK(info->mtime.time_since_epoch().count() == 1600000000);
  CHECK(box.system.info("/home/a/sieve/run")->mode == 0755);
  CHECK(box.system.info("/home/a/sieve")->mode == 0755);
  CHECK(box.system.info("/home/a/Maildir")->uid == mail_owner().uid);
  CHECK(*box.system.link_target("/home/a/.dovecot.sieve") == "sieve/main.sieve");

  const auto snapshot = box.snapshot("/home/a");
  const auto again = box.extract(OnDifference::replace);
  REQUIRE(again);
  CHECK(again->messages + again->files == 0);
  const auto after = box.compare();
  REQUIRE(after);
  CHECK(after->is_whole());
  CHECK(after->kept.empty());
  CHECK(after->refused.empty());
  CHECK(test::check(box.system, box.archive, "/home/a", CheckDepth::contents)->empty());
  CHECK(box.snapshot("/home/a") == snapshot);
}

TEST_CASE("what its owner moved, read, or flagged is not delivered again", "[mail]") {
  Delivered box;
  test::fill_mailbox(box, "/source");
  REQUIRE(write_archive(box.system, {"/source"}, box.archive));
  box.directory("/home", 0755);
  REQUIRE(box.extract());
  const auto at = [&](const std::string& path) { return box.host("/home/a/Maildir/" + path); };
  fs::rename(at("new/1700000001.M1P1.old,S=4"), at(".leer/cur/1700000001.M1P1.old,S=4:2,S"));
  fs::rename(at("cur/1700000003.no-size:2,"), at(".leer/cur/1700000003.no-size:2,T"));
  fs::rename(at("cur/1700000004.lies,S=999:2,Sab"), at("cur/1700000004.lies,S=999:2,"));
  CHECK(box.compare()->is_whole());
  CHECK(test::check(box.system, box.archive, "/home/a", CheckDepth::contents)->empty());
  fs::remove(at("cur/1700000002.M2P2.old,S=5:2,RS"));
  const auto status = box.compare();
  REQUIRE(status);
  CHECK(status->messages_missing == 1);
  CHECK(status->bytes_missing == 5);
  CHECK(box.extract()->messages == 1);
  CHECK(box.compare()->is_whole());
}

TEST_CASE("a unique name in two folders of the archive counts for each folder", "[mail]") {
  Delivered box;
  box.maildir("/source");
  box.maildir("/source/.A");
  box.file("/source/cur/1,S=3:2,S", "one");
  box.file("/source/.A/cur/1,S=3:2,", "one");
  const auto written = write_archive(box.system, {"/source"}, box.archive);
  box.directory("/home", 0755);
  CHECK(box.extract()->messages == 2);
  CHECK(test::digest_of(box.system, "/home/a") == written->sha256);
  fs::remove(box.host("/home/a/.A/cur/1,S=3:2,"));
  CHECK(box.compare()->messages_missing == 1);
  CHECK(box.extract()->messages == 1);
  CHECK(box.exists("/home/a/.A/cur/1,S=3:2,"));
  // Moved within the folder: still there.
  fs::rename(box.host("/home/a/cur/1,S=3:2,S"), box.host("/home/a/new/1,S=3"));
  CHECK(box.compare()->is_whole());
}

TEST_CASE("the same name with another size: both messages are kept", "[mail]") {
  Delivered box;
  const std::string mine = "another message";
  const auto digits = sha256_hex(mine).substr(0, 8);
  box.maildir("/source");
  box.file("/source/cur/1.host,S=15:2,S", mine);
  box.file("/source/new/2.host", mine);
  REQUIRE(write_archive(box.system, {"/source"}, box.archive));
  box.maildir("/home/a");
  box.file("/home/a/new/2.host", "theirs");
  SECTION("found by stat") {
    box.file("/home/a/cur/1.host,S=15:2,F", mine);
    CHECK(box.compare()->messages_missing == 1);
    CHECK(box.extract()->messages == 1);
    CHECK(box.content("/home/a/new/2.host") == "theirs");
    CHECK(box.content("/home/a/new/2.host.v" + digits) == mine);
  }
  SECTION("in a name whose size lies") {
    box.refill([&] {
      box.maildir("/source");
      box.file("/source/cur/1.host,S=99:2,S", mine);
    });
    box.maildir("/home/a/.B");
    box.file("/home/a/.B/cur/1.host,S=99:2,", "x");
    CHECK(box.extract()->messages == 1);
    CHECK(box.content("/home/a/cur/1.host.v" + digits + ",S=99:2,S") == mine);
  }
  const auto snapshot = box.snapshot("/home/a");
  CHECK(box.compare()->is_whole());
  CHECK(box.extract()->messages == 0);
  CHECK(test::check(box.system, box.archive, "/home/a", CheckDepth::contents)->empty());
  CHECK(box.snapshot("/home/a") == snapshot);
}

TEST_CASE("three contents under one name in one archive", "[mail]") {
  Delivered box;
  make_tar(box.archive, {tar_directory("cur"),
                         tar_directory("new"),
                         tar_directory("tmp"),
                         {"cur/1:2,", AE_IFREG, "a", {}, false, 0600},
                         {"cur/1:2,S", AE_IFREG, "bb", {}, false, 0600},
                         {"new/1", AE_IFREG, "ccc", {}, false, 0600},
                         {"cur/1:2,F", AE_IFREG, "d", {}, false, 0600}});
  box.directory("/home", 0755);
  CHECK(box.extract()->messages == 3);
  CHECK(box.content("/home/a/cur/1.v" + sha256_hex("bb").substr(0, 8) + ":2,S") == "bb");
  CHECK(box.content("/home/a/new/1.v" + sha256_hex("ccc").substr(0, 8)) == "ccc");
  CHECK(box.compare()->is_whole());
}

TEST_CASE("other files that differ are kept or replaced", "[mail]") {
  Delivered box;
  test::fill_mailbox(box, "/source");
  REQUIRE(write_archive(box.system, {"/source"}, box.archive));
  box.directory("/home", 0755);
  REQUIRE(box.extract());
  box.file("/home/a/Maildir/dovecot-uidlist", "3 V2 N1 Gdef\n");
  box.file("/home/a/Maildir/subscriptions", "Sent\n", 1);  // only its time differs
  fs::remove(box.host("/home/a/.dovecot.sieve"));
  box.link("/home/a/.dovecot.sieve", "sieve/other.sieve");
  const auto kept = box.compare();
  REQUIRE(kept);
  CHECK(kept->is_whole());
  CHECK(kept->kept == std::vector<std::string>{"Maildir/dovecot-uidlist", ".dovecot.sieve"});
  const auto snapshot = box.snapshot("/home/a");
  CHECK(box.extract()->files == 0);
  CHECK(box.snapshot("/home/a") == snapshot);
  CHECK(test::check(box.system, box.archive, "/home/a", CheckDepth::contents)->empty());

  const auto replaced = box.compare(OnDifference::replace);
  REQUIRE(replaced);
  CHECK(!replaced->is_whole());
  CHECK(replaced->replaced == kept->kept);
  CHECK(box.extract(OnDifference::replace)->files == 2);
  CHECK(box.content("/home/a/Maildir/dovecot-uidlist") == "3 V1 N8 Gabc\n");
  CHECK(*box.system.link_target("/home/a/.dovecot.sieve") == "sieve/main.sieve");
  CHECK(box.compare(OnDifference::replace)->is_whole());
  CHECK(box.system.info("/home/a/Maildir/subscriptions")->mtime.time_since_epoch().count() == 1);
}

TEST_CASE("links that lead out are refused and everything else arrives", "[mail]") {
  Delivered box;
  const auto link = [](const std::string& path, const std::string& target) {
    return test::TarItem{path, AE_IFLNK, {}, target, false, 0777};
  };
  make_tar(box.archive, {link("absolute", "/etc/passwd"),
                         link("up", "../x"),
                         link("d/deep", "../../x"),
                         link("d/sly", "inside/../../x"),
                         link("d/good", "../file"),
                         link("file-link", "file"),
                         {"file", AE_IFREG, "content", {}, false, 0640}});
  box.directory("/home", 0755);
  const auto status = box.compare();
  REQUIRE(status);
  REQUIRE(status->refused.size() == 4);
  CHECK_THAT(status->refused[0], ContainsSubstring("absolute -> /etc/passwd"));
  REQUIRE(box.extract());
  CHECK(box.paths("/home/a") == std::vector<std::string>{"d", "d/good", "file", "file-link"});
  CHECK(box.compare()->is_whole());
}

TEST_CASE("mail goes where a folder's link leads, and no further than its owner may", "[mail]") {
  Delivered box;
  test::fill_mailbox(box, "/source");
  REQUIRE(write_archive(box.system, {"/source"}, box.archive));
  box.maildir("/disk2/sent");
  box.maildir("/home/a/Maildir");
  box.link("/home/a/Maildir/.Sent.2024", "../../../disk2/sent");
  REQUIRE(box.extract());
  CHECK(fs::is_symlink(box.host("/home/a/Maildir/.Sent.2024")));
  CHECK(box.compare()->is_whole());
  CHECK(test::digest_of(box.system, "/home/a") == test::digest_of(box.system, "/source"));
}

TEST_CASE("nothing is written where the maker of a link on the target may not write", "[mail]") {
  if (geteuid() != 0) SKIP("only root can act as others");
  Delivered box;
  test::fill_mailbox(box, "/source");
  REQUIRE(write_archive(box.system, {"/source"}, box.archive));
  box.maildir("/victim/folder");
  fs::permissions(box.host("/victim"), fs::perms::owner_all);
  REQUIRE(lchown(box.host("/victim").c_str(), 0, 0) == 0);
  box.maildir("/home/a/Maildir");
  box.link("/home/a/Maildir/.Sent.2024", "../../../victim/folder");
  box.link("/home/a/sieve", "/victim");
  box.link("/home/a/Maildir/subscriptions", "../../../victim/file");
  const auto victim = box.snapshot("/victim");
  const auto status = box.compare();
  REQUIRE(status);
  REQUIRE(status->refused.size() == 2);
  CHECK_THAT(status->refused[0], ContainsSubstring("Maildir/.Sent.2024: a symbolic link"));
  CHECK_THAT(status->refused[1], ContainsSubstring("sieve: a symbolic link"));
  const auto count = box.extract(OnDifference::replace);
  REQUIRE(!count);
  CHECK(count.error().code == Errc::conflict);
  CHECK(box.snapshot("/victim") == victim);
  CHECK(!box.system.info("/home/a/Maildir/subscriptions")->is_directory());
  CHECK(box.content("/home/a/Maildir/subscriptions") == "Sent\n");
  CHECK(box.exists("/home/a/Maildir/new/1700000001.M1P1.old,S=4"));  // all else arrived
  CHECK(!box.compare()->is_whole());
  CHECK(!test::check(box.system, box.archive, "/home/a", CheckDepth::sizes)->empty());
  fs::remove(box.host("/home/a/Maildir/.Sent.2024"));
  fs::remove(box.host("/home/a/sieve"));
  REQUIRE(box.extract());
  CHECK(test::digest_of(box.system, "/home/a") == test::digest_of(box.system, "/source"));
  CHECK(box.snapshot("/victim") == victim);

  fs::remove_all(box.host("/home/a"));
  box.link("/home/a", "../victim/folder");
  CHECK(!box.compare());
  CHECK(!box.extract());
  CHECK(box.snapshot("/victim") == victim);
}

TEST_CASE("a broken or unsafe archive changes nothing", "[mail]") {
  Delivered box;
  test::fill_mailbox(box, "/source");
  REQUIRE(write_archive(box.system, {"/source"}, box.archive));
  box.directory("/home", 0755);
  const auto bytes = MailSandbox::slurp(box.archive);
  for (const auto length : {bytes.size() / 4, bytes.size() / 2, bytes.size() - 1}) {
    std::ofstream(box.archive, std::ios::binary) << bytes.substr(0, length);
    const auto count = box.extract();
    REQUIRE(!count);
    CHECK(count.error().code == Errc::invalid);
    CHECK(!box.exists("/home/a"));
  }
  make_tar(box.archive,
           {{"good", AE_IFREG, "x", {}, false, 0600}, {"../bad", AE_IFREG, "x", {}, false, 0600}});
  CHECK(box.extract().error().code == Errc::invalid);
  CHECK(box.compare().error().code == Errc::invalid);
  make_tar(box.archive,
           {{"good", AE_IFREG, "x", {}, false, 0600}, {"good", AE_IFREG, "y", {}, false, 0600}});
  CHECK_THAT(box.extract().error().message, ContainsSubstring("twice"));
  CHECK(!box.exists("/home/a"));
}

TEST_CASE("a foreign tar: hard links, no directories, odd modes", "[mail]") {
  Delivered box;
  make_tar(box.archive, {{"./Maildir/cur/1:2,S", AE_IFREG, "one", {}, false, 0666},
                         {"./Maildir/cur/2:2,S", AE_IFREG, {}, "./Maildir/cur/1:2,S", true, 0666},
                         {"script", AE_IFREG, "#!", {}, false, 06777},
                         {"open", AE_IFDIR, {}, {}, false, 02777}});
  box.directory("/home", 0755);
  const auto count = box.extract();
  REQUIRE(count);
  CHECK(count->messages == 2);
  CHECK(box.content("/home/a/Maildir/cur/2:2,S") == "one");
  CHECK(box.system.info("/home/a/Maildir/cur/1:2,S")->mode == 0600);
  CHECK(box.system.info("/home/a/script")->mode == 0755);
  CHECK(box.system.info("/home/a/open")->mode == 0755);
  CHECK(!box.has_temporaries("/home/a"));
  CHECK(box.compare()->is_whole());
}

TEST_CASE("check names what is missing, shorter, or altered", "[mail]") {
  Delivered box;
  test::fill_mailbox(box, "/source");
  const auto written = write_archive(box.system, {"/source"}, box.archive);
  REQUIRE(written);
  box.directory("/home", 0755);
  REQUIRE(box.extract());
  const auto problems = [&](CheckDepth depth) {
    const auto found = test::check(box.system, box.archive, "/home/a", depth);
    REQUIRE(found);
    return *found;
  };
  CHECK(problems(CheckDepth::contents).empty());
  const std::string sized = "Maildir/cur/1700000002.M2P2.old,S=5:2,RS";
  box.file("/home/a/" + sized, "cur-X");
  CHECK(problems(CheckDepth::sizes).empty());
  REQUIRE(problems(CheckDepth::contents).size() == 1);
  CHECK(problems(CheckDepth::contents)[0] == sized + ": the message has another content here");
  box.file("/home/a/" + sized, "cur");
  REQUIRE(problems(CheckDepth::sizes).size() == 1);
  CHECK(problems(CheckDepth::sizes)[0] ==
        sized + ": the message has 3 bytes here, 5 in the archive");
  fs::remove(box.host("/home/a/" + sized));
  box.file("/home/a/Maildir/cur/1700000003.no-size:2,", "short");
  fs::remove_all(box.host("/home/a/sieve"));
  fs::remove(box.host("/home/a/.dovecot.sieve"));
  const auto found = problems(CheckDepth::sizes);
  CHECK(found == std::vector<std::string>{
                     ".dovecot.sieve: the link is missing", sized + ": the message is missing",
                     "Maildir/cur/1700000003.no-size:2,: the message has another size here",
                     "sieve: the directory is missing", "sieve/main.sieve: the file is missing",
                     "sieve/run: the file is missing", "sieve/up: the link is missing"});
  CHECK(test::check(box.system, box.archive, "/none", CheckDepth::sizes)->size() ==
        written->count.archived);
}
