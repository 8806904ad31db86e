// `list` prints the domains of a server with what is in them. A domain that cannot be looked at is
// named on standard error and holds up no other.

#include "dump/list.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/json_text.h"
#include "cli/reporter.h"
#include "cli/server.h"
#include "cli/tally.h"
#include "vstate/base/text.h"

namespace vstate::cli {

namespace {

using Row = std::vector<std::string>;

std::vector<std::string> texts_of(const std::vector<DomainName>& names) {
  std::vector<std::string> texts;
  texts.reserve(names.size());
  for (const auto& name : names) texts.push_back(name.text());
  return texts;
}

Json to_json(const engine::DomainCounts& domain) {
  Json out{{"domain", domain.name.text()},
           {"alias_domains", texts_of(domain.alias_domains)},
           {"mailboxes", domain.mailboxes},
           {"aliases", domain.aliases},
           {"autoresponders", domain.autoresponders},
           {"lists", domain.lists},
           {"messages", domain.messages},
           {"bytes", domain.bytes}};
  if (!domain.mentions.empty()) out["mentions"] = domain.mentions;
  // Counts of what was seen are no counts of what is there.
  if (domain.failure) out["failure"] = domain.failure->message;
  return out;
}

Json to_json(const engine::DomainList& list) {
  Json domains = Json::array(), foreign = Json::array();
  for (const auto& domain : list.domains) domains.push_back(to_json(domain));
  for (const auto& domain : list.foreign)
    foreign.push_back(
        {{"domain", domain.name}, {"of", domain.of}, {"directory", domain.directory}});
  return {{"format_version", 1}, {"domains", std::move(domains)}, {"foreign", std::move(foreign)}};
}

/// Names to the left, numbers to the right.
std::string to_table(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line = fmt::format("{:<{}}", row.front(), widths.front());
    for (std::size_t i = 1; i < row.size(); ++i) line += fmt::format("  {:>{}}", row[i], widths[i]);
    out += std::string(trim_end(line)) + "\n";
  }
  return out;
}

Row row_of(const engine::DomainCounts& domain) {
  return {domain.name.text(),
          with_thousands(domain.mailboxes),
          with_thousands(domain.aliases),
          with_thousands(domain.autoresponders),
          with_thousands(domain.lists),
          with_thousands(domain.messages),
          human_bytes(domain.bytes) + (domain.failure ? " +?" : "")};
}

std::string to_text(const engine::DomainList& list) {
  std::vector<Row> rows{{"domain", "mailboxes", "aliases", "robots", "lists", "messages", "size"}};
  engine::DomainCounts sum{.name = list.domains.front().name};
  for (const auto& domain : list.domains) {
    rows.push_back(row_of(domain));
    for (const auto& alias : domain.alias_domains)
      rows.push_back({fmt::format("  = {}", alias.text())});
    sum.mailboxes += domain.mailboxes;
    sum.aliases += domain.aliases;
    sum.autoresponders += domain.autoresponders;
    sum.lists += domain.lists;
    sum.messages += domain.messages;
    sum.bytes += domain.bytes;
  }
  if (list.domains.size() > 1) {
    rows.push_back(row_of(sum));
    rows.back().front() = fmt::format("{} domains", list.domains.size());
  }
  return to_table(rows);
}

Exit list_names(const engine::Session& session, const DomainSelection& selection) {
  const auto names = engine::selected_domains(*session.qmail, selection, "this server");
  if (!names) return Console::fail(names.error());
  std::string text;
  for (const auto& name : *names) text += name.text() + "\n";
  return Console::print_all(text);
}

}  // namespace

Exit run_list(const CommonOptions& common, const ListOptions& options) {
  const Console console(common);
  auto session = open_to_read(common);
  if (!session) return Console::fail(session.error());
  if (options.names) return list_names(*session, common.selection.domains);
  Reporter reporter(console, false);
  const auto list = [&] {
    const Reporter::Watch watch(reporter);
    return engine::list_domains(*session, common.selection.domains, [&](const DomainName& name) {
      reporter.set_stage("counting " + name.text());
    });
  }();
  if (!list) return Console::fail(list.error());
  Tally tally;
  for (const auto& domain : list->domains) {
    for (const auto& mention : domain.mentions)
      console.say(fmt::format("{}: {}", domain.name.text(), visible(mention)));
    if (domain.failure) Console::error(domain.failure->in(domain.name.text()).message);
    tally.add(domain.name.text(), domain.failure ? Exit::differences : Exit::done);
  }
  for (const auto& domain : list->foreign)
    console.say(fmt::format("{}: is no domain of vpopmail: users/assign gives it to {} in {}",
                            domain.name, domain.of, domain.directory));
  const auto exit = tally.exit(true);
  if (options.json)
    return std::max(Console::print_all(to_json_text(to_json(*list), 2) + "\n"), exit);
  if (list->domains.empty()) {
    console.say("there is no domain on this server");
    return exit;
  }
  return console.tell(to_text(*list)) ? exit : Exit::error;
}

}  // namespace vstate::cli
