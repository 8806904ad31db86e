// The only call of toml++. It throws, which no other part of the project knows, and it trusts its
// input with the depth of keys and with what stands where a blank might; domain files come from
// other servers, so they are looked at before it sees them.

#include "document/toml.h"

#include <algorithm>

#include <fmt/format.h>

#include "vstate/base/text.h"

namespace vstate::document {

namespace {

bool is_ascii(char c) { return static_cast<unsigned char>(c) < 0x80; }

/// A character of valid UTF-8 as an escape of TOML.
std::string escaped(std::string_view character) {
  constexpr unsigned more = 6, in_rest = 0x3f;
  auto value = static_cast<unsigned char>(character.front()) & (0xffU >> (character.size() + 1));
  for (const char c : character.substr(1))
    value = value << more | (static_cast<unsigned char>(c) & in_rest);
  return fmt::format("\\U{:08x}", value);
}

/// Follows strings and comments: what is in them is no key.
///
/// toml++ recurses into dotted keys without a bound, and would run out of stack. And of a character
/// that is not ASCII it asks whether it is a blank in a way whose answer is undefined for most,
/// such as "\u00e9". Such a character is an error but in a string, where one may stand behind a
/// backslash at the end of a line.
class Scan {
 public:
  explicit Scan(std::string_view text) : text_(text) {}

  struct Problem {
    toml::source_position at;
    std::string what;
  };
  std::optional<Problem> find_problem() {
    if (text_.starts_with(k_byte_order_mark)) at_ = k_byte_order_mark.size();
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"' || c == '\'') {
        skip_string(c);
        continue;
      }
      if (c == '#') {
        at_ = std::min(text_.find('\n', at_), text_.size());
        continue;
      }
      if (c == '.')
        ++dots_;
      else if (std::string_view("\n=,{}").find(c) != std::string_view::npos)
        dots_ = 0;
      if (dots_ > k_most) return Problem{position(), "a key has more than 16 parts"};
      if (is_ascii(c))
        ++at_;
      else
        refuse_character("stands in no string; put it in quotes");
    }
    return problem_;
  }

  /// The text as toml++ may see it, once it was looked through; it means the same.
  [[nodiscard]] std::string text() const {
    std::string out;
    std::size_t taken = 0;
    for (const auto at : behind_joined_lines_) {
      const auto here = text_.substr(at, utf8_length(text_, at));
      out.append(text_.substr(taken, at - taken)).append(escaped(here));
      taken = at + here.size();
    }
    return out.append(text_.substr(taken));
  }

 private:
  static constexpr int k_most = 16;
  static constexpr std::string_view k_byte_order_mark = "\xef\xbb\xbf";

  void skip_string(char quote) {
    const std::string three(3, quote);
    const bool is_long = text_.substr(at_, 3) == three;
    const std::string_view end =
        is_long ? std::string_view(three) : std::string_view(three).substr(2);
    at_ += end.size();
    while (at_ < text_.size() && text_.substr(at_, end.size()) != end) {
      if (!is_long && text_[at_] == '\n') return;  // the parser says what is wrong with it
      const bool is_escape = quote == '"' && text_[at_] == '\\';
      if (is_escape && is_long && skip_joined_lines()) continue;
      if (is_escape && at_ + 1 < text_.size() && !is_ascii(text_[at_ + 1])) {
        ++at_;
        return refuse_character("stands behind a backslash");
      }
      at_ += is_escape ? 2 : 1;
    }
    at_ = std::min(at_ + end.size(), text_.size());
    // Two quotes more may stand in front of those that end a long string.
    for (int i = 0; is_long && i < 2 && text_.substr(at_).starts_with(quote); ++i) ++at_;
  }

  /// A backslash at the end of a line, and all blanks behind it.
  bool skip_joined_lines() {
    const auto end = std::min(text_.find_first_not_of(" \t\r", at_ + 1), text_.size());
    if (end == text_.size() || text_[end] != '\n') return false;
    at_ = std::min(text_.find_first_not_of(" \t\r\n", end), text_.size());
    if (utf8_length(text_, at_) > 1) behind_joined_lines_.push_back(at_);
    return true;
  }

  /// Ends the scan. What is no UTF-8 is left for the parser, which stops there as well.
  void refuse_character(std::string_view what) {
    const auto here = text_.substr(at_, utf8_length(text_, at_));
    if (!here.empty()) problem_ = {position(), fmt::format("\"{}\" {}", visible(here), what)};
    at_ = text_.size();
  }

  [[nodiscard]] toml::source_position position() const {
    const auto before = text_.substr(0, at_);
    const auto lines = std::count(before.begin(), before.end(), '\n');
    const auto line = before.substr(before.rfind('\n') + 1);  // npos + 1 is 0
    const auto characters = std::count_if(line.begin(), line.end(), [](char c) {
      return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U;
    });
    return {static_cast<toml::source_index>(lines + 1),
            static_cast<toml::source_index>(characters + 1)};
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int dots_ = 0;
  std::optional<Problem> problem_;
  std::vector<std::size_t> behind_joined_lines_;  ///< where characters that are not ASCII stand
};

}  // namespace

std::optional<toml::table> parse_toml(std::string_view text, const std::string& file_name,
                                      Diagnostics& diagnostics) {
  Scan scan(text);
  if (const auto problem = scan.find_problem()) {
    diagnostics.error({file_name, problem->at.line, problem->at.column}, problem->what);
    return std::nullopt;
  }
  try {
    return toml::parse(scan.text(), file_name);
  } catch (const toml::parse_error& error) {
    const auto at = error.source().begin;
    diagnostics.error({file_name, at.line, at.column}, std::string(error.description()));
    return std::nullopt;
  }
}

}  // namespace vstate::document
