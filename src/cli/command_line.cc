#include <CLI/CLI.hpp>

#include <algorithm>
#include <functional>
#include <sstream>

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/console.h"
#include "engine/host_file.h"
#include "store/account_store.h"
#include "vstate/base/text.h"
#include "vstate/document/options_file.h"

namespace vstate::cli {

namespace {

constexpr const char* k_config = "/etc/vstate.toml";

/// What overrides the detection of a server. `prefix` tells the options of a source from those of
/// this server; `of` ends their descriptions.
void add_overrides(CLI::App& app, ServerOverrides& server, const std::string& prefix,
                   const std::string& of) {
  const auto option = [&](const char* name, std::string& value, const char* what) {
    return app.add_option("--" + prefix + name, value, what + of);
  };
  option("vpopmail-dir", server.vpopmail_dir, "vpopmail's home")->type_name("DIR");
  option("qmail-dir", server.qmail_dir, "qmail's directory")->type_name("DIR");
  option("ezmlm-dir", server.ezmlm_dir, "where ezmlm's programs are")->type_name("DIR");
  option("autorespond", server.autorespond, "the autorespond program")->type_name("FILE");
  app.add_option("--" + prefix + "homes", server.homes,
                 "where homes are besides below their domain's directory" + of)
      ->type_name("DIR")
      ->allow_extra_args(false);
  option("backend", server.backend, "where accounts are kept")
      ->check(CLI::IsMember({"auto", "cdb", "mysql", "pgsql", "sqlite"}));
  option("connection", server.connection_file, "in place of etc/vpopmail.mysql or .pgsql")
      ->type_name("FILE");
  option("vpopmail-version", server.version, "the version of vpopmail")
      ->check(CLI::IsMember({"5.4", "5.6"}));
}

void add_server_options(CLI::App& app, CommonOptions& common) {
  app.add_option("--root", common.root, "work on a server mounted or copied below DIR")
      ->type_name("DIR");
  add_overrides(app, common.server, "", "");
  app.add_option("--lock-seconds", common.server.lock_seconds,
                 "how long to wait for a lock in the database")
      ->check(CLI::Range(1, 3600));
  app.add_option("--keeps-clear-passwords", common.server.clear_passwords,
                 "whether vpopmail was built with CLEAR_PASS")
      ->check(CLI::IsMember({"yes", "no"}));
  app.add_option("--ezmlm-hash", common.server.ezmlm_hash, "width of ezmlm's subscriber hash")
      ->check(CLI::IsMember({"32", "64"}));
  app.add_option("--color", common.color, "colour in plans")
      ->check(CLI::IsMember({"auto", "always", "never"}));
  app.add_option("--jobs", common.jobs, "mailboxes at a time (default: one a processor)")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  app.add_flag("-q,--quiet", common.quiet, "errors only; the exit status tells the rest");
  app.add_flag("-v,--verbose", common.verbose,
               "all of a plan, with what was detected, and from what");
  app.add_option("--config", common.config, fmt::format("options as TOML (default: {})", k_config))
      ->type_name("FILE");
}

CLI::App* add_file_command(CLI::App& app, const char* name, const char* help,
                           PlanOptionsText& options) {
  auto* command = app.add_subcommand(name, help);
  command->add_option("FILE", options.files, "domain file; \"-\" is standard input")->required();
  command
      ->add_option("--mail", options.mail, "directory of the archives (default: beside the file)")
      ->type_name("DIR");
  return command;
}

void add_exclude(CLI::App* command, CommonOptions& common) {
  // One pattern each: what follows is not swallowed.
  command
      ->add_option("--exclude", common.selection.exclude,
                   "as if what matches were not there, such as mailbox.bob; repeatable")
      ->type_name("GLOB")
      ->allow_extra_args(false);
}

void add_filters(CLI::App* command, CommonOptions& common) {
  command
      ->add_option("--only", common.selection.only,
                   "only changes whose address matches, such as mailbox.al*; repeatable")
      ->type_name("GLOB")
      ->allow_extra_args(false);
  add_exclude(command, common);
}

void add_convert_option(CLI::App* command, PlanOptionsText& options) {
  command
      ->add_option("--convert", options.convert,
                   "make Dovecot's UID files, keywords, and subscriptions of Courier's")
      ->check(CLI::IsMember({"courier-dovecot"}));
}

/// Of what a run may do to this server.
void add_change_flags(CLI::App* command, PlanOptionsText& options) {
  command->add_flag("--prune", options.prune,
                    "delete what the source does not have, mail that came from it too");
  command
      ->add_option("--max-delete", options.max_delete,
                   "delete so many of a kind even where they are most of them")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  command->add_flag("--overwrite", options.overwrite,
                    "undo what was changed here since the last apply");
  command->add_flag("--alter", options.alter,
                    "change database tables that do not hold what the file says");
  add_convert_option(command, options);
  command->add_flag("--detailed-exitcode", options.detailed_exitcode,
                    "exit 2 when there are differences");
}

/// Of how a run speaks.
void add_run_flags(CLI::App* command, PlanOptionsText& options) {
  command->add_flag("--json", options.json, "one event a line");
  command->add_flag("--yes", options.yes, "do not ask before deleting");
}

CLI::App* add_export_command(CLI::App& app, ExportOptions& options) {
  auto* command = app.add_subcommand("export", "the same for servers without vpopmail");
  command->add_option("FILE", options.files,
                      "domain files; none, for Dovecot: the tables of this server");
  command->add_option("--to", options.format, "what for")
      ->required()
      ->check(CLI::IsMember({"dovecot", "postfix", "ldif", "csv"}));
  command->add_option("-o,--output", options.output, "directory for the files")->type_name("DIR");
  command
      ->add_option("--mail", options.mail, "directory of the archives (default: beside the file)")
      ->type_name("DIR");
  command->add_option("--home", options.home, "homes, with {domain} and {name} (default: as here)")
      ->type_name("PATH");
  command->add_option("--uid", options.uid, "owner of the mail, with --home")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--gid", options.gid, "group of the mail, with --home")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--dovecot", options.dovecot, "whose words to use")
      ->check(CLI::IsMember({"2.3", "2.4"}));
  return command;
}

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

std::string version_text() {
  return fmt::format("vstate {} (accounts: {})", VSTATE_VERSION, join(compiled_backends(), ", "));
}

/// The command line with what its options set.
struct CommandLine {
  CommandLine();
  [[nodiscard]] std::vector<std::pair<CLI::App*, std::function<Exit()>>> runs() const;

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
  CLI::App *dump_command, *plan, *apply, *verify, *check, *route, *pull_command, *history_command,
      *export_command, *schema;
};

CommandLine::CommandLine() {
  app.set_version_flag("--version", version_text());
  app.require_subcommand(1);
  app.fallthrough();
  add_server_options(app, common);

  dump_command = app.add_subcommand("dump", "state of this server's domains, as TOML");
  dump_command->add_option("DOMAIN", dump.domains, "domains to dump");
  dump_command->add_flag("--all", dump.all, "all domains of the server; needs -o DIR/");
  dump_command->add_option("-o,--output", dump.output, "file, or directory for DOMAIN.toml")
      ->type_name("FILE|DIR");
  dump_command
      ->add_option("--mail", dump.mail,
                   "also write mail and list archives into DIR; \"-\": all as one stream")
      ->type_name("DIR");
  dump_command->add_option("--have", dump.have, "with --mail -: leave out what FILE says")
      ->type_name("FILE");
  dump_command->add_flag("--clear-passwords", dump.clear_passwords,
                         "also clear-text passwords, where vpopmail kept them");
  dump_command->add_flag("--freeze", dump.freeze, "hold deliveries to the domain off meanwhile");
  add_exclude(dump_command, common);

  plan = add_file_command(app, "plan", "what apply would do; changes nothing", text);
  plan->add_option("-o,--output", text.output, "also save the plan, for apply")->type_name("PLAN");
  plan->add_flag("--json", text.json, "as JSON (schemas/plan.schema.json)");
  apply = add_file_command(app, "apply", "do it; safe to run again", text);
  add_run_flags(apply, text);
  for (auto* command : {plan, apply}) {
    add_change_flags(command, text);
    add_filters(command, common);
  }
  verify = add_file_command(app, "verify", "prove that it is all there and works", text);
  add_convert_option(verify, text);
  verify->add_flag("--deep", text.deep, "compare messages by content");
  check = add_file_command(app, "check", "validate a file without a server", text);
  for (auto* command : {verify, check}) add_exclude(command, common);
  route = app.add_subcommand("route", "how this server would deliver an address, and why");
  route->add_option("ADDRESS", addresses, "addresses")->required();
  pull_command =
      app.add_subcommand("pull", "bring domains here from another server; repeat for the delta");
  pull_command
      ->add_option("HOST", pull.from,
                   "[USER@]HOST, or a directory where the old server's files are")
      ->required();
  pull_command->add_option("DOMAIN", pull.domains, "domains")->required();
  pull_command->add_option("--rsh", pull.rsh, "what runs a command there (default: ssh)")
      ->type_name("COMMAND");
  pull_command->add_option("--remote-vstate", pull.remote_vstate, "vstate there, with options")
      ->type_name("COMMAND");
  pull_command
      ->add_option("--timeout", pull.timeout,
                   "give up when HOST is silent for so many seconds (600); 0: never")
      ->type_name("SECONDS");
  pull_command->add_flag("--freeze", pull.freeze,
                         "hold deliveries to the domain off there meanwhile");
  pull_command->add_flag("--clear-passwords", pull.clear_passwords,
                         "also clear-text passwords, where both sides keep them");
  add_overrides(*pull_command, pull.source, "source-", " of the source");
  add_run_flags(pull_command, pull.apply);
  add_change_flags(pull_command, pull.apply);
  add_filters(pull_command, common);
  history_command = app.add_subcommand("history", "earlier runs on this server");
  history_command->add_option("DOMAIN", history.domain, "runs of this domain only");
  history_command->add_option("-n,--last", history.most, "how many runs")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  history_command->add_flag("--json", history.json, "as JSON");
  export_command = add_export_command(app, exported);
  schema = app.add_subcommand("schema", "the JSON Schema of the file");
}

std::vector<std::pair<CLI::App*, std::function<Exit()>>> CommandLine::runs() const {
  return {{dump_command, [this] { return run_dump(common, dump); }},
          {plan, [this] { return run_plan(common, text); }},
          {apply, [this] { return run_apply(common, text); }},
          {verify, [this] { return run_verify(common, text); }},
          {check, [this] { return run_check(common, text); }},
          {route, [this] { return run_route(common, addresses); }},
          {pull_command, [this] { return run_pull(common, pull); }},
          {history_command, [this] { return run_history(common, history); }},
          {export_command, [this] { return run_export(common, exported); }},
          {schema, [] { return run_schema(); }}};
}

/// The options' file that the command line names; empty: it names none.
std::string config_of(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    constexpr std::string_view option = "--config", with_value = "--config=";
    if (word == "--") break;
    if (word == option && i + 1 < argc) return argv[i + 1];
    if (word.starts_with(with_value)) return std::string(word.substr(with_value.size()));
  }
  return {};
}

/// The command that a table of the options' file is of; null with an error if there is none.
CLI::App* command_of(CommandLine& line, const document::OptionValue& value,
                     Diagnostics& diagnostics) {
  if (value.command.empty()) return &line.app;
  for (auto* command : line.app.get_subcommands([](const CLI::App*) { return true; }))
    if (command->get_name() == value.command) return command;
  diagnostics.error(value.place, fmt::format("there is no command \"{}\"", value.command));
  return nullptr;
}

CLI::Option* option_of(CommandLine& line, const document::OptionValue& value,
                       Diagnostics& diagnostics) {
  auto* const command = command_of(line, value, diagnostics);
  if (command == nullptr) return nullptr;
  const auto is_no_option = [](std::string_view name) {
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
  if (is_flag && value.values == std::vector<std::string>{"false"}) return;
  if (value.is_array && option.get_items_expected_max() < 2) {
    diagnostics.error(value.place, value.name + ": takes one value");
    return;
  }
  try {
    option.clear();
    for (const auto& text : value.values) option.add_result(text);
    option.run_callback();
    option.clear();
  } catch (const CLI::ParseError& error) {
    diagnostics.error(value.place, error.what());
  }
}

/// The values of the options' file. Each is tried on a command line of its own, so that all that is
/// wrong is told, whatever command runs.
std::optional<std::vector<document::OptionValue>> read_config(const std::string& named) {
  const auto path = named.empty() ? std::string(k_config) : named;
  const auto bytes = engine::read_host_file(path);
  if (!bytes && named.empty() && bytes.error().code == Errc::not_found)
    return std::vector<document::OptionValue>();
  if (!bytes) {
    Console::error(bytes.error().message);
    return std::nullopt;
  }
  Diagnostics diagnostics;
  auto values = document::read_options(*bytes, path, diagnostics);
  CommandLine trial;
  for (const auto& value : values)
    if (auto* const option = option_of(trial, value, diagnostics))
      set_option(*option, value, diagnostics);
  for (const auto& item : diagnostics.sorted()) Console::error(to_text(item));
  if (diagnostics.has_errors()) return std::nullopt;
  return values;
}

/// Of all commands or of the one that runs, unless the command line says otherwise.
void take_config(CommandLine& line, const std::vector<document::OptionValue>& values) {
  Diagnostics checked_before;
  for (const auto& value : values) {
    auto* const command = command_of(line, value, checked_before);
    auto* const option = option_of(line, value, checked_before);
    if ((command == &line.app || command->parsed()) && option->count() == 0)
      set_option(*option, value, checked_before);
  }
}

/// A file that sets what a command requires frees its command line from it.
void relax(CommandLine& line, const std::vector<document::OptionValue>& values) {
  Diagnostics checked_before;
  for (const auto& value : values) option_of(line, value, checked_before)->required(false);
}

}  // namespace

int run_command_line(int argc, char** argv) {
  const auto config = read_config(config_of(argc, argv));
  if (!config) return static_cast<int>(Exit::usage);
  CommandLine line;
  relax(line, *config);
  try {
    line.app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success)) {
      std::ostringstream answer;
      line.app.exit(error, answer, answer);
      return static_cast<int>(Console::print_all(answer.str()));
    }
    std::string what = error.what();
    // What looks like a misspelt command is one; CLI11 only says that a command is missing.
    const auto commands = line.app.get_subcommands([](const CLI::App*) { return true; });
    const bool is_command =
        argc > 1 && std::any_of(commands.begin(), commands.end(), [&](const CLI::App* command) {
          return command->get_name() == argv[1];
        });
    if (argc > 1 && argv[1][0] != '-' && !is_command) {
      std::vector<std::string_view> names;
      for (const auto* command : commands) names.push_back(command->get_name());
      const auto meant = closest(argv[1], names);
      what = fmt::format("there is no command \"{}\"{}", argv[1],
                         meant.empty() ? "" : fmt::format("; did you mean \"{}\"?", meant));
    } else if (const auto meant = meant_option(line.app, argc, argv); !meant.empty()) {
      what = fmt::format("{}; did you mean \"{}\"?", what, meant);
    }
    Console::error(fmt::format("{}; see vstate --help", what));
    return static_cast<int>(Exit::usage);
  }
  take_config(line, *config);
  if (line.dump_command->parsed() && line.dump.all == !line.dump.domains.empty()) {
    Console::error("name the domains to dump, or say --all");
    return static_cast<int>(Exit::usage);
  }
  for (const auto& [command, run] : line.runs())
    if (command->parsed()) return static_cast<int>(run());
  return static_cast<int>(Exit::usage);
}

}  // namespace vstate::cli
