// qmail-smtpd, which accepts an address or not, and qmail-send, which decides where it belongs.

#include <fmt/format.h>

#include "format/cdb.h"
#include "qmail/route_trace.h"
#include "vstate/base/text.h"

namespace vstate {

namespace {

/// So many servers' hops make a message loop for qmail-smtpd; forwards that never meet themselves
/// end there too.
constexpr std::size_t k_most_hops = 100;

}  // namespace

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

Result<Route> Trace::run(std::string_view address) {
  if (is_accepted(address)) VSTATE_TRY(queue(std::string(address)));
  return journal_.finish();
}

bool Trace::is_accepted(std::string_view address) {
  const auto& files = tables_.smtpd_files;
  if (!files.obstacle.empty()) {
    journal_.end(Outcome::deferred, "qmail-smtpd turns every client away: " + files.obstacle);
    return false;
  }
  const auto at = address.rfind('@');
  const auto host = at == std::string_view::npos ? "" : to_lower(address.substr(at + 1));
  const bool has_list = files.find("rcpthosts") != nullptr;
  if (!has_list || at == std::string_view::npos) {
    journal_.step(fmt::format("qmail-smtpd accepts {}", has_list
                                                            ? "an address without a host"
                                                            : "every host, without rcpthosts"));
    return true;
  }
  bool accepts = tables_.rcpthosts.find_domain(host, false) != nullptr;
  const auto is_key = [&](std::string_view key) {
    return cdb::find(*tables_.morercpthosts_cdb, key).has_value();
  };
  if (!accepts && tables_.morercpthosts_cdb) {
    accepts = is_key(host);
    for (auto dot = host.find('.'); dot != std::string::npos && !accepts;
         dot = host.find('.', dot + 1))
      accepts = is_key(std::string_view(host).substr(dot));
  }
  if (accepts)
    journal_.step(fmt::format("qmail-smtpd accepts {}", host));
  else
    journal_.end(
        Outcome::refused,
        fmt::format("qmail-smtpd refuses {}: not in rcpthosts or morercpthosts.cdb", host));
  return accepts;
}

std::string Trace::without_percents(std::string address) {
  auto at = address.rfind('@');
  while (tables_.percenthack.find(std::string_view(address).substr(at + 1)) != nullptr) {
    const auto percent = at == 0 ? std::string::npos : address.rfind('%', at - 1);
    if (percent == std::string::npos) break;
    address.resize(at);
    address[percent] = '@';
    at = percent;
    journal_.step("percenthack makes it " + address);
  }
  return address;
}

Status Trace::queue(const std::string& given) {
  if (!tables_.send_files.obstacle.empty()) {
    journal_.end(Outcome::deferred, "qmail-send does not start: " + tables_.send_files.obstacle);
    return {};
  }
  auto address = given;
  if (address.find('@') == std::string::npos) {
    address += "@" + tables_.send_files.line_or_me("envnoathost");
    journal_.step("qmail-send makes it " + address);
  }
  address = without_percents(std::move(address));
  const auto at = address.rfind('@');
  const auto host = address.substr(at + 1);
  if (tables_.locals.find(host) != nullptr) {
    journal_.step(fmt::format("control/locals has {}", to_lower(host)));
    return spawn(address.substr(0, at), host);
  }
  const auto* prefix = tables_.virtualdomains.find(address);
  const bool is_for_one = prefix != nullptr && !address.empty();
  if (prefix == nullptr) prefix = tables_.virtualdomains.find_domain(host, true);
  if (prefix == nullptr || prefix->empty()) {
    journal_.step(prefix == nullptr
                      ? fmt::format("virtualdomains has no entry for {}", to_lower(host))
                      : fmt::format("virtualdomains sends {} out on purpose", to_lower(host)));
    leave(address);
    return {};
  }
  journal_.step(
      fmt::format("virtualdomains gives {} to {}", to_lower(is_for_one ? address : host), *prefix));
  return spawn(fmt::format("{}-{}", *prefix, address.substr(0, at)), host);
}

void Trace::leave(const std::string& address) {
  journal_.goes_out();
  const auto host = address.substr(address.rfind('@') + 1);
  const auto* relay = tables_.smtproutes.find_domain(host, true);
  journal_.end(Outcome::forwarded_out,
               relay == nullptr || relay->empty()
                   ? fmt::format("{} goes to the mail exchanger of {}", address, host)
                   : fmt::format("{} goes to {}, as smtproutes says", address, *relay));
}

Status Trace::forward(const std::string& address) {
  journal_.step("to " + address);
  const Journal::Nested nested(journal_);
  if (on_the_way_.size() >= k_most_hops) {
    journal_.end(Outcome::loops, fmt::format("{} comes after {} forwards", address, k_most_hops));
    return {};
  }
  return queue(address);
}

}  // namespace vstate
