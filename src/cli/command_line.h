/// \file
/// The options of all commands, and what a command line sets of them.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "cli/exit.h"
#include "cli/options.h"

namespace vstate::cli {

/// The options of the parser refer to the values: it stays where it is.
struct CommandLine {
  CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  /// Each command, and what runs it.
  [[nodiscard]] std::vector<std::pair<CLI::App*, std::function<Exit()>>> runs() const;
  /// All of them, whether they are parsed or not.
  [[nodiscard]] std::vector<CLI::App*> commands();

  CLI::App app{
      "vstate moves vpopmail/qmail mail domains between servers: dump, plan, apply, verify.",
      "vstate"};
  CommonOptions common;
  DumpOptions dump;
  PlanOptionsText text;
  PullOptions pull;
  HistoryOptions history;
  ExportOptions exported;
  std::vector<std::string> addresses;
  ListOptions listing;
  CutoverOptions switched;
  RollbackOptions rollback;
  SchemaOptions schemas;
  CLI::App *dump_command, *plan, *apply, *verify, *check, *list, *route, *pull_command,
      *cutover_command, *history_command, *rollback_command, *export_command, *schema;

 private:
  void add_dump();
  void add_file_commands();
  void add_list();
  void add_route();
  void add_pull();
  void add_cutover();
  void add_others();
};

}  // namespace vstate::cli
