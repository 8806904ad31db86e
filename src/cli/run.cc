// From the words of the command line to one command. The options' file is read first, as it may
// supply what a command requires, and all of it is checked, whichever command runs. CLI11 throws
// for --help and --version as well as for errors; both end here.

#include <algorithm>
#include <sstream>

#include <fmt/format.h>

#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/config_file.h"
#include "cli/console.h"
#include "vstate/base/text.h"

namespace vstate::cli {

namespace {

/// The option that the first unknown one is closest to.
std::string meant_option(const CLI::App& app, int argc, char** argv) {
  std::vector<std::string> names;
  const auto add = [&](const CLI::App& part) {
    for (const auto* option : part.get_options())
      for (const auto& name : option->get_lnames()) names.push_back("--" + name);
  };
  add(app);
  for (const auto* command : app.get_subcommands([](const CLI::App*) { return true; }))
    if (std::find(argv, argv + argc, command->get_name()) != argv + argc) add(*command);
  const std::vector<std::string_view> known(names.begin(), names.end());
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const auto name = word.substr(0, word.find('='));
    if (!name.starts_with("--") || std::find(known.begin(), known.end(), name) != known.end())
      continue;
    return closest(name, known);
  }
  return {};
}

/// CLI11 says that a command is missing where one is misspelt.
std::string with_what_was_meant(CommandLine& line, std::string what, int argc, char** argv) {
  std::vector<std::string> commands;
  for (const auto* command : line.commands()) commands.push_back(command->get_name());
  const bool is_command =
      argc > 1 && std::find(commands.begin(), commands.end(), argv[1]) != commands.end();
  if (argc > 1 && argv[1][0] != '-' && !is_command) {
    const auto meant = closest(argv[1], {commands.begin(), commands.end()});
    return fmt::format("there is no command \"{}\"{}", argv[1],
                       meant.empty() ? "" : fmt::format("; did you mean \"{}\"?", meant));
  }
  if (const auto meant = meant_option(line.app, argc, argv); !meant.empty())
    return fmt::format("{}; did you mean \"{}\"?", what, meant);
  return what;
}

Exit run(int argc, char** argv) {
  const auto config = read_config(argc, argv);
  if (!config) return Exit::usage;
  CommandLine line;
  relax(line, *config);
  try {
    line.app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
      // Help is an answer: a pipe that cannot take it is an error, which CLI11 would not notice.
      std::ostringstream answer;
      line.app.exit(error, answer, answer);
      return Console::print_all(answer.str());
    }
    Console::error(
        fmt::format("{}; see vstate --help", with_what_was_meant(line, error.what(), argc, argv)));
    return Exit::usage;
  }
  // Only now it is known which options the command line has named, and those go before the file.
  take_config(line, *config);
  line.common.selection.take_domains();
  const auto names_them = [](bool all, const auto& domains) { return all == domains.empty(); };
  const bool is_of_server = line.dump.server && !line.dump.all && line.dump.domains.empty();
  if (line.dump_command->parsed() && !is_of_server &&
      !names_them(line.dump.all, line.dump.domains)) {
    Console::error("name the domains to dump, or say --all, or --server");
    return Exit::usage;
  }
  if (line.pull_command->parsed() && !names_them(line.pull.all, line.pull.domains)) {
    Console::error("name the domains to pull, or say --all");
    return Exit::usage;
  }
  for (const auto& [command, run_it] : line.runs())
    if (command->parsed()) return run_it();
  return Exit::usage;
}

}  // namespace

int run_command_line(int argc, char** argv) { return static_cast<int>(run(argc, argv)); }

}  // namespace vstate::cli
