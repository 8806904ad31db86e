// The other side is the same program, started by ssh with the names and options that belong to it.
// All words go through a shell there, so each is quoted. What comes back must begin like a stream;
// a shell that greets, a connection that is silent, and a program that is not there each get a
// message that says so.

#include "pull/remote_dump.h"

#include <fmt/format.h>

#include "host/input.h"
#include "remote/ssh/place.h"
#include "sys/io.h"
#include "sys/process/stop.h"
#include "vstate/base/text.h"

namespace vstate::engine {

namespace {

/// No server has as many domains.
constexpr std::size_t k_most_of_list = std::size_t{16} << 20;

/// What the other side shall know of itself, and what it need not look at.
std::string options_there(const RemoteOptions& options) {
  std::string out;
  // Only what a person said is handed on; the other side detects the rest by itself.
  const auto add = [&](std::string_view option, const std::string& value) {
    if (!value.empty()) out += fmt::format("--{} {} ", option, remote::shell_word(value));
  };
  const auto& source = options.overrides;
  add("vpopmail-dir", source.vpopmail_dir);
  add("qmail-dir", source.qmail_dir);
  add("ezmlm-dir", source.ezmlm_dir);
  add("autorespond", source.autorespond);
  add("backend", source.backend);
  add("connection", source.connection_file);
  add("vpopmail-version", source.version);
  for (const auto& homes : source.homes) add("homes", homes);
  for (const auto& [from, to] : options.renaming)
    out += fmt::format("--rename {}={} ", from.text(), to.text());
  for (const auto& pattern : options.exclude)
    out += fmt::format("--exclude {} ", remote::shell_word(pattern));
  return out;
}

std::string command_there(const RemoteOptions& options, const DomainName& name) {
  return fmt::format("{}{} dump --mail - --have - {}{}{}{}", options.remote_vstate,
                     options.is_quiet ? " -q" : "",
                     options.freeze == Freeze::yes ? "--freeze " : "",
                     options.clear_passwords == ClearPasswords::take ? "--clear-passwords " : "",
                     options_there(options), remote::shell_word(name.text()));
}

std::vector<std::string> words_of(const RemoteOptions& options, std::string command) {
  auto words = remote::words_of_rsh(
      {.rsh = options.rsh, .timeout = options.timeout, .login = options.login});
  words.push_back(options.host);
  words.push_back(std::move(command));
  return words;
}

/// Why what came is no stream. Ends the program.
Error why_no_stream(remote::Child& child, const std::string& begun, const RemoteOptions& options,
                    const std::string& program) {
  if (is_told_to_stop())
    return Error{
        Errc::interrupted,
        fmt::format("{}: interrupted while it said nothing; nothing was changed", options.host),
        Scope::run};
  const bool is_silent = begun.empty() && !can_be_read(child.output.get(), std::chrono::seconds(1));
  const auto printed = begun + remote::read_some(child.output.get());
  child.output.close();
  const int status = child.end(remote::Child::k_grace);
  std::string why;
  const bool is_without = !is_silent && remote::says_no_program(status, printed);
  const auto code = is_without ? Errc::unsupported : Errc::io;
  if (is_silent)
    why = fmt::format("said nothing for {} seconds (--timeout); nothing was changed",
                      options.timeout.count());
  else if (printed.empty())
    why = fmt::format("sent no stream ({} ended with {}); nothing was changed", program, status);
  else
    why = fmt::format(
        "the remote shell printed \"{}\" before the data; nothing was changed; a shell that is not "
        "asked by a person must print nothing",
        visible(printed.substr(0, printed.find('\n'))));
  return Error{code, fmt::format("{}: {}", options.host, why)};
}

}  // namespace

Result<std::vector<DomainName>> domains_there(const RemoteOptions& options,
                                              const DomainSelection& selection) {
  auto without_parts = options;
  without_parts.exclude.clear();
  without_parts.renaming.clear();
  auto command =
      fmt::format("{} list --names {}", options.remote_vstate, options_there(without_parts));
  for (const auto& pattern : selection.only)
    command += fmt::format("--only {} ", remote::shell_word(pattern));
  for (const auto& pattern : selection.exclude)
    command += fmt::format("--exclude {} ", remote::shell_word(pattern));
  const auto words = words_of(options, std::move(command));
  VSTATE_TRY_ASSIGN(auto child, remote::Child::start(words));
  child.give("", options.timeout);
  std::string said;
  while (said.size() < k_most_of_list) {
    auto part = read_begin(child.output.get(), options.timeout);
    if (part.empty()) break;
    said += part;
  }
  if (said.size() >= k_most_of_list)
    return fail(Errc::io,
                fmt::format("{}: its list of domains is longer than {} MiB", options.host,
                            k_most_of_list >> 20U),
                Scope::run);
  std::vector<DomainName> names;
  for (const auto line : split_lines(said)) {
    auto name = DomainName::parse(line);
    if (!name) return tl::unexpected<Error>(why_no_stream(child, said, options, words.front()));
    names.push_back(*std::move(name));
  }
  if (names.empty())
    return tl::unexpected<Error>(why_no_stream(child, said, options, words.front()));
  child.output.close();
  const int status = child.end(remote::Child::k_grace);
  if (status != 0)
    return fail(Errc::io,
                fmt::format("{}: its list of domains ended with {}", options.host, status),
                Scope::run);
  return names;
}

Result<RemoteDump> RemoteDump::start(const RemoteOptions& options, const DomainName& name,
                                     const Have& have) {
  const auto words = words_of(options, command_there(options, name));
  VSTATE_TRY_ASSIGN(auto child, remote::Child::start(words));
  // The other side reads all of it before it writes; a pipe that breaks shows below.
  child.give(to_bytes(have), options.timeout);
  auto begun = read_begin(child.output.get(), options.timeout);
  if (!StreamReader::is_stream(begun))
    return tl::unexpected<Error>(why_no_stream(child, begun, options, words.front()));
  RemoteDump dump(std::move(child), options.timeout);
  VSTATE_TRY_ASSIGN(dump.stream_, StreamReader::open(dump.child_.output.get(), std::move(begun),
                                                     options.timeout));
  return dump;
}

void RemoteDump::end() {
  // One that is silent is ended by a signal.
  if (is_told_to_stop()) return;
  // The stream's own end has told whether it was whole; the exit status says nothing more.
  child_.output.close();
  (void)child_.end(timeout_);
}

}  // namespace vstate::engine
