#include "archive/archive.h"

#include "support/archive_scan.h"
#include "support/catch.h"
#include "support/mail_sandbox.h"
#include "sys/local_system.h"
#include "vstate/base/digest.h"

using namespace vstate;
namespace fs = std::filesystem;
using vstate::test::ContainsSubstring;
using vstate::test::MailSandbox;
using vstate::test::make_tar;
using vstate::test::scan_archive;
using vstate::test::tar_directory;
using vstate::test::TarItem;

namespace {

Errc scan_error(const std::string& path, std::string* message = nullptr,
                ExtractLimits limits = {}) {
  const auto scan = scan_archive(path, limits);
  if (scan) return Errc::io;
  if (message != nullptr) *message = scan.error().message;
  return scan.error().code;
}

}  // namespace

TEST_CASE("the same mail gives the same archive", "[mail]") {
  const MailSandbox one;
  const MailSandbox two;
  test::fill_mailbox(one, "/home/alice");
  two.directory("/elsewhere");  // other inodes, other paths, other order of creation
  two.file("/elsewhere/x", "x");
  test::fill_mailbox(two, "/srv/mail/a");
  two.file("/srv/mail/a/Maildir/tmp/half", "half");
  two.file("/srv/mail/a/Maildir/maildirsize", "1S\n");
  const auto first =
      write_archive(LocalSystem(one.root()), {"/home/alice"}, one.outside("a.tar.zst"));
  const auto second =
      write_archive(LocalSystem(two.root()), {"/srv/mail/a"}, two.outside("b.tar.zst"));
  REQUIRE(first);
  REQUIRE(second);
  CHECK(MailSandbox::slurp(one.outside("a.tar.zst")) ==
        MailSandbox::slurp(two.outside("b.tar.zst")));
  CHECK(first->sha256 == second->sha256);
  CHECK(first->messages == 7);
  CHECK(!first->is_trivial);
  CHECK(second->count.rebuilt == 2);
  struct stat st {};
  REQUIRE(stat(one.outside("a.tar.zst").c_str(), &st) == 0);
  CHECK((st.st_mode & 0777U) == 0600U);
  CHECK(!fs::exists(one.outside("a.tar.zst.partial")));

  const auto scan = scan_archive(one.outside("a.tar.zst"));
  REQUIRE(scan);
  CHECK(scan->sha256 == first->sha256);
  CHECK(scan->messages == first->messages);
  CHECK(scan->bytes == first->bytes);
  CHECK(scan->entries == first->count.archived);
  CHECK(scan->duplicates.empty());
  CHECK(test::digest_of(LocalSystem(one.root()), "/home/alice") == first->sha256);
}

TEST_CASE("the content digest is what archive.h says", "[mail]") {
  const MailSandbox box;
  box.maildir("/d");
  box.file("/d/cur/1:2,", "mail", 1700000000, 0700);
  box.file("/d/run", "#!", -5, 0755);
  box.link("/d/to", "run");
  Sha256 sha;
  const auto entry = [&](std::string_view path, unsigned kind, unsigned mode, std::int64_t mtime,
                         std::string_view bytes) {
    sha.update_little_endian(path.size());
    sha.update(path);
    sha.update_little_endian(kind);
    sha.update_little_endian(mode);
    sha.update_little_endian(static_cast<std::uint64_t>(mtime));
    sha.update_little_endian(bytes.size());
    sha.update(bytes);
  };
  entry("cur", 1, 0, 0, "");
  entry("cur/1:2,", 2, 0, 1700000000, "mail");
  entry("new", 1, 0, 0, "");
  entry("run", 2, 64, -5, "#!");
  entry("tmp", 1, 0, 0, "");
  entry("to", 3, 0, 0, "run");
  CHECK(test::digest_of(LocalSystem(box.root()), "/d") == sha.finish_hex());
}

TEST_CASE("a bare Maildir leaves no archive", "[mail]") {
  const MailSandbox box;
  box.maildir("/d/Maildir");
  box.file("/d/Maildir/maildirsize", "1S\n");
  const LocalSystem system(box.root());
  const auto output = box.outside("a.tar.zst");
  std::ofstream(output) << "of an earlier dump";
  const auto bare = write_archive(system, {"/d"}, output);
  REQUIRE(bare);
  CHECK(bare->is_trivial);
  CHECK(!fs::exists(output));
  CHECK(!fs::exists(output + ".partial"));
  box.file("/d/Maildir/subscriptions", "");
  const auto more = write_archive(system, {"/d"}, output);
  REQUIRE(more);
  CHECK(!more->is_trivial);
  CHECK(fs::exists(output));
  const auto missing = write_archive(system, {"/none"}, output + "2");
  REQUIRE(!missing);
  CHECK(missing.error().code == Errc::not_found);
  CHECK(!fs::exists(output + "2.partial"));
}

TEST_CASE("a large file and a cut-off archive", "[mail]") {
  const MailSandbox box;
  box.maildir("/d");
  std::string noise;
  for (unsigned i = 0; noise.size() < 20'000'000; ++i) noise += sha256_hex(std::to_string(i));
  box.file("/d/cur/1:2,", noise);
  box.file("/d/cur/2:2,", "small");
  const LocalSystem system(box.root());
  const auto path = box.outside("a.tar.zst");
  const auto written = write_archive(system, {"/d"}, path);
  REQUIRE(written);
  const auto scan = scan_archive(path);
  REQUIRE(scan);
  CHECK(scan->sha256 == written->sha256);
  CHECK(scan->bytes == noise.size() + 5);
  const auto bytes = MailSandbox::slurp(path);
  for (const auto length : {std::size_t{0}, std::size_t{1}, std::size_t{100}, bytes.size() / 3,
                            bytes.size() / 2, bytes.size() - 100, bytes.size() - 1}) {
    CAPTURE(length);
    std::ofstream(path, std::ios::binary) << bytes.substr(0, length);
    CHECK(scan_error(path) == Errc::invalid);
  }
  CHECK(scan_error(box.outside("none")) == Errc::not_found);
}

TEST_CASE("every prefix of a small archive is refused", "[mail]") {
  const MailSandbox box;
  box.maildir("/d");
  box.file("/d/cur/1:2,", "small");
  const LocalSystem system(box.root());
  const auto path = box.outside("a.tar.zst");
  REQUIRE(write_archive(system, {"/d"}, path));
  const auto bytes = MailSandbox::slurp(path);
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    CAPTURE(length);
    std::ofstream(path, std::ios::binary) << bytes.substr(0, length);
    CHECK(scan_error(path) == Errc::invalid);
  }
}

TEST_CASE("unsafe entries are refused by name", "[mail]") {
  const MailSandbox box;
  const auto path = box.outside("a.tar");
  std::string message;
  const auto refused = [&](const TarItem& item) {
    make_tar(path, {tar_directory("d"), item});
    const auto code = scan_error(path, &message);
    return code == Errc::invalid && message.find(item.path) != std::string::npos;
  };
  CHECK(refused({"/etc/passwd", AE_IFREG, "x", {}, false, 0600}));
  CHECK(refused({"../up", AE_IFREG, "x", {}, false, 0600}));
  CHECK(refused({"d/../../up", AE_IFREG, "x", {}, false, 0600}));
  CHECK(refused({"d/..", AE_IFDIR, {}, {}, false, 0700}));
  CHECK(refused({"d/null", AE_IFCHR, {}, {}, false, 0600}));
  CHECK_THAT(message, ContainsSubstring("device"));
  CHECK(refused({"d/disk", AE_IFBLK, {}, {}, false, 0600}));
  CHECK(refused({"d/pipe", AE_IFIFO, {}, {}, false, 0600}));
  CHECK_THAT(message, ContainsSubstring("fifo"));
  CHECK(refused({"d/" + std::string(300, 'x'), AE_IFREG, "x", {}, false, 0600}));
  CHECK(refused({"d/hard", AE_IFREG, {}, "/etc/passwd", true, 0600}));
  CHECK(refused({"d/hard", AE_IFREG, {}, "d/later", true, 0600}));
}

TEST_CASE("a hard link of a foreign tar is a copy of the file before it", "[mail]") {
  const MailSandbox box;
  for (const bool is_zstd : {true, false}) {
    make_tar(box.outside("linked"),
             {tar_directory("./"),
              tar_directory("./cur/"),
              {"./cur/1", AE_IFREG, "one", {}, false, 0600},
              {"./cur/2", AE_IFREG, {}, "./cur/1", true, 0600},
              {"./cur/3", AE_IFREG, {}, "cur/2", true, 0600}},
             is_zstd);
    make_tar(box.outside("plain"), {tar_directory("cur"),
                                    {"cur/1", AE_IFREG, "one", {}, false, 0600},
                                    {"cur/2", AE_IFREG, "one", {}, false, 0600},
                                    {"cur/3", AE_IFREG, "one", {}, false, 0600}});
    const auto linked = scan_archive(box.outside("linked"));
    const auto plain = scan_archive(box.outside("plain"));
    REQUIRE(linked);
    REQUIRE(plain);
    CHECK(linked->sha256 == plain->sha256);
    CHECK(linked->bytes == 9);
    CHECK(linked->messages == 3);
  }
}

TEST_CASE("limits and duplicates of a scan", "[mail]") {
  const MailSandbox box;
  const auto path = box.outside("a.tar");
  make_tar(path, {{"cur/1:2,S", AE_IFREG, "one", {}, false, 0600},
                  {".A/new/1", AE_IFREG, "one", {}, false, 0600},
                  {".B/cur/1:2,", AE_IFREG, "one", {}, false, 0600},
                  {"cur/2", AE_IFREG, "two", {}, false, 0600},
                  {"cur/.hidden", AE_IFREG, "no message", {}, false, 0600}});
  const auto scan = scan_archive(path);
  REQUIRE(scan);
  CHECK(scan->messages == 4);
  CHECK(scan->duplicates == std::vector<NameHash>{hash_name("1")});
  CHECK(scan_error(path, nullptr, {4, 1000}) == Errc::invalid);
  CHECK(scan_error(path, nullptr, {5, 21}) == Errc::invalid);
  CHECK(scan_archive(path, {5, 22}));
}
