#include "format/subscribers.h"

#include <algorithm>
#include <cstdint>

#include "unit/format/captures.h"

namespace vstate::ezmlm {
namespace {

using Buckets = std::map<char, std::vector<std::string>>;

Buckets placed(const std::vector<std::string>& addresses, HashRule rule) {
  Buckets out;
  for (const auto& address : addresses) out[bucket_name(bucket(address, rule))].push_back(address);
  return out;
}

}  // namespace

TEST_CASE("subscribers: both rules give the buckets of FORMATS 13.5", "[format][ezmlm]") {
  struct Row {
    std::string address;
    unsigned bits32;
    char name32;
    unsigned bits64;
    char name64;
  };
  for (const auto& row :
       {Row{"user@example.com", 23, 'W', 25, 'Y'}, Row{"joe@example.com", 27, '[', 38, 'f'},
        Row{"postmaster@example.com", 0, '@', 33, 'a'}}) {
    INFO(row.address);
    CHECK(bucket(row.address, HashRule::bits32) == row.bits32);
    CHECK(bucket(row.address, HashRule::bits64) == row.bits64);
    CHECK(bucket_name(row.bits32) == row.name32);
    CHECK(bucket_name(row.bits64) == row.name64);
  }
  CHECK(bucket("User@Example.COM", HashRule::bits64) == 25);
  CHECK(bucket_name(0) == '@');
  CHECK(bucket_name(52) == 't');
}

TEST_CASE("subscribers: a file is a sequence of T, address, NUL", "[format][ezmlm]") {
  const auto bytes = bucket_bytes({"b@x.example", "A@x.example"});
  CHECK(bytes == std::string("TA@x.example\0Tb@x.example\0", 26));
  const auto bucket_read = parse_bucket(bytes);
  CHECK(bucket_read.blemishes.empty());
  CHECK(bucket_read.addresses == std::vector<std::string>{"A@x.example", "b@x.example"});
  CHECK(parse_bucket("").addresses.empty());
  CHECK(bucket_bytes({}).empty());
}

TEST_CASE("subscribers: a record that is none is named, and the others are read",
          "[format][ezmlm]") {
  const std::string good = bucket_bytes({"a@x.example"});
  const auto check = [&](const std::string& rest, std::string_view blemish) {
    for (const auto& bytes : {good + rest, rest.back() == '\0' ? rest + good : good + rest}) {
      const auto found = parse_bucket(bytes);
      CHECK(found.addresses == std::vector<std::string>{"a@x.example"});
      REQUIRE(found.blemishes.size() == 1);
      CHECK(found.blemishes.front().find(blemish) != std::string::npos);
    }
  };
  check("Tb@x.example", "is cut off: \"Tb@x.example\"");
  check("\n", "is cut off: \"\\x0a\"");
  check(std::string("T\0", 2), "holds no address");
  check(std::string("b@x.example\0", 12), "does not begin with \"T\"");
  check("T" + std::string(401, 'a') + '\0', "is longer than ezmlm allows");
  CHECK(parse_bucket("T" + std::string(400, 'a') + '\0').addresses.size() == 1);
  test::for_each_damage(good + good, [](const std::string& damaged) {
    const auto bucket = parse_bucket(damaged);
    if (bucket.blemishes.empty()) CHECK(bucket_bytes(bucket.addresses).size() == damaged.size());
  });
}

TEST_CASE("subscribers: the rule is known from where addresses stand", "[format][ezmlm]") {
  const std::vector<std::string> addresses{"user@example.com", "Joe@example.com",
                                           "postmaster@example.com"};
  CHECK(rule_of(placed(addresses, HashRule::bits32)) == HashRule::bits32);
  CHECK(rule_of(placed(addresses, HashRule::bits64)) == HashRule::bits64);
  CHECK_FALSE(rule_of({}));
  SECTION("an address for which both rules agree cannot tell") {
    std::string address = "a@example.com";
    while (bucket(address, HashRule::bits32) != bucket(address, HashRule::bits64))
      address.insert(0, "a");
    CHECK_FALSE(rule_of(placed({address}, HashRule::bits32)));
  }
  SECTION("an address in the bucket of its capitals counts") {
    const auto name = [](std::string_view text) {
      std::uint64_t value = 5381;
      for (const char c : text) value = value * 33 ^ static_cast<unsigned char>(c);
      return bucket_name(static_cast<unsigned>(value % 53));
    };
    REQUIRE(name("TJoe@example.com") != bucket_name(bucket("Joe@example.com", HashRule::bits64)));
    CHECK(rule_of({{name("TJoe@example.com"), {"Joe@example.com"}}}) == HashRule::bits64);
  }
  SECTION("a list with both has no rule") {
    auto mixed = placed({"user@example.com"}, HashRule::bits32);
    mixed.merge(placed({"joe@example.com"}, HashRule::bits64));
    CHECK_FALSE(rule_of(mixed));
  }
}

TEST_CASE("subscribers: captured lists follow the 64-bit rule", "[format][ezmlm][capture]") {
  SKIP_WITHOUT_CAPTURES();
  std::map<std::filesystem::path, Buckets> lists;
  for (const auto& server : test::captured_servers())
    for (const auto& entry : std::filesystem::recursive_directory_iterator(server.vpopmail)) {
      const auto& path = entry.path();
      if (!entry.is_regular_file() || path.parent_path().filename() != "subscribers") continue;
      INFO(path.string());
      const auto bytes = test::read_bytes(path);
      const auto found = parse_bucket(bytes);
      REQUIRE(found.blemishes.empty());
      const auto& addresses = found.addresses;
      if (std::is_sorted(addresses.begin(), addresses.end()))
        CHECK(bucket_bytes(addresses) == bytes);
      lists[path.parent_path()][path.filename().string().front()] = addresses;
    }
  REQUIRE(lists.size() == 12);
  for (const auto& [path, buckets] : lists) {
    INFO(path.string());
    CHECK(rule_of(buckets) == HashRule::bits64);
  }
}

}  // namespace vstate::ezmlm
