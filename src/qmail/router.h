/// \file
/// How this server delivers an address, followed from SMTP to each place where its mail ends, by
/// the files that the programs themselves read, as who the programs are.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "store/account_store.h"
#include "sys/files.h"
#include "vstate/base/result.h"
#include "vstate/model/server.h"

namespace vstate {

/// What becomes of a message, the best first.
enum class Outcome {
  delivered,      ///< stored in a Maildir or an mbox file
  forwarded_out,  ///< handed to qmail-remote
  runs_program,   ///< given to a program of which no more is known
  discarded,      ///< accepted and dropped, as the files want it
  deferred,       ///< tried again until it is too old
  bounced,        ///< sent back
  refused,        ///< not accepted by SMTP
  loops,          ///< comes back to an address where it was before, and is sent back from there
};
[[nodiscard]] const char* to_text(Outcome);  ///< "forwarded out"
/// False if the sender or somebody who reads a log has to care.
[[nodiscard]] constexpr bool is_good(Outcome outcome) { return outcome < Outcome::deferred; }

/// One of the places where a message ends: an address with several lines has several.
struct RouteEnd {
  Outcome outcome = Outcome::delivered;
  std::string text;  ///< where to, or why not
  /// It is the message itself that ends here, not what a forward of it made.
  bool is_own = true;
};

struct Route {
  std::vector<std::string> steps;  ///< one line a decision; what a forward causes is indented
  std::vector<RouteEnd> ends;      ///< in the order of the steps; never empty
  /// The home of the account that the address itself, not a forward of it, comes to; empty if there
  /// is none.
  std::string destination;
  /// The address itself goes out again, whatever its forwards would do: qmail-send does not take
  /// its host for one of this server's.
  bool is_remote = false;
  /// The address itself is nobody's here for vdelivermail, which did what it does for unknown
  /// users.
  bool is_unknown = false;
  /// Why programs of its lines cannot run, also of those that perhaps need not.
  std::vector<std::string> broken_programs;
  /// The worst of the ends, the first of equal ones.
  [[nodiscard]] const RouteEnd& worst() const;
  [[nodiscard]] bool is_good() const { return vstate::is_good(worst().outcome); }
};

class RouteTables;

/// Loads qmail's files once; each look-up then follows qmail-smtpd, qmail-send, qmail-lspawn,
/// qmail-getpw, qmail-local, and vdelivermail (qmail 1.03 to notqmail 1.09,
/// vpopmail 5.4 and 5.6). Forwards are followed to their end, here or at the door of another
/// server. Programs are named, not run, other than vdelivermail, `forward`, and the shell's own
/// words. Errors are what vstate itself cannot read; what a program of the server cannot read is a
/// result.
class Router {
 public:
  [[nodiscard]] static Result<Router> load(const Files&, const Server&, const AccountStore&);
  Router(Router&&) noexcept;
  Router& operator=(Router&&) noexcept;
  ~Router();

  /// From an SMTP client that may not relay. An address without "@" is one of control/envnoathost.
  [[nodiscard]] Result<Route> trace(std::string_view address);

 private:
  explicit Router(std::unique_ptr<RouteTables>);
  std::unique_ptr<RouteTables> tables_;
};

}  // namespace vstate
