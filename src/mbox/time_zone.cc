// The C library knows one time zone a process, and a server that is read over the network has its
// own, so the file is read here. Dates after its last change follow the rule at its end, which is
// all that small files of today have.

#include "mbox/time_zone.h"

#include <algorithm>
#include <array>

#include "vstate/base/text.h"

namespace vstate::mbox {

namespace {

using std::chrono::seconds;
using std::chrono::sys_seconds;

constexpr std::int32_t k_hour = 3600;

/// Whether clocks can be ahead of UTC by so much (RFC 8536, 3.2); more would be a date of another
/// day, or of another year.
bool is_offset(std::int32_t offset) { return offset > -25 * k_hour && offset < 26 * k_hour; }

/// Big-endian numbers, one after the other; behind the end there are zeros and `is_short`.
class Numbers {
 public:
  explicit Numbers(std::string_view bytes) : bytes_(bytes) {}
  std::int64_t next(std::size_t width) {
    if (bytes_.size() < width) is_short = true;
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < width; ++i) {
      const auto byte = i < bytes_.size() ? static_cast<unsigned char>(bytes_[i]) : 0U;
      // The sign fills what is above the first byte.
      if (i == 0 && (byte & 0x80U) != 0) value = ~std::uint64_t{0};
      value = (value << 8U) | byte;
    }
    skip(width);
    return static_cast<std::int64_t>(value);
  }
  void skip(std::size_t count) { bytes_.remove_prefix(std::min(count, bytes_.size())); }
  [[nodiscard]] std::string_view rest() const { return bytes_; }
  bool is_short = false;

 private:
  std::string_view bytes_;
};

struct ZoneHeader {
  bool has_second_part = false;
  std::size_t in_utc = 0, standard = 0, leaps = 0, times = 0, types = 0, characters = 0;

  [[nodiscard]] std::size_t size(std::size_t width) const {
    return times * (width + 1) + types * 6 + characters + leaps * (width + 4) + standard + in_utc;
  }
};

Result<ZoneHeader> zone_header(Numbers& in) {
  constexpr std::size_t size = 44, reserved = 15;
  if (in.rest().size() < size || !in.rest().starts_with("TZif"))
    return fail(Errc::invalid, "is no file of a time zone");
  in.skip(4);
  ZoneHeader header;
  header.has_second_part = in.rest().front() >= '2';
  in.skip(1 + reserved);
  for (auto* count : {&header.in_utc, &header.standard, &header.leaps, &header.times, &header.types,
                      &header.characters})
    *count = static_cast<std::uint32_t>(in.next(4));
  return header;
}

}  // namespace

/// Of "CET-1CEST,M3.5.0,M10.5.0/3", the last line of the file.
class TimeZone::RuleReader {
 public:
  explicit RuleReader(std::string_view text) : text_(text) {}
  std::optional<Later> read() {
    Later out;
    if (!skip_name()) return std::nullopt;
    out.standard = -time();
    if (!is_offset(out.standard)) return std::nullopt;
    if (!skip_name()) return out;
    out.summer = text_.starts_with(',') ? out.standard + k_hour : -time();
    if (!is_offset(*out.summer) || !rule(out.begin) || !rule(out.end)) out.summer.reset();
    return out;
  }

 private:
  bool skip_name() {
    std::size_t length = 0;
    if (text_.starts_with('<')) {
      const auto end = text_.find('>');
      length = end == std::string_view::npos ? 0 : end + 1;
    } else {
      length = std::min(text_.find_first_of("0123456789+-,"), text_.size());
    }
    text_.remove_prefix(length);
    return length > 0;
  }
  std::int32_t number() {
    const auto end = std::min(text_.find_first_not_of("0123456789"), text_.size());
    const auto value = to_number(text_.substr(0, std::min<std::size_t>(end, 6))).value_or(0);
    text_.remove_prefix(end);
    return static_cast<std::int32_t>(value);
  }
  bool skip(char c) {
    if (!text_.starts_with(c)) return false;
    text_.remove_prefix(1);
    return true;
  }
  /// Within a week, which is what rules may have.
  std::int32_t time() {
    const bool is_negative = skip('-');
    if (!is_negative) (void)skip('+');
    constexpr std::int32_t most_hours = 167, most = 59;
    auto value = std::min(number(), most_hours) * k_hour;
    if (skip(':')) value += std::min(number(), most) * 60;
    if (skip(':')) value += std::min(number(), most);
    return is_negative ? -value : value;
  }
  bool rule(YearlyRule& out) {
    if (!skip(',') || !skip('M')) return false;
    out.month = static_cast<unsigned>(number());
    if (!skip('.')) return false;
    out.week = static_cast<unsigned>(number());
    if (!skip('.')) return false;
    out.weekday = static_cast<unsigned>(number());
    out.second = skip('/') ? time() : 2 * k_hour;
    return out.month >= 1 && out.month <= 12 && out.week >= 1 && out.week <= 5 && out.weekday < 7;
  }

  std::string_view text_;
};

std::chrono::local_seconds TimeZone::YearlyRule::in(std::chrono::year year) const {
  namespace chrono = std::chrono;
  const chrono::weekday day(weekday);
  const chrono::month of(month);
  constexpr unsigned last = 5;
  const auto date = week == last ? chrono::local_days(year / of / day[chrono::last])
                                 : chrono::local_days(year / of / day[week]);
  return date + seconds(second);
}

Result<TimeZone> TimeZone::parse(std::string_view bytes) {
  Numbers in(bytes);
  VSTATE_TRY_ASSIGN(auto header, zone_header(in));
  std::size_t width = 4;
  const bool has_rule = header.has_second_part;
  if (has_rule) {
    in.skip(header.size(width));
    VSTATE_TRY_ASSIGN(header, zone_header(in));
    width = 8;
  }
  if (in.rest().size() < header.size(width)) return fail(Errc::invalid, "is cut off");
  TimeZone zone;
  std::vector<std::int64_t> times(header.times);
  for (auto& time : times) time = in.next(width);
  std::vector<std::size_t> kinds(header.times);
  for (auto& kind : kinds) kind = static_cast<std::uint8_t>(in.next(1));
  std::vector<std::int32_t> offsets(header.types);
  for (auto& offset : offsets) {
    offset = static_cast<std::int32_t>(in.next(4));
    if (!is_offset(offset)) return fail(Errc::invalid, "has an offset of more than a day");
    in.skip(2);
  }
  if (!offsets.empty()) zone.first_ = offsets.front();
  for (std::size_t i = 0; i < times.size(); ++i)
    if (kinds[i] < offsets.size()) zone.changes_.push_back({times[i], offsets[kinds[i]]});
  in.skip(header.characters + header.leaps * (width + 4) + header.standard + header.in_utc);
  const auto lines = split_lines(in.rest());
  if (has_rule && lines.size() > 1) zone.later_ = RuleReader(lines[1]).read();
  return zone;
}

seconds TimeZone::offset_later(sys_seconds at) const {
  const seconds standard(later_->standard);
  if (!later_->summer) return standard;
  const seconds summer(*later_->summer);
  const auto days = std::chrono::floor<std::chrono::days>(at + standard);
  const auto year = std::chrono::year_month_day(days).year();
  const sys_seconds begin(later_->begin.in(year).time_since_epoch() - standard);
  const sys_seconds end(later_->end.in(year).time_since_epoch() - summer);
  // South of the equator summer time lasts over the turn of the year.
  const bool is_summer = begin < end ? at >= begin && at < end : at >= begin || at < end;
  return is_summer ? summer : standard;
}

seconds TimeZone::offset_at(sys_seconds at) const {
  const auto time = at.time_since_epoch().count();
  if (later_ && (changes_.empty() || time >= changes_.back().at)) return offset_later(at);
  const auto next = std::upper_bound(changes_.begin(), changes_.end(), time,
                                     [](std::int64_t t, const Change& c) { return t < c.at; });
  return seconds(next == changes_.begin() ? first_ : std::prev(next)->offset);
}

sys_seconds TimeZone::to_utc(std::chrono::local_seconds local) const {
  const sys_seconds as_utc(local.time_since_epoch());
  constexpr auto day = std::chrono::days(1);
  // No zone changes twice within two days, so one of both is right unless clocks skipped the time.
  const auto before = offset_at(as_utc - day), after = offset_at(as_utc + day);
  for (const auto offset : {before, after})
    if (offset_at(as_utc - offset) == offset) return as_utc - offset;
  return as_utc - before;
}

}  // namespace vstate::mbox
