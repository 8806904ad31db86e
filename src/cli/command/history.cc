// `history` prints the runs that the ledger has. It opens the ledger alone and detects no server,
// so that it also answers where vpopmail is broken or gone.

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/json_text.h"
#include "cli/server.h"
#include "engine/run/history.h"
#include "model/fields.h"
#include "vstate/base/text.h"

namespace vstate::cli {

namespace {

using Json = nlohmann::ordered_json;

Json to_json(const Run& run) {
  Json changes = Json::array();
  for (const auto& change : run.changes) {
    Json item{{"address", change.address}};
    if (!change.failure.empty()) item["failure"] = change.failure;
    changes.push_back(std::move(item));
  }
  Json out{{"run", run.number},
           {"command", run.command},
           {"domain", run.domain},
           {"started", to_utc_text(run.started)}};
  // A run that was stopped has no end, and the key is absent.
  if (run.ended) out["ended"] = to_utc_text(*run.ended);
  out["summary"] = run.summary;
  out["messages"] = run.messages;
  out["bytes"] = run.bytes;
  out["changes"] = std::move(changes);
  return out;
}

// A change that failed stands out by its sign, since one among hundreds is what a person looks for.
std::string to_text(const Run& run) {
  auto out = fmt::format("{:>5}  {}  {:<7} {}\n       {}\n", run.number, to_utc_text(run.started),
                         visible(run.command), visible(run.domain),
                         run.ended ? visible(run.summary) : "was stopped before its end");
  for (const auto& change : run.changes)
    if (!change.failure.empty())
      out += fmt::format("       ! {}: {}\n", visible(change.address), visible(change.failure));
    else
      out += fmt::format("         {}\n", visible(change.address));
  return out;
}

}  // namespace

Exit run_history(const CommonOptions& common, const HistoryOptions& options) {
  const auto found = engine::earlier_runs(server_options(common), options.domain, options.most);
  if (!found) return Console::fail(found.error());
  const auto& runs = *found;
  if (options.json) {
    Json out = Json::array();
    for (const auto& run : runs) out.push_back(to_json(run));
    return Console::print_all(to_json_text(out, 2) + "\n");
  }
  // The text is for people; with --json it is an answer, which --quiet does not leave out.
  if (common.quiet) return Exit::done;
  std::string text;
  for (const auto& run : runs) text += to_text(run);
  return Console::print_all(runs.empty() ? "No run is on record.\n" : text);
}

}  // namespace vstate::cli
