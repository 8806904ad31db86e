// Columns of a terminal are not bytes and not characters: an accent takes none, a Chinese character
// two. The C library knows them by locale, and the program's own locale stays "C" since everything
// else is bytes. So the ruler has a locale of its own and takes it on only while it counts.

#include "view/ruler.h"

#include <wchar.h>

#include <algorithm>

#include "vstate/base/text.h"

namespace vstate::view {

namespace {

/// The ruler's locale for this thread, while it counts.
class Counting {
 public:
  explicit Counting(locale_t locale) : old_(uselocale(locale)) {}
  ~Counting() { uselocale(old_); }
  Counting(const Counting&) = delete;
  Counting& operator=(const Counting&) = delete;

 private:
  locale_t old_;
};

struct Character {
  std::size_t bytes, columns;
};

/// mbrtowc(3) would depend on the locale's encoding; the text is UTF-8 whatever that is.
wchar_t decoded(std::string_view sequence) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(sequence[i]); };
  constexpr unsigned tail_bits = 6, tail_mask = 0x3F;
  // The first byte of two, three, and four holds five, four, and three bits.
  unsigned value = byte(0) & (0xFFU >> (sequence.size() + 1));
  for (std::size_t i = 1; i < sequence.size(); ++i)
    value = (value << tail_bits) | (byte(i) & tail_mask);
  return static_cast<wchar_t>(value);
}

Character character_at(std::string_view text, std::size_t at) {
  const auto length = utf8_length(text, at);
  // ASCII, and bytes that are no UTF-8, which a terminal shows in some way of its own.
  if (length <= 1) return {1, 1};
  const int width = wcwidth(decoded(text.substr(at, length)));
  return {length, width < 0 ? 1 : static_cast<std::size_t>(width)};
}

}  // namespace

Ruler::Ruler(const std::string& locale)
    : locale_(newlocale(LC_CTYPE_MASK, locale.c_str(), nullptr)) {
  for (const char* other : {"C.UTF-8", "C"})
    if (locale_ == nullptr) locale_ = newlocale(LC_CTYPE_MASK, other, nullptr);
}

Ruler::~Ruler() {
  if (locale_ != nullptr) freelocale(locale_);
}

std::size_t Ruler::columns(std::string_view text) const {
  const Counting counting(locale_);
  std::size_t columns = 0;
  for (std::size_t at = 0; at < text.size();) {
    const auto next = character_at(text, at);
    at += next.bytes;
    columns += next.columns;
  }
  return columns;
}

std::string Ruler::padded(std::string text, std::size_t width) const {
  const auto now = columns(text);
  if (now < width) text.append(width - now, ' ');
  return text;
}

std::size_t Ruler::fitting(std::string_view text, std::size_t width, bool takes_one) const {
  const Counting counting(locale_);
  std::size_t at = 0, columns = 0;
  while (at < text.size()) {
    const auto next = character_at(text, at);
    // A single wide character in a narrow column must be taken, or folding would not end.
    const bool is_forced = takes_one && at == 0;
    if (columns + next.columns > width && !is_forced) break;
    at += next.bytes;
    columns += next.columns;
  }
  return at;
}

std::string Ruler::cut(std::string_view text, std::size_t width, std::string_view mark) const {
  if (columns(text) <= width) return std::string(text);
  const auto mark_columns = columns(mark);
  // There is not even room for the mark that something was cut.
  if (mark_columns > width) return std::string(text.substr(0, fitting(text, width, false)));
  const auto begin = trim_end(text.substr(0, fitting(text, width - mark_columns, false)));
  return std::string(begin) + std::string(mark);
}

std::string Ruler::folded(std::string_view text, std::size_t width, std::size_t indent) const {
  if (width == 0) return std::string(text);
  std::string out;
  std::size_t room = width;
  while (columns(text) > room) {
    auto length = fitting(text, room, true);
    // A blank that stands just behind what fits is a place to break too.
    const auto blank =
        length < text.size() && text[length] == ' ' ? length : text.rfind(' ', length - 1);
    // The blanks that the text itself begins with are its indentation.
    const auto first_word = text.find_first_not_of(' ');
    if (blank != std::string_view::npos && blank > first_word) length = blank;
    out += trim_end(text.substr(0, length));
    text.remove_prefix(length);
    // The next line has its own indentation, so blanks at the break are dropped.
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    if (text.empty()) return out;
    out += "\n" + std::string(indent, ' ');
    room = width - indent;
  }
  return out.append(text);
}

}  // namespace vstate::view
