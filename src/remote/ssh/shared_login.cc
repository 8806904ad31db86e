// ssh binds its socket under another name and links it to the one that was asked for once it is
// let in, so that the name's being there says all.

#include "remote/ssh/shared_login.h"

#include "sys/path.h"

namespace vstate::remote {

std::unique_ptr<const SharedLogin> SharedLogin::open(const Connecting& connecting,
                                                     const std::string& host) {
  if (!is_ssh(connecting)) return nullptr;
  auto directory = TemporaryDirectory::make();
  if (!directory) return nullptr;
  auto socket = path_join((*directory)->path(), "ssh");
  auto words = words_of_rsh(connecting);
  words.insert(words.end(),
               {"-N", "-o", "ControlMaster=yes", "-o", "ControlPersist=no", "-S", socket, host});
  // What it says of a failure is said again by who meets it next.
  auto child = Child::start(words, Child::Errors::piped);
  if (!child) return nullptr;
  // ssh -N reads no input, and has to be told that it is not needed any more.
  child->ends_by_signal = true;
  if (!await_sockets(*child, {socket}, connecting.timeout)) return nullptr;
  return std::unique_ptr<const SharedLogin>(
      new SharedLogin(*std::move(directory), std::move(socket), *std::move(child)));
}

}  // namespace vstate::remote
