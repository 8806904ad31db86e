// vpopmail's counters are copied step by step, defects included: the next vadduser on the target
// goes on from the file, and must find what it would have written itself. The reader is strict
// where vpopmail's is not, since a counter that is damaged would send new homes to a place that
// nobody expects.

#include "format/dir_control.h"

#include <algorithm>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "vstate/base/text.h"

namespace vstate {

namespace {

constexpr std::string_view k_alphabet =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::uint64_t k_bucket = 100;  ///< entries for each directory
constexpr int k_levels = 3;
constexpr std::size_t k_lines = 8;
/// vpopmail's buffer for a line; what is longer spills into the next one.
constexpr std::size_t k_longest_line = 255;

/// Whether the third number of a line is read, or the second one again, as vpopmail does it.
enum class ThirdNumber { as_it_stands, like_the_second };

tl::unexpected<Error> bad_line(std::size_t index, std::string_view what) {
  return fail(Errc::invalid, fmt::format("line {}: {}", index + 1, what));
}

/// A number that is at most `limit`.
std::optional<int> small_number(std::string_view text, int limit) {
  const auto value = to_number(text);
  if (!value || *value > static_cast<std::uint64_t>(limit)) return std::nullopt;
  return static_cast<int>(*value);
}

/// The first two numbers of a line, and in the place of the third what `third` says.
std::optional<std::array<int, 3>> three_numbers(std::string_view line, int limit,
                                                ThirdNumber third) {
  const auto words = split(line, ' ');
  // vcdb.c:vread_dir_control never gets as far as the third number, so a line without it is one
  // that vpopmail reads.
  if (words.size() < (third == ThirdNumber::as_it_stands ? 3U : 2U)) return std::nullopt;
  const auto first = small_number(words[0], limit);
  const auto second = small_number(words[1], limit);
  const auto last = third == ThirdNumber::as_it_stands ? small_number(words[2], limit) : second;
  if (!first || !second || !last) return std::nullopt;
  return std::array<int, 3>{*first, *second, *last};
}

/// Relative, and of no other bytes than vpopmail puts there, so that no ".." gets through.
bool is_directory(std::string_view text) {
  return !text.starts_with('/') && std::all_of(text.begin(), text.end(), [](char c) {
    return c == '/' || k_alphabet.find(c) != std::string_view::npos;
  });
}

/// One step of the character at a level; at the end of the alphabet the level above steps too.
void step(DirControl& control, std::size_t level) {
  const auto at = static_cast<std::size_t>(control.mod[level]);
  const auto first = static_cast<std::size_t>(control.start[level]);
  const auto last = static_cast<std::size_t>(control.end[level]);
  auto& text = control.directory;
  // The last character wraps to the first, and the wrap is the only moment at which index and
  // character meet again (bigdir.c:inc_dir).
  if (at < text.size() && text[at] == k_alphabet[last]) {
    text[at] = k_alphabet[first];
    control.index[level] = control.start[level];
    if (level > 0) step(control, level - 1);
    return;
  }
  // The index is counted even where the character only appears, which is how it comes to run one
  // ahead.
  ++control.index[level];
  // Right behind the "/" of a new level, unless the levels and the text do not fit together.
  if (at >= text.size()) {
    text.resize(at, '/');
    text += k_alphabet[first];
    return;
  }
  const auto known = k_alphabet.find(text[at]);
  const auto next = known == std::string_view::npos ? first : known + 1;
  text[at] = k_alphabet[next > last ? first : next];
}

/// A path with one more level, when all levels so far are used up.
void open_level(DirControl& control) {
  const auto level = static_cast<std::size_t>(control.level);
  // Three levels are all that there are; the last one only wraps.
  if (control.level >= k_levels - 1) return;
  // vpopmail compares the indexes and not the characters, and a level opens only when all of them
  // are at their end.
  for (std::size_t i = 0; i <= level; ++i)
    if (control.index[i] != control.end[i]) return;
  step(control, level);
  ++control.level;
  control.directory += '/';
}

Result<DirControl> parse(std::string_view bytes, ThirdNumber third) {
  const auto lines = split_lines(bytes);
  if (lines.size() < k_lines)
    return fail(Errc::invalid, fmt::format("{} lines, {} expected", lines.size(), k_lines));
  // A ninth line is looked at as well, since vpopmail takes it for the directory.
  for (std::size_t i = 0; i < std::min(lines.size(), k_lines + 1); ++i) {
    if (lines[i].find('\0') != std::string_view::npos) return bad_line(i, "a NUL byte");
    if (lines[i].size() > k_longest_line) return bad_line(i, "too long");
  }
  DirControl out;
  const auto users = to_number(lines[0]);
  if (!users) return bad_line(0, "not a number");
  out.current_users = *users;
  // What stands behind the first number of such a line is not read by vpopmail either.
  const auto level = small_number(split(lines[1], ' ').front(), k_levels - 1);
  if (!level) return bad_line(1, "not a level from 0 to 2");
  out.level = *level;
  const auto level_max = small_number(split(lines[2], ' ').front(), k_levels);
  if (!level_max) return bad_line(2, "not a number of levels from 0 to 3");
  out.level_max = *level_max;

  struct Row {
    std::size_t line;
    std::array<int, 3>* target;
    int limit;
  };
  const int last = static_cast<int>(k_alphabet.size()) - 1;
  // An index is compared and never used to reach a character, so it may run above the last.
  for (const Row& row : {Row{3, &out.start, last}, Row{4, &out.end, last},
                         Row{5, &out.mod, 2 * (k_levels - 1)}, Row{6, &out.index, 1'000'000}}) {
    const auto numbers = three_numbers(lines[row.line], row.limit, third);
    if (!numbers) return bad_line(row.line, "not three numbers within their range");
    *row.target = *numbers;
  }
  const std::size_t last_line = lines.size() > k_lines ? k_lines : k_lines - 1;
  if (!is_directory(lines[last_line])) return bad_line(last_line, "not a directory of hashing");
  out.directory = std::string(lines[last_line]);
  return out;
}

}  // namespace

Result<DirControl> parse_dir_control(std::string_view bytes) {
  return parse(bytes, ThirdNumber::like_the_second);
}

Result<DirControl> parse_whole_dir_control(std::string_view bytes) {
  return parse(bytes, ThirdNumber::as_it_stands);
}

std::string to_text(const DirControl& control) {
  std::string out =
      fmt::format("{}\n{}\n{}\n", control.current_users, control.level, control.level_max);
  for (const auto* row : {&control.start, &control.end, &control.mod, &control.index})
    out += fmt::format("{}\n", fmt::join(*row, " "));
  return out + control.directory + '\n';
}

std::string advance(DirControl& control) {
  ++control.current_users;
  // The directory changes only at full hundreds of the count, which deletions lower: the same
  // hundred can be passed twice.
  if (control.current_users % k_bucket != 0) return control.directory;
  // The first step only names the first directory; the index is not counted
  // (bigdir.c:next_big_dir).
  if (control.directory.empty()) {
    control.directory = k_alphabet[static_cast<std::size_t>(control.start[0])];
    return control.directory;
  }
  open_level(control);
  step(control, static_cast<std::size_t>(control.level));
  return control.directory;
}

void retreat(DirControl& control) {
  // vpopmail would wrap to a number of twenty digits, and count on from there.
  if (control.current_users > 0) --control.current_users;
}

}  // namespace vstate
