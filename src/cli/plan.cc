#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/commands.h"
#include "cli/patterns.h"
#include "cli/saved_plan.h"
#include "cli/session.h"
#include "cli/tally.h"
#include "view/plan_view.h"

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
  const auto files = read_domain_files(options.files, options.mail, diagnostics, common.selection);
  console.report(diagnostics);
  if (diagnostics.has_errors()) return Exit::error;
  auto session = open_session(common, Access::read);
  if (!session) return Console::fail(session.error());
  if (!are_spelt_well(misspelt_patterns(common.selection, &*session, files))) return Exit::error;
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
    if (!options.json && !common.quiet)
      if (const auto told = Console::print_all(view::to_text(json, text)); told != Exit::done)
        return told;
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
  if (options.json)
    if (const auto printed = Console::print_all(joined(std::move(plans)).dump(2) + "\n");
        printed != Exit::done)
      return printed;
  if (const auto summary = tally.summary(); !summary.empty()) console.say(summary);
  if (result != Exit::done) return result;
  return has_changes && options.detailed_exitcode ? Exit::differences : Exit::done;
}

Exit run_check(const CommonOptions& common, const PlanOptionsText& options) {
  Diagnostics diagnostics;
  const auto files = read_domain_files(options.files, options.mail, diagnostics, common.selection);
  Console(common).report(diagnostics);
  // What a file that cannot be read has is not known.
  if (diagnostics.has_errors()) return Exit::error;
  return are_spelt_well(misspelt_patterns(common.selection, nullptr, files)) ? Exit::done
                                                                             : Exit::error;
}

Exit run_schema() { return Console::print_all(document::schema()); }

}  // namespace vstate::cli
