#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "commands.h"
#include "saved_plan.h"
#include "session.h"
#include "tally.h"
#include "vstate/view/plan_view.h"

namespace vstate::cli {

namespace {

/// Plans of several files as one JSON value: an object for one, an array for more.
nlohmann::ordered_json joined(std::vector<nlohmann::ordered_json> plans) {
  if (plans.size() == 1) return std::move(plans.front());
  return nlohmann::ordered_json(std::move(plans));
}

}  // namespace

Exit run_plan(const CommonOptions& common, const PlanOptionsText& options) {
  const Console console(common);
  Diagnostics diagnostics;
  std::vector<DomainFile> files;
  for (const auto& name : options.files)
    if (auto file = read_domain_file(name, options.mail, diagnostics, common.selection))
      files.push_back(*std::move(file));
  console.report(diagnostics);
  if (diagnostics.has_errors()) return Exit::error;
  auto session = open_session(common, Access::read);
  if (!session) return Console::fail(session.error());
  std::vector<nlohmann::ordered_json> plans;
  bool has_changes = false;
  Tally tally;
  const auto text = text_options(console);
  for (const auto& file : files) {
    Diagnostics found;
    auto chosen = plan_options(common, options);
    chosen.remembers = false;
    auto prepared = prepare(*session, file, chosen, found);
    console.report(found);
    const auto& name = file.state.name.text();
    const auto noun = noun_of(name, files.size());
    if (!prepared || found.has_errors()) {
      tally.add(name, prepared ? Exit::error : Console::fail(with_noun(noun, prepared.error())));
      if (tally.ends_run()) break;
      continue;
    }
    auto json = view::to_json(prepared->plan);
    has_changes = has_changes || !prepared->plan.is_empty();
    if (!options.json && !console.tell(view::to_text(json, text))) return Exit::error;
    for (const auto& problem : prepared->plan.problems) Console::error(noun + problem);
    tally.add(name, prepared->plan.problems.empty() ? Exit::done : Exit::error);
    plans.push_back(std::move(json));
  }
  const auto result = tally.exit(false);
  if (!options.output.empty() && result == Exit::done) {
    if (const auto saved = save_plan(options.output, common, options, files, plans); !saved) {
      Console::error(saved.error().message);
      return Exit::error;
    }
  }
  if (options.json && !Console::print(joined(std::move(plans)).dump(2) + "\n")) return Exit::error;
  if (const auto summary = tally.summary(); !summary.empty()) console.say(summary);
  if (result != Exit::done) return result;
  return has_changes && options.detailed_exitcode ? Exit::differences : Exit::done;
}

Exit run_check(const CommonOptions& common, const PlanOptionsText& options) {
  Diagnostics diagnostics;
  for (const auto& name : options.files) {
    const auto file = read_domain_file(name, options.mail, diagnostics, common.selection);
    (void)file;
  }
  Console(common).report(diagnostics);
  return diagnostics.has_errors() ? Exit::error : Exit::done;
}

Exit run_schema() { return Console::print(document::schema()) ? Exit::done : Exit::error; }

}  // namespace vstate::cli
