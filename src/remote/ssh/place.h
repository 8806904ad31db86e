/// \file
/// Where a server is that is not on this machine, and how it is reached.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vstate::remote {

/// "[USER@]HOST:[DIR]", as rsync and scp write it.
struct Place {
  std::string host;       ///< [USER@]HOST
  std::string directory;  ///< empty: the whole machine
};

/// Returns nullopt for a path of this machine: as for rsync, a colon that comes before any slash
/// makes a host of what is in front of it. "[::1]:DIR" and "USER@[::1]:DIR" are IPv6 addresses,
/// whose brackets are no part of the host.
[[nodiscard]] std::optional<Place> parse_place(std::string_view root);
[[nodiscard]] std::string to_text(const Place&);

/// How programs of another machine are started.
struct Connecting {
  std::string rsh = "ssh";            ///< words that run a command there
  std::chrono::seconds timeout{600};  ///< how long the other side may be silent; 0: for ever
  unsigned connections = 4;           ///< to one server, if its way is long
  bool brings_much = false;           ///< so that they are worth their log-in from the start
  bool asks_nobody = false;           ///< for a password: somebody was asked before
  std::string login = {};             ///< SharedLogin::socket; empty: a log-in of its own
  bool with_sudo = false;  ///< files are read by root there, whom sudo(8) makes of the user
};

/// The words of --rsh, with limits for a connection that hangs where ssh knows any.
[[nodiscard]] std::vector<std::string> words_of_rsh(const Connecting&);
/// One word for a shell there.
[[nodiscard]] std::string shell_word(const std::string& word);
/// Whether --rsh runs ssh, whose options are known.
[[nodiscard]] bool is_ssh(const Connecting&);

/// Ways to start an SFTP server there, each with all its words. The first that works is taken.
[[nodiscard]] std::vector<std::vector<std::string>> ways_to_sftp(const Connecting&,
                                                                 const std::string& host);

/// What a person can do about what ssh said as it ended; empty if it says that itself.
[[nodiscard]] std::string advice_on(std::string_view said, const std::string& host);

}  // namespace vstate::remote
