// Both streams behind one lock. The line of progress is the last on the terminal, so whoever writes
// anything else takes it away first; threads that deliver mail report at any time. An answer that
// cannot be written is a failure; talk that cannot be written is not.

#include "cli/console.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include <fmt/format.h>

#include "cli/terminal.h"
#include "vstate/base/text.h"

namespace vstate::cli {

namespace {

/// A terminal that is gone is no reason to stop.
void write_error(std::string_view text) { (void)std::fwrite(text.data(), 1, text.size(), stderr); }

}  // namespace

bool Console::print(std::string_view text) {
  const std::scoped_lock lock(mutex_);
  erase_status();
  // Flushed each time: a reader of events waits for each line, and a full disk is noticed here.
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

void Console::status(std::string_view text) {
  const std::scoped_lock lock(mutex_);
  // The new line is written over the old one, and only the rest of that is erased, so that nothing
  // flickers.
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

void Console::error(std::string_view text) {
  const std::scoped_lock lock(mutex_);
  erase_status();
  // Whatever came into it: paths, and what other machines and databases say.
  write_error(fmt::format("vstate: {}\n", visible(text)));
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
  for (const auto line : split_lines(text)) write_error(visible(line) + "\n");
}

view::TextOptions Console::text_options() const {
  view::TextOptions options;
  options.color = wants_color(stdout, options_.color);
  options.verbose = options_.verbose;
  options.unicode = has_unicode_locale();
  options.width = terminal_width(stdout);
  return options;
}

bool Console::confirm(std::string_view question) {
  // A script that answers by accident must not delete anything; it says --yes.
  if (!is_terminal(stdin)) return false;
  end_status();
  fmt::print(stderr, "{} [y/N] ", question);
  std::string answer;
  for (int c = std::getchar(); c != EOF && c != '\n'; c = std::getchar())
    answer.push_back(static_cast<char>(c));
  return answer == "y" || answer == "yes";
}

bool is_meant(bool is_said, std::string_view question) {
  if (is_said || Console::confirm(question)) return true;
  Console::error("nothing was changed; without a terminal, --yes says that it is meant");
  return false;
}

Exit fail_midway(const Error& error) {
  const auto exit = Console::fail(error);
  return exit == Exit::error ? Exit::partly : exit;
}

Status make_output_private() {
  struct stat st {};
  // Only a file keeps what is written: the mode of a terminal or a pipe is not vstate's to change.
  if (fstat(STDOUT_FILENO, &st) != 0 || !S_ISREG(st.st_mode)) return {};
  return fchmod(STDOUT_FILENO, 0600) == 0
             ? Status()
             : Status(fail_errno("standard output", "cannot set mode 0600"));
}

}  // namespace vstate::cli
