#include "console.h"

#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include <fmt/format.h>

#include "vstate/base/text.h"

namespace vstate::cli {

namespace {
bool is_set(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0';
}
}  // namespace

bool Console::print(std::string_view text) {
  end_status();
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() &&
         std::fflush(stdout) == 0;
}

bool Console::is_terminal() { return isatty(STDERR_FILENO) == 1; }

void Console::status(std::string_view text) {
  fmt::print(stderr, "\r{}\033[K", text);
  std::fflush(stderr);
  has_status_ = true;
}

void Console::end_status() {
  if (has_status_) fmt::print(stderr, "\r\033[K");
  has_status_ = false;
}

void Console::error(std::string_view text) {
  end_status();
  fmt::print(stderr, "vstate: {}\n", text);
}

void Console::note(std::string_view text) {
  end_status();
  fmt::print(stderr, "{}\n", text);
}

Exit Console::fail(const Error& failure) {
  // One line a failure; each is an error of its own.
  for (const auto line : split_lines(failure.message)) error(line);
  return exit_of(failure);
}

void Console::report(const Diagnostics& diagnostics) {
  for (const auto& item : diagnostics.sorted()) error(to_text(item));
}

void Console::say(std::string_view text) const {
  end_status();
  if (!options_.quiet) fmt::print(stderr, "{}\n", text);
}

bool Console::has_color(std::FILE* stream) const {
  if (options_.color == "always") return true;
  if (options_.color == "never" || is_set("NO_COLOR")) return false;
  if (is_set("CLICOLOR_FORCE")) return true;
  const char* terminal = std::getenv("TERM");
  return isatty(fileno(stream)) != 0 && terminal != nullptr && std::strcmp(terminal, "dumb") != 0;
}

bool Console::has_unicode() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    if (!is_set(name)) continue;
    const std::string value = std::getenv(name);
    return value.find("UTF-8") != std::string::npos || value.find("utf8") != std::string::npos;
  }
  return false;
}

bool Console::confirm(std::string_view question) {
  if (isatty(STDIN_FILENO) == 0) return false;
  fmt::print(stderr, "{} [y/N] ", question);
  std::string answer;
  for (int c = std::getchar(); c != EOF && c != '\n'; c = std::getchar())
    answer.push_back(static_cast<char>(c));
  return answer == "y" || answer == "yes";
}

}  // namespace vstate::cli
