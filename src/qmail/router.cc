// The door to the route: the tables are read once, and each address has a trail of its own. What
// the parts of the way do stands in route_queue.cc, route_spawn.cc, route_local.cc,
// route_deliver.cc and route_vdelivermail.cc, in the order in which mail meets the programs.

#include "qmail/router.h"

#include <algorithm>

#include "qmail/route_tables.h"
#include "qmail/route_trace.h"

namespace vstate {

const char* to_text(Outcome outcome) {
  switch (outcome) {
    case Outcome::delivered:
      return "delivered";
    case Outcome::forwarded_out:
      return "forwarded out";
    case Outcome::runs_program:
      return "runs a program";
    case Outcome::discarded:
      return "discarded";
    case Outcome::deferred:
      return "deferred";
    case Outcome::bounced:
      return "bounced";
    case Outcome::refused:
      return "refused";
    case Outcome::loops:
      return "loops";
  }
  return "";
}

const RouteEnd& Route::worst() const {
  // The outcomes are declared from the best to the worst, and of equal ones the first is kept.
  return *std::max_element(
      ends.begin(), ends.end(),
      [](const RouteEnd& one, const RouteEnd& other) { return one.outcome < other.outcome; });
}

Router::Router(std::unique_ptr<RouteTables> tables) : tables_(std::move(tables)) {}
Router::Router(Router&&) noexcept = default;
Router& Router::operator=(Router&&) noexcept = default;
Router::~Router() = default;

Result<Router> Router::load(const Files& system, const Server& server, const AccountStore& store) {
  auto tables = std::make_unique<RouteTables>(system, server, store);
  VSTATE_TRY(tables->load());
  return Router(std::move(tables));
}

Result<Route> Router::trace(std::string_view address) {
  // What one address has met on its way is nothing to the next one.
  Trail trail(*tables_);
  return follow(trail, address);
}

}  // namespace vstate
