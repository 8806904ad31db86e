// A list is what a dump would find, counted: one that says nothing of a mailbox has seen that there
// is none.

#include "dump/list.h"

#include <algorithm>

#include <fmt/format.h>

#include "dump/dump.h"
#include "inspect/inspect.h"

namespace vstate::engine {

namespace {

void count_mail(const Files& files, const Observation& observation, DomainCounts& out) {
  std::vector<BoxSource> boxes = boxes_of(observation);
  std::erase_if(boxes, [](const BoxSource& box) { return box.box.kind != Box::Kind::mailbox; });
  expect_walks(files, boxes, {});
  for (const auto& [box, source] : boxes) {
    const auto tree = count_tree(files, *source);
    // A home that is missing has no mail; the inspection has said so.
    if (!tree && tree.error().code == Errc::not_found) continue;
    const auto failure = tree ? failure_of(*tree) : Status(tl::unexpected<Error>(tree.error()));
    if (tree) {
      out.messages += tree->messages;
      out.bytes += tree->bytes;
    }
    if (!failure && !out.failure) out.failure = failure.error();
  }
}

Result<DomainCounts> count_domain(Session& session, const DomainName& name) {
  DomainCounts out{.name = name};
  const auto observation = inspect_source(session, name, {});
  if (!observation && observation.error().ends_run()) return propagate(observation);
  if (!observation) {
    out.failure = observation.error();
    return out;
  }
  const auto& state = *observation->state;
  out.alias_domains.assign(state.aliases.begin(), state.aliases.end());
  out.mentions = session.qmail->mentions_of(name.text());
  for (const auto& alias : state.aliases)
    for (auto& line : session.qmail->mentions_of(alias.text()))
      out.mentions.push_back(std::move(line));
  out.mailboxes = state.mailboxes.size();
  out.aliases = state.alias.size();
  out.autoresponders = state.autoresponders.size();
  out.lists = state.lists.size();
  if (!state.left_out.empty()) {
    const auto& first = state.left_out.front();
    out.failure = Error{Errc::invalid, fmt::format("{}: {}", first.address, first.why)};
  }
  count_mail(*session.system, *observation, out);
  return out;
}

}  // namespace

std::vector<ForeignDomain> foreign_domains(const QmailFiles& qmail) {
  std::vector<ForeignDomain> foreign;
  for (const auto& domain : qmail.domains())
    if (domain.kind == AssignedDomain::Kind::foreign)
      foreign.push_back({domain.name, domain.real, domain.directory});
  return foreign;
}

Result<std::vector<DomainName>> selected_domains(const QmailFiles& qmail,
                                                 const DomainSelection& selection,
                                                 const std::string& where) {
  auto domains = real_domains(qmail);
  std::vector<std::string> names, lines;
  names.reserve(domains.size());
  for (const auto& domain : domains) names.push_back(domain.text());
  for (const auto& pattern : selection.without_match(names))
    lines.push_back(fmt::format("no domain of {} is matched by \"{}\"", where, pattern));
  if (!lines.empty()) return fail_lines(Errc::invalid, lines, Scope::run);
  std::erase_if(domains, [&](const DomainName& name) { return !selection.takes(name.text()); });
  std::sort(domains.begin(), domains.end());
  return domains;
}

Result<DomainList> list_domains(Session& session, const DomainSelection& selection,
                                const std::function<void(const DomainName&)>& on_domain) {
  VSTATE_TRY_ASSIGN(const auto names, selected_domains(*session.qmail, selection, "this server"));
  DomainList list{{}, foreign_domains(*session.qmail)};
  for (const auto& name : names) {
    on_domain(name);
    VSTATE_TRY_ASSIGN(auto counts, count_domain(session, name));
    list.domains.push_back(std::move(counts));
  }
  return list;
}

}  // namespace vstate::engine
