#include "mbox/time_zone.h"

#include <array>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>

#include "support/catch.h"

using namespace vstate;

namespace {

std::string zone_file(const std::string& name) {
  std::ifstream in("/usr/share/zoneinfo/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
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
