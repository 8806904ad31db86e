#include "mbox/time_zone.h"

#include <array>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>
#include <limits>
#include <optional>

#include "support/catch.h"

using namespace vstate;

namespace {

std::string zone_file(const std::string& name) {
  std::ifstream in("/usr/share/zoneinfo/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// A file of one offset, and with a rule for later.
std::string made_zone_file(std::int32_t offset, const std::string& rule) {
  const auto number = [](std::uint32_t value) {
    std::string bytes;
    for (int shift = 24; shift >= 0; shift -= 8)
      bytes.push_back(static_cast<char>(value >> static_cast<unsigned>(shift) & 0xffU));
    return bytes;
  };
  constexpr std::size_t reserved = 15;
  std::string part = "TZif2" + std::string(reserved, '\0');
  for (const std::uint32_t count : {0U, 0U, 0U, 0U, 1U, 4U}) part += number(count);
  part += number(static_cast<std::uint32_t>(offset)) + std::string("\0\0LMT\0", 6);
  return part + part + "\n" + rule + "\n";
}

/// The C library's own opinion of a zone.
class InZone {
 public:
  explicit InZone(const std::string& name) {
    if (const char* said = std::getenv("TZ")) before_ = said;
    setenv("TZ", name.c_str(), 1);
    tzset();
  }
  ~InZone() {
    before_.empty() ? unsetenv("TZ") : setenv("TZ", before_.c_str(), 1);
    tzset();
  }
  InZone(const InZone&) = delete;
  InZone& operator=(const InZone&) = delete;

 private:
  std::string before_;
};

}  // namespace

TEST_CASE("a zone is what the C library says", "[mbox]") {
  const std::string name = GENERATE("Europe/Berlin", "America/New_York", "Australia/Sydney",
                                    "Asia/Kolkata", "America/Sao_Paulo", "Etc/UTC");
  const auto bytes = zone_file(name);
  if (bytes.empty()) SKIP("/usr/share/zoneinfo/" + name + " is not here");
  const auto zone = mbox::TimeZone::parse(bytes);
  REQUIRE(zone);
  const InZone in_zone(name);
  // 61 hours apart, 1975 to 2060.
  for (std::time_t at = 157'766'400; at < 2'840'140'800; at += 61 * 3600 + 7) {
    std::tm local{};
    localtime_r(&at, &local);
    const std::chrono::sys_seconds instant{std::chrono::seconds(at)};
    REQUIRE(zone->offset_at(instant).count() == local.tm_gmtoff);
    const std::chrono::local_seconds shown{std::chrono::seconds(at + local.tm_gmtoff)};
    const auto back = zone->to_utc(shown);
    // An hour that is shown twice has two answers.
    REQUIRE((back == instant || zone->offset_at(back) != zone->offset_at(instant)));
  }
}

TEST_CASE("what is no zone is refused, wherever it is cut", "[mbox]") {
  CHECK_FALSE(mbox::TimeZone::parse(""));
  CHECK_FALSE(mbox::TimeZone::parse("Europe/Berlin\n"));
  const auto bytes = zone_file("Europe/Berlin");
  for (std::size_t size = 0; size < bytes.size(); ++size)
    if (const auto zone = mbox::TimeZone::parse(bytes.substr(0, size)))
      (void)zone->offset_at(std::chrono::sys_seconds());
}

TEST_CASE("a zone that no clock can have is refused", "[mbox]") {
  const std::chrono::sys_seconds summer(std::chrono::seconds(1'625'000'000));
  const auto offset_in = [&](std::int32_t offset, const std::string& rule) {
    const auto zone = mbox::TimeZone::parse(made_zone_file(offset, rule));
    return zone ? std::optional(zone->offset_at(summer).count()) : std::nullopt;
  };
  constexpr std::int32_t hour = 3600;
  CHECK(offset_in(hour, "CET-1CEST,M3.5.0,M10.5.0/3") == 2 * hour);
  CHECK(offset_in(hour, "CET-1") == hour);
  CHECK_FALSE(offset_in(26 * hour, "CET-1"));
  CHECK_FALSE(offset_in(std::numeric_limits<std::int32_t>::min(), "CET-1"));
  // A rule that means nothing leaves what the list of changes says, and half of one the other half.
  CHECK(offset_in(hour, "CET-999999") == hour);
  CHECK(offset_in(2 * hour, "CET-1CEST-999999,M3.5.0,M10.5.0/3") == hour);
  CHECK(offset_in(hour, "CET-1CEST,M3.5.0/999999:999999:999999,M10.5.0/-999999"));
}
