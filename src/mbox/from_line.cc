// Programs agree about "From ", and about little behind it. A line of text may begin so too; the
// date is what tells, so that it must be a possible one.

#include "mbox/from_line.h"

#include <algorithm>
#include <array>
#include <vector>

#include "vstate/base/text.h"

namespace vstate::mbox {

namespace {

using Words = std::vector<std::string_view>;

constexpr std::array<std::string_view, 7> k_weekdays{"sun", "mon", "tue", "wed",
                                                     "thu", "fri", "sat"};
constexpr std::array<std::string_view, 12> k_months{"jan", "feb", "mar", "apr", "may", "jun",
                                                    "jul", "aug", "sep", "oct", "nov", "dec"};

Words from_words(std::string_view text) {
  Words out;
  std::size_t at = 0;
  while ((at = text.find_first_not_of(" \t\r", at)) != std::string_view::npos) {
    const auto end = std::min(text.find_first_of(" \t\r", at), text.size());
    out.push_back(text.substr(at, end - at));
    at = end;
  }
  return out;
}

bool is_weekday(std::string_view word) {
  if (word.ends_with(',')) word.remove_suffix(1);
  return word.size() == 3 &&
         std::find(k_weekdays.begin(), k_weekdays.end(), to_lower(word)) != k_weekdays.end();
}

std::optional<unsigned> month_of(std::string_view word) {
  const auto found = std::find(k_months.begin(), k_months.end(), to_lower(word));
  if (word.size() != 3 || found == k_months.end()) return std::nullopt;
  return static_cast<unsigned>(found - k_months.begin()) + 1;
}

/// A number of at most four digits that is not more than `most`.
std::optional<unsigned> small_number(std::string_view word, unsigned most) {
  if (word.empty() || word.size() > 4) return std::nullopt;
  const auto value = to_number(word);
  if (!value || *value > most) return std::nullopt;
  return static_cast<unsigned>(*value);
}

std::optional<int> year_of(std::string_view word) {
  constexpr unsigned latest = 9999;
  const auto value = small_number(word, latest);
  if (!value || (word.size() != 4 && word.size() != 2)) return std::nullopt;
  constexpr int unix_began = 70, century = 100;
  const int year = static_cast<int>(*value);
  if (word.size() == 4) return year;
  return 1900 + year + (year < unix_began ? century : 0);
}

/// "09:20:30" or "09:20".
std::optional<std::chrono::seconds> time_of_day(std::string_view word) {
  const auto parts = split(word, ':');
  if (parts.size() < 2 || parts.size() > 3) return std::nullopt;
  const auto hour = small_number(parts[0], 23), minute = small_number(parts[1], 59);
  // Some write a leap second.
  const auto second = parts.size() == 3 ? small_number(parts[2], 60) : 0;
  if (!hour || !minute || !second) return std::nullopt;
  return std::chrono::hours(*hour) + std::chrono::minutes(*minute) + std::chrono::seconds(*second);
}

/// "+0100". Names such as EST are those of the writer's own clock, and many places share one: they
/// say no more than the server's time zone does.
std::optional<std::chrono::seconds> zone_of(std::string_view word) {
  if (word.size() != 5 || (word.front() != '+' && word.front() != '-')) return std::nullopt;
  constexpr unsigned most_hours = 14;
  const auto hours = small_number(word.substr(1, 2), most_hours);
  const auto minutes = small_number(word.substr(3, 2), 59);
  if (!hours || !minutes) return std::nullopt;
  const auto value = std::chrono::hours(*hours) + std::chrono::minutes(*minutes);
  return word.front() == '-' ? -value : std::chrono::seconds(value);
}

/// What stands behind the weekday, as far as it was understood.
class DateReader {
 public:
  explicit DateReader(const Words& words, std::size_t at) : words_(words), at_(at) {}

  /// Returns false if it is no date.
  bool read(FromLine& out) {
    const bool is_header_form = !month_of(word());
    const auto day = is_header_form ? small_number(next(), 31) : std::nullopt;
    const auto month = month_of(next());
    const auto other_day = is_header_form ? day : small_number(next(), 31);
    auto year = is_header_form ? year_of(next()) : std::nullopt;
    const auto time = time_of_day(next());
    if (!month || !other_day || !time) return false;
    // A zone may stand on either side of the year, and some write a name of two words.
    constexpr int most_words = 4;
    for (int i = 0; i < most_words && at_ < words_.size(); ++i) {
      const auto here = next();
      const auto zone = zone_of(here);
      if (zone && !out.offset)
        out.offset = zone;
      else if (!year)
        year = year_of(here);
      else if (!zone)
        break;
    }
    if (!year) return false;
    const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(*month),
                                           std::chrono::day(*other_day)};
    if (!date.ok()) return false;
    out.shown = std::chrono::local_days(date) + *time;
    return true;
  }

 private:
  [[nodiscard]] std::string_view word() const {
    return at_ < words_.size() ? words_[at_] : std::string_view();
  }
  std::string_view next() {
    const auto out = word();
    ++at_;
    return out;
  }

  const Words& words_;
  std::size_t at_;
};

}  // namespace

std::optional<FromLine> parse_from_line(std::string_view line) {
  constexpr std::string_view start = "From ";
  // What is longer was never such a line, and need not be looked through.
  constexpr std::size_t longest = 2000;
  if (!line.starts_with(start) || line.size() > longest) return std::nullopt;
  const auto rest = line.substr(start.size());
  const auto words = from_words(rest);
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (!is_weekday(words[i])) continue;
    FromLine out;
    if (!DateReader(words, i + 1).read(out)) continue;
    const auto length = static_cast<std::size_t>(words[i].data() - rest.data());
    out.sender = trim_end(rest.substr(0, length));
    return out;
  }
  return std::nullopt;
}

}  // namespace vstate::mbox
