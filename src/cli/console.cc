#include "cli/console.h"

#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
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
  const std::scoped_lock lock(mutex_);
  erase_status();
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() &&
         std::fflush(stdout) == 0;
}

Exit Console::print_all(std::string_view text) {
  if (print(text)) return Exit::done;
  // Whoever closed the pipe has read what they wanted.
  if (errno != EPIPE) (void)fail(Error{Errc::io, "standard output: cannot write", Scope::run});
  return Exit::error;
}

bool Console::tell(std::string_view text) const { return options_.quiet || print(text); }

bool Console::is_terminal() { return isatty(STDERR_FILENO) == 1; }

std::size_t Console::width(std::FILE* stream) {
  if (isatty(fileno(stream)) == 0) return 0;
  const auto* set = std::getenv("COLUMNS");
  constexpr std::uint64_t most = 10'000;
  if (const auto columns = to_number(set == nullptr ? "" : set);
      columns && *columns > 0 && *columns <= most)
    return *columns;
  winsize size{};
  constexpr std::size_t usual = 80;
  return ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : usual;
}

void Console::status(std::string_view text) {
  const std::scoped_lock lock(mutex_);
  write_error(fmt::format("\r{}\033[K", text));
  has_status_ = true;
}

void Console::end_status() {
  const std::scoped_lock lock(mutex_);
  erase_status();
}

void Console::erase_status() {
  if (has_status_) write_error("\r\033[K");
  has_status_ = false;
}

/// A terminal that is gone is no reason to stop.
void Console::write_error(std::string_view text) {
  (void)std::fwrite(text.data(), 1, text.size(), stderr);
}

void Console::error(std::string_view text) {
  const std::scoped_lock lock(mutex_);
  erase_status();
  write_error(fmt::format("vstate: {}\n", text));
}

void Console::warning(std::string_view text) const {
  if (!options_.quiet) error(text);
}

Exit Console::fail(const Error& failure) {
  // One line a failure; each is an error of its own.
  for (const auto line : split_lines(failure.message)) error(line);
  return exit_of(failure);
}

void Console::report(const Diagnostics& diagnostics) const {
  for (const auto& item : diagnostics.sorted())
    if (item.severity == Severity::error)
      error(to_text(item));
    else
      warning(to_text(item));
}

void Console::say(std::string_view text) const {
  if (options_.quiet) return;
  const std::scoped_lock lock(mutex_);
  erase_status();
  write_error(fmt::format("{}\n", text));
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
  end_status();
  fmt::print(stderr, "{} [y/N] ", question);
  std::string answer;
  for (int c = std::getchar(); c != EOF && c != '\n'; c = std::getchar())
    answer.push_back(static_cast<char>(c));
  return answer == "y" || answer == "yes";
}

Status make_output_private() {
  struct stat st {};
  if (fstat(STDOUT_FILENO, &st) != 0 || !S_ISREG(st.st_mode)) return {};
  return fchmod(STDOUT_FILENO, 0600) == 0
             ? Status()
             : Status(fail_errno("standard output", "cannot set mode 0600"));
}

view::TextOptions text_options(const Console& console) {
  view::TextOptions options;
  options.color = console.has_color(stdout);
  options.verbose = console.is_verbose();
  options.unicode = Console::has_unicode();
  options.width = Console::width(stdout);
  return options;
}

}  // namespace vstate::cli
