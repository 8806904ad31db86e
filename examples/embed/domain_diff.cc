// domain_diff OLD.toml NEW.toml: prints what an apply of NEW would do to a server that is as OLD says.

#include <fstream>
#include <iostream>
#include <optional>
#include <sstream>

#include <vstate/document/document.h>
#include <vstate/plan/plan.h>

namespace {

std::optional<vstate::State> read_state(const char* name) {
  std::ostringstream text;
  text << std::ifstream(name).rdbuf();
  vstate::Diagnostics diagnostics;
  auto state = vstate::document::read(text.str(), name, diagnostics);
  for (const auto& diagnostic : diagnostics.sorted()) std::cerr << vstate::to_text(diagnostic) << "\n";
  return state;
}

const char* word_of(vstate::Verb verb) {
  switch (verb) {
    case vstate::Verb::create:
      return "add";
    case vstate::Verb::update:
      return "change";
    case vstate::Verb::remove:
      return "delete";
    case vstate::Verb::read:
      return "read";
  }
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: domain_diff OLD.toml NEW.toml\n";
    return 2;
  }
  const auto before = read_state(argv[1]);
  const auto after = read_state(argv[2]);
  if (!before || !after) return 1;
  // A server that has the domain's directory, and knows it everywhere.
  vstate::Condition condition;
  condition.has_directory = true;
  condition.directory = "/home/vpopmail/domains/" + before->name.text();
  condition.published[before->name] = {.in_assign = true,
                                       .in_assign_cdb = true,
                                       .in_virtualdomains = true,
                                       .in_rcpthosts = true,
                                       .in_store = true};
  const vstate::Server server;
  const vstate::TargetFacts facts;
  vstate::PlanOptions options;
  options.prune = true;
  options.remembers = false;
  const vstate::PlanInput input{.desired = *after,
                                .actual = &*before,
                                .condition = condition,
                                .server = server,
                                .facts = facts,
                                .options = options};
  for (const auto& action : vstate::make_plan(input).actions)
    std::cout << word_of(verb_of(action)) << " " << address_of(action) << "\n";
  return 0;
}
