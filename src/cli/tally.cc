// What became of several domains. One that fails does not stop the others, so the exit status is
// the worst of all, and the summary names those that are not done. What "worse" means is the order
// below.

#include "cli/tally.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "vstate/base/text.h"

namespace vstate::cli {

namespace {

/// The better ones first.
constexpr std::array k_order{Exit::done,  Exit::differences, Exit::source_changed,
                             Exit::error, Exit::partly,      Exit::usage,
                             Exit::busy,  Exit::interrupted};

auto rank(Exit exit) { return std::find(k_order.begin(), k_order.end(), exit); }

std::string_view word_of(Exit exit) {
  switch (exit) {
    case Exit::done:
      return "done";
    case Exit::differences:
      return "not as they should be";
    case Exit::source_changed:
      return "changed meanwhile";
    case Exit::partly:
      return "partly done";
    case Exit::interrupted:
      return "interrupted";
    case Exit::busy:
      return "locked";
    case Exit::error:
    case Exit::usage:
      break;
  }
  return "failed";
}

}  // namespace

std::string noun_of(const std::string& domain, std::size_t domains) {
  return domains > 1 ? domain + ": " : std::string();
}

Error with_noun(const std::string& noun, Error error) {
  error.message.insert(0, noun);
  return error;
}

void Tally::add(const std::string& domain, Exit exit) { outcomes_.push_back({domain, exit}); }

Exit Tally::exit(bool has_changed) const {
  auto worst = settings_.value_or(Exit::done);
  for (const auto& outcome : outcomes_)
    if (rank(outcome.exit) > rank(worst)) worst = outcome.exit;
  // 1 says that nothing was changed, which is not so if another domain was.
  return worst == Exit::error && has_changed ? Exit::partly : worst;
}

// The last domain alone is asked about: after such an end none comes behind it.
bool Tally::ends_run() const {
  const auto last = outcomes_.empty() ? settings_ : std::optional(outcomes_.back().exit);
  return last == Exit::interrupted || last == Exit::busy;
}

std::vector<std::pair<Exit, std::vector<std::string>>> Tally::by_exit() const {
  std::vector<std::pair<Exit, std::vector<std::string>>> out;
  for (const auto exit : k_order) {
    std::vector<std::string> names;
    for (const auto& outcome : outcomes_)
      if (outcome.exit == exit) names.push_back(outcome.domain);
    if (!names.empty()) out.emplace_back(exit, std::move(names));
  }
  return out;
}

nlohmann::ordered_json Tally::event() const {
  // Of one domain its own summary has said everything.
  if (outcomes_.size() + (settings_ ? 1 : 0) < 2) return nullptr;
  nlohmann::ordered_json out{{"event", "domains"}, {"text", summary()}};
  auto& outcomes = out["outcomes"] = nlohmann::ordered_json::object();
  // Several exit statuses have one word.
  for (const auto& [exit, names] : by_exit())
    for (const auto& name : names) outcomes[std::string(word_of(exit))].push_back(name);
  if (settings_) out["settings"] = word_of(*settings_);
  return out;
}

std::string Tally::summary() const {
  if (outcomes_.size() + (settings_ ? 1 : 0) < 2) return {};
  std::vector<std::string> parts;
  for (auto [exit, names] : by_exit()) {
    auto part = fmt::format("{} {}", with_thousands(names.size()), word_of(exit));
    // The line stays one that a person reads, also for a thousand domains.
    constexpr std::size_t shown = 20;
    const auto more = names.size() > shown ? names.size() - shown : 0;
    names.resize(names.size() - more);
    if (exit != Exit::done)
      part += fmt::format(" ({}{})", join(names, ", "),
                          more > 0 ? fmt::format(" and {} more", with_thousands(more)) : "");
    parts.push_back(std::move(part));
  }
  return fmt::format(
      "{} domain{}: {}{}", with_thousands(outcomes_.size()), outcomes_.size() == 1 ? "" : "s",
      join(parts, ", "),
      settings_ ? fmt::format("; {}: {}", k_settings_name, word_of(*settings_)) : "");
}

}  // namespace vstate::cli
