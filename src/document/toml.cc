// The only call of toml++. It throws, which no other part of the project knows, and it trusts its
// input with the depth of keys; domain files come from other servers, so they are looked at before
// it sees them.

#include "document/toml.h"

#include <algorithm>

namespace vstate::document {

namespace {

/// toml++ recurses into dotted keys without a bound, and would run out of stack. Follows strings
/// and comments, so that a dot in them is no key's.
class KeyDepth {
 public:
  explicit KeyDepth(std::string_view text) : text_(text) {}

  /// Where a key has more parts than any that the format knows.
  std::optional<toml::source_position> find_too_deep() {
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
      if (dots_ > k_most) return position();
      ++at_;
    }
    return std::nullopt;
  }

 private:
  static constexpr int k_most = 16;

  void skip_string(char quote) {
    const std::string three(3, quote);
    const bool is_long = text_.substr(at_, 3) == three;
    const std::string_view end =
        is_long ? std::string_view(three) : std::string_view(three).substr(2);
    at_ += end.size();
    while (at_ < text_.size() && text_.substr(at_, end.size()) != end) {
      if (!is_long && text_[at_] == '\n') return;  // the parser says what is wrong with it
      at_ += quote == '"' && text_[at_] == '\\' ? 2 : 1;
    }
    at_ = std::min(at_ + end.size(), text_.size());
  }

  [[nodiscard]] toml::source_position position() const {
    const auto before = text_.substr(0, at_);
    const auto lines = std::count(before.begin(), before.end(), '\n');
    const auto start = before.rfind('\n') + 1;  // npos + 1 is 0
    return {static_cast<toml::source_index>(lines + 1),
            static_cast<toml::source_index>(at_ - start + 1)};
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int dots_ = 0;
};

}  // namespace

std::optional<toml::table> parse_toml(std::string_view text, const std::string& file_name,
                                      Diagnostics& diagnostics) {
  if (const auto at = KeyDepth(text).find_too_deep()) {
    diagnostics.error({file_name, at->line, at->column}, "a key has more than 16 parts");
    return std::nullopt;
  }
  try {
    return toml::parse(text, file_name);
  } catch (const toml::parse_error& error) {
    const auto at = error.source().begin;
    diagnostics.error({file_name, at.line, at.column}, std::string(error.description()));
    return std::nullopt;
  }
}

}  // namespace vstate::document
