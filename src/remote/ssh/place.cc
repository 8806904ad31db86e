// ssh is the admin's own, with all that is configured for it: keys, agents, jump hosts. vstate adds
// limits of time alone, so that what `ssh HOST` can reach vstate can reach too.

#include "remote/ssh/place.h"

#include <array>
#include <utility>

#include <fmt/format.h>

#include "vstate/base/text.h"

namespace vstate::remote {

namespace {

// Where Debian, Red Hat, the BSDs, Slackware, and hand-made installations have it.
constexpr const char* k_places_of_server =
    "/usr/lib/openssh/sftp-server /usr/libexec/openssh/sftp-server /usr/lib/ssh/sftp-server "
    "/usr/libexec/sftp-server /usr/lib/sftp-server /usr/local/libexec/sftp-server "
    "/usr/local/lib/openssh/sftp-server";

/// Runs the server by its path. The shell of an account may be any, csh on FreeBSD, so that sh is
/// asked for by name, and nothing is quoted that csh reads otherwise.
std::string command_of_server(bool with_sudo) {
  const std::string_view run = with_sudo ? "exec sudo -n" : "exec";
  return fmt::format("exec sh -c 'for p in {0}; do test -x $p && {1} $p; done; {1} sftp-server'",
                     k_places_of_server, run);
}

/// What ssh says when today's ssh and a server of long ago have nothing in common, and the option
/// that brings it back.
constexpr std::array<std::pair<std::string_view, std::string_view>, 4> k_old_algorithms{{
    {"no matching key exchange method", "KexAlgorithms"},
    {"no matching host key type", "HostKeyAlgorithms"},
    {"no matching cipher", "Ciphers"},
    {"no matching MAC", "MACs"},
}};

/// The first that the server offers, as ssh repeats it behind "Their offer: ". It becomes part of a
/// command that a person is told to type, so that nothing but the name of an algorithm is taken.
std::string_view offer_in(std::string_view said) {
  constexpr std::string_view before = "Their offer: ";
  const auto at = said.find(before);
  if (at == std::string_view::npos) return {};
  const auto offer = said.substr(at + before.size());
  const auto first = offer.substr(0, offer.find_first_of(",\r\n"));
  constexpr const char* of_names =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.@";
  return first.find_first_not_of(of_names) == first.npos ? first : std::string_view();
}

bool is_ssh(const std::vector<std::string>& words) {
  return words.front() == "ssh" || words.front().ends_with("/ssh");
}

}  // namespace

std::optional<Place> parse_place(std::string_view root) {
  const auto slash = root.find('/');
  // "[ADDRESS]" stands at the start, or behind "USER@".
  const auto at = root.substr(0, root.find(':')).find('@');
  const auto begin = at == std::string_view::npos ? 0 : at + 1;
  const auto bracket = root.substr(begin).starts_with('[') ? root.find(']', begin) : root.npos;
  const auto colon = root.find(':', bracket == root.npos ? 0 : bracket);
  if (colon == std::string_view::npos || colon == 0 || slash < colon) return std::nullopt;
  std::string host(root.substr(0, colon));
  // ssh takes an address without the brackets that set it off from the path.
  if (bracket != root.npos && bracket + 1 == colon && host.find('[', begin + 1) == host.npos) {
    host.pop_back();
    host.erase(begin, 1);
  }
  // ssh would take it for an option.
  if (host.empty() || host.starts_with('-')) return std::nullopt;
  return Place{std::move(host), std::string(root.substr(colon + 1))};
}

std::string to_text(const Place& place) {
  const auto at = place.host.substr(0, place.host.find(':')).find('@');
  const auto begin = at == std::string::npos ? 0 : at + 1;
  const auto address = place.host.substr(begin);
  const bool needs_brackets = address.find(':') != std::string::npos && !address.starts_with('[');
  const auto host =
      needs_brackets ? fmt::format("{}[{}]", place.host.substr(0, begin), address) : place.host;
  return fmt::format("{}:{}", host, place.directory);
}

bool is_ssh(const Connecting& connecting) { return is_ssh(words_of_rsh(connecting)); }

std::vector<std::string> words_of_rsh(const Connecting& connecting) {
  std::vector<std::string> words;
  for (const auto word : split(connecting.rsh, ' '))
    if (!word.empty()) words.emplace_back(word);
  if (words.empty()) words.emplace_back("ssh");
  // A connection that hangs ends by itself, with a message of ssh's own. Where a person gave other
  // words, the limits are theirs.
  if (connecting.rsh == "ssh")
    for (const char* limit :
         {"ConnectTimeout=30", "ServerAliveInterval=15", "ServerAliveCountMax=8"})
      words.insert(words.end(), {"-o", limit});
  if (!connecting.login.empty()) words.insert(words.end(), {"-S", connecting.login});
  if (connecting.asks_nobody && is_ssh(words)) words.insert(words.end(), {"-o", "BatchMode=yes"});
  return words;
}

std::string shell_word(const std::string& word) {
  return fmt::format("'{}'", replace_all(word, "'", "'\\''"));
}

std::vector<std::vector<std::string>> ways_to_sftp(const Connecting& connecting,
                                                   const std::string& host) {
  const auto rsh = words_of_rsh(connecting);
  std::vector<std::vector<std::string>> ways;
  // The subsystem works for accounts that have no shell, too.
  if (is_ssh(connecting) && !connecting.with_sudo) {
    auto words = rsh;
    words.insert(words.end(), {"-s", host, "sftp"});
    ways.push_back(std::move(words));
  }
  auto words = rsh;
  words.insert(words.end(), {host, command_of_server(connecting.with_sudo)});
  ways.push_back(std::move(words));
  return ways;
}

std::string advice_on(std::string_view said, const std::string& host) {
  const auto says = [&](std::string_view what) { return said.find(what) != said.npos; };
  if (says("IDENTIFICATION HAS CHANGED"))
    return fmt::format(
        "its host key is another one than this machine knows: find out why; if it is right, forget "
        "the old one with ssh-keygen -R {}",
        host.substr(host.find('@') + 1));
  if (says("Host key verification failed"))
    return fmt::format("its host key is not known here: log in once with ssh {} and compare it",
                       host);
  for (const auto& [what, option] : k_old_algorithms)
    if (const auto first = says(what) ? offer_in(said) : std::string_view(); !first.empty()) {
      // The keys that log in are refused alike, one step later.
      const std::string also = option == "HostKeyAlgorithms"
                                   ? fmt::format(" -o PubkeyAcceptedAlgorithms=+{}", first)
                                   : std::string();
      return fmt::format(
          "it knows only what today's ssh refuses; if the network between can be trusted, allow it "
          "with --rsh \"ssh -o {}=+{}{}\"",
          option, first, also);
    }
  if (says("Permission denied"))
    return fmt::format("it lets nobody in: try ssh {} by itself", host);
  if (says("sudo:"))
    return "sudo there asks for a password, or does not allow sftp-server: a line such as "
           "\"USER ALL=(root) NOPASSWD: /usr/lib/openssh/sftp-server\" in sudoers does";
  return {};
}

}  // namespace vstate::remote
