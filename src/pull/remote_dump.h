/// \file
/// `vstate dump --mail -` and `vstate list` on another machine, through ssh.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "archive/stream.h"
#include "dump/dump.h"
#include "inspect/detect.h"
#include "remote/ssh/child.h"

namespace vstate::engine {

struct RemoteOptions {
  std::string host;                      ///< [USER@]HOST
  std::string rsh = "ssh";               ///< words that run a command there
  std::string login = {};                ///< remote::Connecting::login
  std::string remote_vstate = "vstate";  ///< the command there
  ServerOverrides overrides = {};        ///< what the other side does not detect
  std::vector<std::string> exclude = {};
  Renaming renaming = {};  ///< names here, by those there
  Freeze freeze = Freeze::no;
  ClearPasswords clear_passwords = ClearPasswords::leave_out;
  bool is_quiet = false;              ///< whether the other side shall keep still
  std::chrono::seconds timeout{600};  ///< how long it may be silent; 0: for ever
};

/// The domains there, but for what the selection leaves out: `vstate list --names`. Fails as
/// RemoteDump::start does.
[[nodiscard]] Result<std::vector<DomainName>> domains_there(const RemoteOptions&,
                                                            const DomainSelection&);

class RemoteDump {
 public:
  /// Starts it and waits for the beginning of its stream. `have` is what need not be sent. Fails if
  /// something else comes, with a message that says what: `unsupported` if there is no vstate.
  [[nodiscard]] static Result<RemoteDump> start(const RemoteOptions&, const DomainName&,
                                                const Have& have);
  [[nodiscard]] StreamReader& stream() { return *stream_; }
  /// Waits for the end of the other side. What it says at the end of the stream is what counts.
  void end();

 private:
  RemoteDump(remote::Child child, std::chrono::seconds timeout)
      : child_(std::move(child)), timeout_(timeout) {}

  remote::Child child_;
  std::chrono::seconds timeout_;
  std::unique_ptr<StreamReader> stream_;
};

}  // namespace vstate::engine
