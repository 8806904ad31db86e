// What the terminal can show. The environment is asked before the kernel, since a person who sets
// one of these variables means it; --color stands above all of them.

#include "cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "vstate/base/text.h"

namespace vstate::cli {

namespace {

// An empty variable is as good as one that is not set (https://no-color.org).
std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : value;
}

bool is_set(const char* name) { return !variable(name).empty(); }

}  // namespace

bool is_terminal(std::FILE* stream) { return isatty(fileno(stream)) == 1; }

std::size_t terminal_width(std::FILE* stream) {
  if (!is_terminal(stream)) return 0;
  const auto* set = std::getenv("COLUMNS");
  constexpr std::uint64_t most = 10'000;
  if (const auto columns = to_number(set == nullptr ? "" : set);
      columns && *columns > 0 && *columns <= most)
    return *columns;
  winsize size{};
  constexpr std::size_t usual = 80;
  return ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : usual;
}

bool wants_color(std::FILE* stream, std::string_view asked) {
  if (asked == "always") return true;
  if (asked == "never" || is_set("NO_COLOR")) return false;
  if (is_set("CLICOLOR_FORCE")) return true;
  // Editors and build tools run programs on a terminal that shows escapes as they are, and call it
  // dumb.
  const char* terminal = std::getenv("TERM");
  return is_terminal(stream) && terminal != nullptr && std::strcmp(terminal, "dumb") != 0;
}

bool has_unicode_locale() {
  // The first that is set counts, as for setlocale(3).
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const auto value = variable(name);
    if (value.empty()) continue;
    return value.find("UTF-8") != value.npos || value.find("utf8") != value.npos;
  }
  return false;
}

}  // namespace vstate::cli
