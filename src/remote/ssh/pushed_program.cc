// The name is chosen here and cannot be guessed, so that all that was begun there can be undone by
// name, whatever of it was done. The log-in shell there may be any, so that each command is one
// word for `sh`, without anything that a csh would take for its own.

#include "remote/ssh/pushed_program.h"

#include <vector>

#include <fmt/format.h>

#include "host/host_file.h"
#include "remote/ssh/child.h"
#include "vstate/base/digest.h"
#include "vstate/base/text.h"

namespace vstate::remote {

namespace {

/// A file system that lets no program run is passed over: what is written there could not be used.
constexpr const char* k_push =
    R"(umask 077; for b in "$HOME" /var/tmp /tmp; do d="$b/{0}"; mkdir "$d" 2>/dev/null || continue; )"
    R"(echo : >"$d/try" && chmod 700 "$d/try" && "$d/try" 2>/dev/null || {{ rm -rf "$d"; continue; }}; )"
    R"(cat >"$d/vstate" && chmod 700 "$d/vstate" && "$d/vstate" --version >/dev/null && echo "$d" )"
    R"(&& exit 0; rm -rf "$d"; exit 1; done; echo "no directory for programs" >&2; exit 1)";
constexpr const char* k_remove =
    R"(for b in "$HOME" /var/tmp /tmp; do if test -d "$b/{0}"; then rm -rf "$b/{0}" || exit 1; fi; done)";

std::vector<std::string> words_for(const Connecting& connecting, const std::string& host,
                                   const std::string& script) {
  auto words = words_of_rsh(connecting);
  words.push_back(host);
  words.push_back(fmt::format("sh -c '{}'", script));
  return words;
}

}  // namespace

Result<PushedProgram> PushedProgram::push(const Connecting& connecting, const std::string& host,
                                          const std::string& file) {
  VSTATE_TRY_ASSIGN(const auto program, read_host_file(file));
  constexpr std::size_t unguessable = 16;
  PushedProgram out;
  out.host_ = host;
  out.name_ =
      fmt::format(".vstate-{}", sha256_hex(random_bytes(unguessable)).substr(0, 2 * unguessable));
  const auto undo = [&](int) {
    auto child = Child::start(words_for(connecting, host, fmt::format(k_remove, out.name_)));
    if (!child) return false;
    child->input.close();
    return child->end(connecting.timeout) == 0;
  };
  constexpr int nothing = -1;
  VSTATE_TRY_ASSIGN(out.watcher_, EndWatcher::start(nothing, undo, file));
  VSTATE_TRY_ASSIGN(auto child,
                    Child::start(words_for(connecting, host, fmt::format(k_push, out.name_))));
  child.give(program, connecting.timeout);
  const auto printed = read_some(child.output.get(), connecting.timeout);
  const int status = child.end(Child::k_grace);
  const std::string directory(trim_end(printed));
  if (status == 0 && directory.starts_with('/') && directory.ends_with("/" + out.name_) &&
      directory.find('\n') == std::string::npos) {
    out.command_ = shell_word(directory + "/vstate");
    return out;
  }
  // What is wrong with the program or its place was told on standard error, which is the person's.
  return fail(says_no_program(status, printed) ? Errc::unsupported : Errc::io,
              fmt::format("{}: {} cannot be used there (status {}{})", host, file, status,
                          printed.empty() ? "" : ": " + visible(trim_end(printed))));
}

Status PushedProgram::remove() {
  if (!watcher_.is_running() || watcher_.end(false)) return {};
  return fail(
      Errc::io,
      fmt::format("{0}: the directory {1} could not be removed; it is in $HOME, /var/tmp or "
                  "/tmp there",
                  host_, name_));
}

}  // namespace vstate::remote
