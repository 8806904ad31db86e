// Options from a file. They are given to the parser of the command line itself, so that one rule
// checks a value wherever it comes from. toml++ reads the file instead of CLI11, as it tells the
// place of each error.

#include "cli/config_file.h"

#include <algorithm>

#include <fmt/format.h>

#include "cli/console.h"
#include "host/host_file.h"
#include "vstate/base/text.h"

namespace vstate::cli {

namespace {

/// The options' file that the command line names; empty if it names none. The parser cannot be
/// asked yet, since what it requires may stand in this very file.
std::string config_of(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    constexpr std::string_view option = "--config", with_value = "--config=";
    // What follows names files, even if it looks like an option.
    if (word == "--") break;
    if (word == option && i + 1 < argc) return argv[i + 1];
    if (word.starts_with(with_value)) return std::string(word.substr(with_value.size()));
  }
  return {};
}

/// Returns the command of a table; null with an error if there is none.
CLI::App* command_of(CommandLine& line, const document::OptionValue& value,
                     Diagnostics& diagnostics) {
  if (value.command.empty()) return &line.app;
  for (auto* command : line.commands())
    if (command->get_name() == value.command) return command;
  diagnostics.error(value.place, fmt::format("there is no command \"{}\"", value.command));
  return nullptr;
}

CLI::Option* option_of(CommandLine& line, const document::OptionValue& value,
                       Diagnostics& diagnostics) {
  auto* const command = command_of(line, value, diagnostics);
  if (command == nullptr) return nullptr;
  const auto is_no_option = [](std::string_view name) {
    // A file cannot name another file, and the others end the program.
    return name == "config" || name == "help" || name == "version";
  };
  std::vector<std::string> names;
  for (const auto* option : command->get_options())
    for (const auto& name : option->get_lnames())
      if (!is_no_option(name)) names.push_back(name);
  if (std::find(names.begin(), names.end(), value.name) != names.end())
    return command->get_option("--" + value.name);
  const auto meant = closest(value.name, {names.begin(), names.end()});
  diagnostics.error(value.place,
                    fmt::format("{}there is no option \"{}\"",
                                value.command.empty() ? "" : value.command + ": ", value.name),
                    meant.empty() ? "" : fmt::format("did you mean \"{}\"?", meant));
  return nullptr;
}

/// Makes an option say what the file says, as if the command line had not named it.
void set_option(CLI::Option& option, const document::OptionValue& value, Diagnostics& diagnostics) {
  const bool is_flag = option.get_expected_max() == 0;
  if (is_flag != value.is_flag) {
    diagnostics.error(value.place, fmt::format("{}: {}", value.name,
                                               is_flag ? "is true or false" : "takes a value"));
    return;
  }
  // A flag that is false is one that nobody gave.
  if (is_flag && value.values == std::vector<std::string>{"false"}) return;
  if (value.is_array && option.get_items_expected_max() < 2) {
    diagnostics.error(value.place, value.name + ": takes one value");
    return;
  }
  try {
    option.clear();
    for (const auto& text : value.values) option.add_result(text);
    // The callback checks the values and stores them; the second clear() lets the option look as if
    // nobody had named it.
    option.run_callback();
    option.clear();
  } catch (const CLI::ParseError& error) {
    diagnostics.error(value.place, error.what());
  }
}

}  // namespace

std::optional<ConfigValues> read_config(int argc, char** argv) {
  const auto named = config_of(argc, argv);
  const auto path = named.empty() ? std::string(k_config) : named;
  const auto bytes = read_host_file(path);
  if (!bytes && named.empty() && bytes.error().code == Errc::not_found) return ConfigValues();
  if (!bytes) {
    Console::error(bytes.error().message);
    return std::nullopt;
  }
  Diagnostics diagnostics;
  auto values = document::read_options(*bytes, path, diagnostics);
  // Values are tried on a command line that nobody runs: what is wrong with them is told before
  // anything is parsed.
  CommandLine trial;
  for (const auto& value : values)
    if (auto* const option = option_of(trial, value, diagnostics))
      set_option(*option, value, diagnostics);
  for (const auto& item : diagnostics.sorted()) Console::error(to_text(item));
  if (diagnostics.has_errors()) return std::nullopt;
  return values;
}

void take_config(CommandLine& line, const ConfigValues& values) {
  Diagnostics checked_before;
  for (const auto& value : values) {
    auto* const command = command_of(line, value, checked_before);
    auto* const option = option_of(line, value, checked_before);
    // What the command line says goes before the file.
    if ((command == &line.app || command->parsed()) && option->count() == 0)
      set_option(*option, value, checked_before);
  }
}

void relax(CommandLine& line, const ConfigValues& values) {
  Diagnostics checked_before;
  for (const auto& value : values) option_of(line, value, checked_before)->required(false);
}

}  // namespace vstate::cli
