// qmail-smtpd, which accepts an address or not, and qmail-send, which decides where it belongs. The
// two do not ask each other: an address may be accepted here and have no place there, and finding
// that out is what a route is for.

#include <fmt/format.h>

#include "format/cdb.h"
#include "qmail/route_trace.h"
#include "vstate/base/text.h"

namespace vstate {

void Journal::step(std::string_view text) {
  route_.steps.push_back(std::string(2 * static_cast<std::size_t>(depth_), ' ') + visible(text));
}

void Journal::end(Outcome outcome, std::string text) {
  if (hypotheses_ > 0) return;
  text = visible(text);
  // Two lines that do the same are one end.
  for (const auto& known : route_.ends)
    if (known.outcome == outcome && known.text == text) return;
  route_.ends.push_back({outcome, std::move(text), depth_ == 0});
}

void Journal::destination(const std::string& home) {
  if (depth_ == 0) route_.destination = home;
}

void Journal::goes_out() { route_.is_remote |= depth_ == 0; }
void Journal::is_unknown() { route_.is_unknown |= depth_ == 0; }

void Journal::broken_program(const std::string& why) {
  step("  which cannot run: " + why);
  if (depth_ == 0) route_.broken_programs.push_back(visible(why));
}

Route Journal::finish() {
  // Lines that do nothing leave no end: comments, blank lines.
  if (route_.ends.empty()) end(Outcome::discarded, "no line delivers it");
  return std::move(route_);
}

namespace {

/// So many servers' hops make a message loop for qmail-smtpd; forwards that never meet themselves
/// end there too.
constexpr std::size_t k_most_hops = 100;

bool is_accepted(Trail& trail, std::string_view address) {
  const auto& files = trail.tables.smtpd_files;
  if (!files.obstacle.empty()) {
    trail.journal.end(Outcome::deferred, "qmail-smtpd turns every client away: " + files.obstacle);
    return false;
  }
  const auto at = address.rfind('@');
  const auto host = at == std::string_view::npos ? "" : to_lower(address.substr(at + 1));
  const bool has_list = files.find("rcpthosts") != nullptr;
  if (!has_list || at == std::string_view::npos) {
    trail.journal.step(
        fmt::format("qmail-smtpd accepts {}",
                    has_list ? "an address without a host" : "every host, without rcpthosts"));
    return true;
  }
  // Without rcpthosts, morercpthosts.cdb is not looked at either; with it, the text comes first
  // (rcpthosts.c).
  bool accepts = trail.tables.rcpthosts.find_domain(host, false) != nullptr;
  const auto is_key = [&](std::string_view key) {
    return cdb::find(*trail.tables.morercpthosts_cdb, key).has_value();
  };
  if (!accepts && trail.tables.morercpthosts_cdb) {
    // Each end of the name that begins with a dot is tried, dot included: ".example.com" stands for
    // what is below it.
    accepts = is_key(host);
    for (auto dot = host.find('.'); dot != std::string::npos && !accepts;
         dot = host.find('.', dot + 1))
      accepts = is_key(std::string_view(host).substr(dot));
  }
  if (accepts)
    trail.journal.step(fmt::format("qmail-smtpd accepts {}", host));
  else
    trail.journal.end(
        Outcome::refused,
        fmt::format("qmail-smtpd refuses {}: not in rcpthosts or morercpthosts.cdb", host));
  return accepts;
}

std::string without_percents(Trail& trail, std::string address) {
  auto at = address.rfind('@');
  // Each round takes one "%" from the end, as long as the new host is on the list as well.
  while (trail.tables.percenthack.find(std::string_view(address).substr(at + 1)) != nullptr) {
    const auto percent = at == 0 ? std::string::npos : address.rfind('%', at - 1);
    if (percent == std::string::npos) break;
    address.resize(at);
    address[percent] = '@';
    at = percent;
    trail.journal.step("percenthack makes it " + address);
  }
  return address;
}

void leave(Trail& trail, const std::string& address) {
  trail.journal.goes_out();
  const auto host = address.substr(address.rfind('@') + 1);
  // An empty relay means the mail exchanger, as does no entry at all.
  const auto* relay = trail.tables.smtproutes.find_domain(host, true);
  trail.journal.end(Outcome::forwarded_out,
                    relay == nullptr || relay->empty()
                        ? fmt::format("{} goes to the mail exchanger of {}", address, host)
                        : fmt::format("{} goes to {}, as smtproutes says", address, *relay));
}

Status queue(Trail& trail, const std::string& given) {
  if (!trail.tables.send_files.obstacle.empty()) {
    trail.journal.end(Outcome::deferred,
                      "qmail-send does not start: " + trail.tables.send_files.obstacle);
    return {};
  }
  auto address = given;
  if (address.find('@') == std::string::npos) {
    address += "@" + trail.tables.send_files.line_or_me("envnoathost");
    trail.journal.step("qmail-send makes it " + address);
  }
  address = without_percents(trail, std::move(address));
  const auto at = address.rfind('@');
  const auto host = address.substr(at + 1);
  // locals beats virtualdomains: a domain in both is delivered by its bare local part.
  if (trail.tables.locals.find(host) != nullptr) {
    trail.journal.step(fmt::format("control/locals has {}", to_lower(host)));
    return spawn(trail, address.substr(0, at), host);
  }
  // The whole address is tried first, then its host, the ends of the host, and the empty key.
  const auto* prefix = trail.tables.virtualdomains.find(address);
  const bool is_for_one = prefix != nullptr && !address.empty();
  if (prefix == nullptr) prefix = trail.tables.virtualdomains.find_domain(host, true);
  // An entry that prepends nothing ends the search on purpose and sends the mail out.
  if (prefix == nullptr || prefix->empty()) {
    trail.journal.step(prefix == nullptr
                           ? fmt::format("virtualdomains has no entry for {}", to_lower(host))
                           : fmt::format("virtualdomains sends {} out on purpose", to_lower(host)));
    leave(trail, address);
    return {};
  }
  trail.journal.step(
      fmt::format("virtualdomains gives {} to {}", to_lower(is_for_one ? address : host), *prefix));
  return spawn(trail, fmt::format("{}-{}", *prefix, address.substr(0, at)), host);
}

}  // namespace

Result<Route> follow(Trail& trail, std::string_view address) {
  if (is_accepted(trail, address)) VSTATE_TRY(queue(trail, std::string(address)));
  return trail.journal.finish();
}

Status forward(Trail& trail, const std::string& address) {
  // A forward is a new message: it goes through qmail-send again, but not through qmail-smtpd.
  trail.journal.step("to " + address);
  const Journal::Nested nested(trail.journal);
  if (trail.on_the_way.size() >= k_most_hops) {
    trail.journal.end(Outcome::loops,
                      fmt::format("{} comes after {} forwards", address, k_most_hops));
    return {};
  }
  return queue(trail, address);
}

}  // namespace vstate
