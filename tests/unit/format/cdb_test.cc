#include "format/cdb.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cdb.h>

#include "unit/format/captures.h"

namespace vstate::cdb {
namespace {

using vstate::test::for_each_damage;

Records many_records() {
  Records out{{"", "empty key"}, {"twice", "first"}, {"twice", "second"}, {"empty data", ""}};
  for (std::size_t i = 0; i < 700; ++i)
    out.emplace_back("key" + std::to_string(i), std::string(i % 9, 'x'));
  out.emplace_back(std::string("\0\n\xFF", 3), std::string("\0", 1));
  return out;
}

/// A file in memory, since TinyCDB reads and writes descriptors.
class MemoryFile {
 public:
  explicit MemoryFile(const std::string& bytes = {}) : descriptor_(memfd_create("cdb", 0)) {
    REQUIRE(descriptor_ >= 0);
    REQUIRE(::write(descriptor_, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { close(descriptor_); }
  [[nodiscard]] int descriptor() const { return descriptor_; }
  [[nodiscard]] std::string bytes() const {
    std::string out(static_cast<std::size_t>(lseek(descriptor_, 0, SEEK_END)), '\0');
    REQUIRE(pread(descriptor_, out.data(), out.size(), 0) == static_cast<ssize_t>(out.size()));
    return out;
  }

 private:
  int descriptor_;
};

std::string written_by_tinycdb(const Records& records) {
  const MemoryFile file;
  cdb_make make{};
  REQUIRE(cdb_make_start(&make, file.descriptor()) == 0);
  for (const auto& [key, data] : records)
    REQUIRE(cdb_make_add(&make, key.data(), static_cast<unsigned>(key.size()), data.data(),
                         static_cast<unsigned>(data.size())) == 0);
  REQUIRE(cdb_make_finish(&make) == 0);
  return file.bytes();
}

}  // namespace

TEST_CASE("cdb: what was written is read back in order", "[format][cdb]") {
  for (const auto& records : {Records{}, Records{{"a", "b"}}, many_records()}) {
    const auto result = read(write(records));
    REQUIRE(result);
    CHECK(*result == records);
  }
}

TEST_CASE("cdb: a file without records is the header alone", "[format][cdb]") {
  const auto bytes = write({});
  REQUIRE(bytes.size() == 2048);
  CHECK(bytes.substr(0, 8) == std::string("\0\x08\0\0\0\0\0\0", 8));
}

TEST_CASE("cdb: the record of FORMATS 1.5 stands at 2048 as qmail-newu writes it",
          "[format][cdb]") {
  const std::string data(
      "example.com\0"
      "89\0"
      "89\0"
      "/home/vpopmail/domains/example.com\0-\0",
      55);
  const auto bytes = write({{"!example.com-", data}, {"", "-"}});
  CHECK(bytes.substr(2048, 8) == std::string("\x0d\0\0\0\x37\0\0\0", 8));
  CHECK(bytes.substr(2056, 13 + 55) == "!example.com-" + data);
  // Two records in two tables, two slots of eight bytes for each.
  CHECK(bytes.size() == 2048 + 8 + 13 + 55 + 8 + 0 + 1 + 2 * 2 * 8);
}

TEST_CASE("cdb: find gives the first of equal keys", "[format][cdb]") {
  const auto records = many_records();
  const auto bytes = write(records);
  CHECK(find(bytes, "twice") == "first");
  CHECK(find(bytes, "") == "empty key");
  CHECK(find(bytes, "empty data") == "");
  CHECK_FALSE(find(bytes, "not there"));
  CHECK_FALSE(find(write({}), ""));
  for (const auto& [key, data] : records)
    if (key != "twice") CHECK(find(bytes, key) == data);
}

TEST_CASE("cdb: TinyCDB finds every record of our file", "[format][cdb]") {
  const auto records = many_records();
  const MemoryFile file(write(records));
  struct cdb reader {};
  REQUIRE(cdb_init(&reader, file.descriptor()) == 0);
  for (const auto& [key, data] : records) {
    REQUIRE(cdb_find(&reader, key.data(), static_cast<unsigned>(key.size())) == 1);
    std::string found(cdb_datalen(&reader), '\0');
    REQUIRE(cdb_read(&reader, found.data(), cdb_datalen(&reader), cdb_datapos(&reader)) == 0);
    CHECK(found == (key == "twice" ? "first" : data));
  }
  CHECK(cdb_find(&reader, "not there", 9) == 0);
  cdb_free(&reader);
}

TEST_CASE("cdb: a file written by TinyCDB is read", "[format][cdb]") {
  for (const auto& records : {Records{}, many_records()}) {
    const auto bytes = written_by_tinycdb(records);
    const auto result = read(bytes);
    if (!result) FAIL(result.error().message);
    CHECK(*result == records);
    for (const auto& [key, data] : records)
      if (key != "twice") CHECK(find(bytes, key) == data);
  }
}

TEST_CASE("cdb: no prefix is taken for a whole file", "[format][cdb]") {
  const auto bytes = write({{"one", "1"}, {"two", "2"}, {"two", "3"}, {"", ""}});
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const auto result = read(std::string_view(bytes).substr(0, length));
    REQUIRE_FALSE(result);
    CHECK(result.error().code == Errc::invalid);
  }
  CHECK_FALSE(read(bytes + '\0'));
}

TEST_CASE("cdb: every flipped byte outside of data and unused pointers is noticed",
          "[format][cdb]") {
  const Records records{{"one", "1"}, {"two", "2"}, {"two", "3"}, {"", ""}};
  const auto bytes = write(records);
  std::size_t unnoticed = 0;
  for_each_damage(bytes, [&](const std::string& damaged) {
    for (const auto& [key, data] : records) (void)find(damaged, key);
    if (damaged.size() == bytes.size() && read(damaged)) ++unnoticed;
  });
  // Three bytes of data, the hash halves of empty slots, and positions of tables without slots.
  const std::size_t empty_slots = 4;
  const std::size_t empty_tables = 256 - 3;
  CHECK(unnoticed <= 2 * (3 + empty_slots * 4 + empty_tables * 4));
  CHECK(unnoticed >= std::size_t{2} * 3);
}

TEST_CASE("cdb: contradictions between tables and records are errors", "[format][cdb]") {
  const auto good = write({{"twice", "first"}, {"twice", "second"}});
  const std::size_t table = good.size() - std::size_t{4} * 8;
  SECTION("a second record found before the first of the same key") {
    auto bytes = good;
    const auto home = hash("twice") / 256 % 4;
    const auto slot = [&](std::size_t turn) { return table + (home + turn) % 4 * 8; };
    std::swap_ranges(bytes.begin() + static_cast<std::ptrdiff_t>(slot(0)),
                     bytes.begin() + static_cast<std::ptrdiff_t>(slot(0) + 8),
                     bytes.begin() + static_cast<std::ptrdiff_t>(slot(1)));
    CHECK(find(bytes, "twice") == "second");
    CHECK_FALSE(read(bytes));
  }
  SECTION("a slot that is lost") {
    auto bytes = good;
    const std::size_t home = hash("twice") / 256 % 4;
    bytes.replace(table + home * 8, 8, 8, '\0');
    CHECK_FALSE(find(bytes, "twice"));
    CHECK_FALSE(read(bytes));
  }
}

TEST_CASE("cdb: captured files are reproduced byte for byte", "[format][cdb][capture]") {
  SKIP_WITHOUT_CAPTURES();
  std::vector<std::filesystem::path> files = test::captured_files("vpasswd.cdb");
  for (const auto& server : test::captured_servers()) files.push_back(server.qmail / "users/cdb");
  files.push_back(test::captured_servers()[1].qmail / "control/morercpthosts.cdb");
  for (const auto& file : files) {
    INFO(file.string());
    const auto bytes = test::read_bytes(file);
    const auto records = read(bytes);
    REQUIRE(records);
    CHECK(write(*records) == bytes);
    for (const auto& [key, data] : *records) CHECK(find(bytes, key) == data);
  }
}

}  // namespace vstate::cdb
