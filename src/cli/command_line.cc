// The options and commands, as CLI11 knows them. Each option names a plain value that it sets; no
// command reads the parser. Options of the server stand at the top and are understood behind a
// command too (fallthrough), since they mean the same for all of them.

#include "cli/command_line.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/config_file.h"
#include "store/account_store.h"
#include "sys/kernel.h"
#include "vstate/base/text.h"

namespace vstate::cli {

namespace {

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
  // One directory each: what follows is not swallowed.
  app.add_option("--" + prefix + "homes", server.homes,
                 "where homes are besides below their domain's directory" + of)
      ->type_name("DIR")
      ->allow_extra_args(false);
  // A back-end that this build lacks is a word here all the same, so that the error says what is
  // missing.
  option("backend", server.backend, "where accounts are kept")
      ->check(CLI::IsMember({"auto", "cdb", "mysql", "pgsql", "sqlite"}));
  option("connection", server.connection_file, "in place of etc/vpopmail.mysql or .pgsql")
      ->type_name("FILE");
  option("vpopmail-version", server.version, "the version of vpopmail")
      ->check(CLI::IsMember({"5.4", "5.6"}));
}

void add_server_options(CLI::App& app, CommonOptions& common) {
  app.add_option("--root", common.root,
                 "work on a server below DIR, or read one on [USER@]HOST:[DIR] by SFTP")
      ->type_name("DIR");
  app.add_option("--rsh", common.connecting.rsh, "what runs a command on HOST (default: ssh)")
      ->type_name("COMMAND");
  app.add_option_function<std::uint32_t>(
         "--timeout",
         [&common](std::uint32_t seconds) {
           common.connecting.timeout = std::chrono::seconds(seconds);
         },
         "give up when HOST is silent for so many seconds (600); 0: never")
      ->type_name("SECONDS");
  app.add_flag("--remote-sudo", common.connecting.with_sudo,
               "read as root there, by sudo, where only root may");
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
  app.add_option_function<unsigned>(
         "--jobs",
         [&common](unsigned jobs) {
           common.jobs = jobs;
           // Over a long way each may have a connection of its own.
           if (jobs > 0)
             common.connecting.connections = std::min(jobs, remote::Connecting().connections);
         },
         "mailboxes at a time, and domains where they are only looked at (default: by the machine)")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  app.add_flag("-q,--quiet", common.quiet, "errors only; the exit status tells the rest");
  app.add_flag("-v,--verbose", common.verbose,
               "all of a plan, with what was detected, and from what");
  // Its value was taken before the parsing; it stands here to be known and to be in the help.
  app.add_option("--config", common.config, fmt::format("options as TOML (default: {})", k_config))
      ->type_name("FILE");
}

void add_secrets(CLI::App* command, std::string& secrets) {
  command
      ->add_option("--secrets", secrets,
                   "where dump --secrets wrote what the file does not hold: a file, or a directory "
                   "with one a domain")
      ->type_name("FILE|DIR");
}

CLI::App* add_file_command(CLI::App& app, const char* name, const char* help,
                           PlanOptionsText& options) {
  auto* command = app.add_subcommand(name, help);
  // Several files are several domains of one run, which are published together.
  command
      ->add_option("FILE", options.files,
                   "domain file, or a directory of them; \"-\" is standard input")
      ->required();
  command
      ->add_option("--mail", options.mail, "directory of the archives (default: beside the file)")
      ->type_name("DIR");
  add_secrets(command, options.secrets);
  return command;
}

/// A name that is no pair is an error of the command line.
void add_rename(CLI::App* command, CommonOptions& common) {
  command
      ->add_option_function<std::vector<std::string>>(
          "--rename",
          [&common](const std::vector<std::string>& pairs) {
            for (const auto& pair : pairs) {
              auto parsed = parse_renaming(pair);
              if (!parsed) throw CLI::ValidationError("--rename", parsed.error().message);
              common.renaming.insert_or_assign(parsed->first, parsed->second);
            }
          },
          "another name for a domain on its way; its own addresses follow; repeatable")
      ->type_name("OLD=NEW")
      ->allow_extra_args(false);
}

void add_exclude(CLI::App* command, CommonOptions& common) {
  // One pattern each: what follows is not swallowed.
  command
      ->add_option("--exclude", common.selection.exclude,
                   "as if what matches were not there, such as mailbox.bob or domain.*.test; "
                   "repeatable")
      ->type_name("GLOB")
      ->allow_extra_args(false);
}

void add_filters(CLI::App* command, CommonOptions& common) {
  command
      ->add_option("--only", common.selection.only,
                   "only what matches, such as mailbox.al*, or domain.*.org of many; repeatable")
      ->type_name("GLOB")
      ->allow_extra_args(false);
  add_exclude(command, common);
}

/// "1000-1999", as --uids takes it.
std::string refusal_of_uids(const std::string& text) {
  const auto dash = text.find('-');
  const auto number = [](std::string_view part) {
    const auto value = to_number(part);
    return value && *value <= std::numeric_limits<std::uint32_t>::max() ? value : std::nullopt;
  };
  const auto from = number(text.substr(0, dash));
  const auto to = dash == std::string::npos ? std::nullopt : number(text.substr(dash + 1));
  return from && to && *from <= *to ? std::string()
                                    : fmt::format("\"{}\" is no range such as 1000-1999", text);
}

/// The accounts of a machine without vpopmail as a domain. Returns the option that asks for them.
CLI::Option* add_system_options(CLI::App* command, SystemOptions& system) {
  auto* wanted =
      command->add_flag("--system", system.is_wanted,
                        "the people of etc/passwd, their mail (mbox too) and aliases, as DOMAIN");
  auto* uids = command
                   ->add_option("--uids", system.uids,
                                "with --system: those with these uids (default: as "
                                "etc/login.defs says, else 1000-59999)")
                   ->type_name("FROM-TO")
                   ->check(refusal_of_uids)
                   ->needs(wanted);
  command->add_option("--group", system.group, "with --system: the members of a group")
      ->type_name("NAME")
      ->needs(wanted)
      ->excludes(uids);
  return wanted;
}

void add_convert_option(CLI::App* command, PlanOptionsText& options) {
  command
      ->add_option("--convert", options.convert,
                   "make Dovecot's UID files, keywords, and subscriptions of Courier's")
      ->check(CLI::IsMember({"courier-dovecot"}));
}

/// Of what a run may do to this server.
/// `pull` takes the same ones, as it ends in an apply.
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
  add_secrets(command, options.secrets);
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

std::string version_text() {
  return fmt::format("vstate {} (accounts: {})", VSTATE_VERSION, join(compiled_backends(), ", "));
}

/// With a line for each system call that an older kernel lacks, or a filter refuses.
std::string verbose_version_text() {
  auto text = version_text();
  for (const auto& call : kernel_calls())
    text += fmt::format("\n{:<16}{}", call.name,
                        call.instead.empty() ? "used" : fmt::format("not here: {}", call.instead));
  return text;
}

}  // namespace

CommandLine::CommandLine() {
  // Wherever --verbose stands: it is asked for only when all words have been read.
  app.set_version_flag("--version", [this] {
    return app.count("--verbose") > 0 ? verbose_version_text() : version_text();
  });
  app.require_subcommand(1);
  app.fallthrough();
  add_server_options(app, common);
  add_dump();
  add_file_commands();
  add_list();
  add_route();
  add_pull();
  add_cutover();
  add_others();
}

void CommandLine::add_dump() {
  dump_command = app.add_subcommand("dump", "state of this server's domains, as TOML");
  dump_command->add_option("DOMAIN", dump.domains, "domains to dump");
  auto* all = dump_command->add_flag("--all", dump.all, "all domains of the server; needs -o DIR/");
  dump_command->add_flag("--server", dump.server,
                         "the server's own settings: control files, qmail/alias, limits");
  dump_command->add_option("-o,--output", dump.output, "file, or directory for DOMAIN.toml")
      ->type_name("FILE|DIR");
  dump_command
      ->add_option("--mail", dump.mail,
                   "also write mail and list archives into DIR; \"-\": all as one stream")
      ->type_name("DIR");
  dump_command
      ->add_option("--secrets", dump.secrets,
                   "passwords and keys go into a file of their own, or DOMAIN.toml in a directory")
      ->type_name("FILE|DIR");
  dump_command->add_option("--have", dump.have, "with --mail -: leave out what FILE says")
      ->type_name("FILE");
  dump_command->add_flag("--clear-passwords", dump.clear_passwords,
                         "also clear-text passwords, where vpopmail kept them");
  add_rename(dump_command, common);
  auto* freeze = dump_command->add_flag("--freeze", dump.freeze,
                                        "hold deliveries to the domain off meanwhile");
  add_system_options(dump_command, dump.system)->excludes(all)->excludes(freeze);
  add_exclude(dump_command, common);
}

void CommandLine::add_file_commands() {
  plan = add_file_command(app, "plan", "what apply would do; changes nothing", text);
  plan->add_option("-o,--output", text.output, "also save the plan, for apply")->type_name("PLAN");
  plan->add_flag("--json", text.json, "as JSON (schemas/plan.schema.json)");
  apply = add_file_command(app, "apply", "do it; safe to run again", text);
  // `plan --json` is another thing: one document and no events.
  add_run_flags(apply, text);
  // A plan is of use only if apply then does the same, so both take the same options.
  for (auto* command : {plan, apply}) {
    add_change_flags(command, text);
    add_filters(command, common);
  }
  verify = add_file_command(app, "verify", "prove that it is all there and works", text);
  add_convert_option(verify, text);
  verify->add_flag("--deep", text.deep, "compare messages by content");
  check = add_file_command(app, "check", "validate a file without a server", text);
  for (auto* command : {plan, apply, verify})
    command->add_flag("--take-machine-keys", text.take_machine_keys,
                      "of server.toml also what is of one machine: me, IP addresses");
  // What is excluded from an apply would otherwise be missing for verify.
  for (auto* command : {verify, check}) add_exclude(command, common);
  for (auto* command : {plan, apply, verify, check}) add_rename(command, common);
}

void CommandLine::add_list() {
  list = app.add_subcommand("list", "the domains of this server, with counts");
  auto* json = list->add_flag("--json", listing.json, "as JSON (schemas/list.schema.json)");
  list->add_flag("--names", listing.names, "names alone, one a line; nothing is counted")
      ->excludes(json);
  add_filters(list, common);
}

void CommandLine::add_route() {
  route = app.add_subcommand("route", "how this server would deliver an address, and why");
  route->add_option("ADDRESS", addresses, "addresses")->required();
}

void CommandLine::add_pull() {
  pull_command =
      app.add_subcommand("pull", "bring domains here from another server; repeat for the delta");
  pull_command
      ->add_option("HOST", pull.from,
                   "[USER@]HOST, or a directory where the old server's files are")
      ->required();
  pull_command->add_option("DOMAIN", pull.domains, "domains");
  auto* all = pull_command->add_flag("--all", pull.all, "all domains of the source");
  pull_command
      ->add_option("--via", pull.via, "whether vstate runs there, or sftp alone (default: auto)")
      ->check(CLI::IsMember({"auto", "vstate", "sftp"}));
  auto* there =
      pull_command->add_option("--remote-vstate", pull.remote_vstate, "vstate there, with options");
  there->type_name("COMMAND");
  auto* pushed = pull_command->add_option(
      "--push-vstate", pull.push_vstate,
      "copy this static program (make static) there, use it, and remove it");
  pushed->type_name("FILE")->excludes(there);
  auto* freeze = pull_command->add_flag("--freeze", pull.freeze,
                                        "hold deliveries to the domain off there meanwhile");
  auto* final = pull_command->add_flag(
      "--final", pull.final,
      "the last mile: hold deliveries off there, bring what is new, verify, let it relay to this "
      "server (see cutover), and let deliveries go on");
  pull_command
      ->add_option("--to", pull.to, "with --final: this server, for the old one's smtproutes")
      ->type_name("HOST[:PORT]")
      ->needs(final);
  // A program there would have to know all of this too; the files are read from here.
  auto* system = add_system_options(pull_command, pull.system);
  for (auto* other : {all, there, pushed, freeze, final}) system->excludes(other);
  pull_command->add_flag("--clear-passwords", pull.clear_passwords,
                         "also clear-text passwords, where both sides keep them");
  // The other side is detected by itself: it is hardly ever built like this one.
  add_overrides(*pull_command, pull.source, "source-", " of the source");
  add_rename(pull_command, common);
  add_run_flags(pull_command, pull.apply);
  add_change_flags(pull_command, pull.apply);
  add_filters(pull_command, common);
}

void CommandLine::add_cutover() {
  cutover_command = app.add_subcommand(
      "cutover", "let this server relay domains to their new one; with --undo, no longer");
  cutover_command->add_option("DOMAIN", switched.domains,
                              "domains, with their alias domains; with --undo and --status, none "
                              "stands for all that were switched");
  auto* to =
      cutover_command->add_option("--to", switched.to, "the new server, as smtproutes has it");
  to->type_name("HOST[:PORT]");
  auto* undo =
      cutover_command->add_flag("--undo", switched.undo, "take back what a cutover changed");
  cutover_command
      ->add_flag("--status", switched.status,
                 "what was switched, and what waits in the queue; exit 2 until all is settled")
      ->excludes(to)
      ->excludes(undo);
  undo->excludes(to);
  cutover_command->add_flag("-n,--dry-run", switched.dry_run, "show the plan, and change nothing");
  cutover_command->add_flag("--yes", switched.yes, "do not ask");
}

void CommandLine::add_others() {
  history_command = app.add_subcommand("history", "earlier runs on this server");
  history_command->add_option("DOMAIN", history.domain, "runs of this domain only");
  history_command->add_option("-n,--last", history.most, "how many runs")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  history_command->add_flag("--json", history.json, "as JSON");
  rollback_command = app.add_subcommand(
      "rollback", "take back what a run changed in a domain's configuration; mail stays");
  rollback_command->add_option("RUN", rollback.run, "its number, as history prints it")
      ->required()
      ->check(CLI::PositiveNumber);
  rollback_command->add_flag("-n,--dry-run", rollback.dry_run, "show the plan, and change nothing");
  rollback_command->add_flag("--yes", rollback.yes, "do not ask");
  export_command = add_export_command(app, exported);
  schema = app.add_subcommand("schema", "the JSON Schema of the file");
  schema->add_flag("--server", schemas.server, "that of server.toml");
}

std::vector<CLI::App*> CommandLine::commands() {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

std::vector<std::pair<CLI::App*, std::function<Exit()>>> CommandLine::runs() const {
  // The first that was parsed is run; the parser has seen to it that there is exactly one.
  return {{dump_command, [this] { return run_dump(common, dump); }},
          {plan, [this] { return run_plan(common, text); }},
          {apply, [this] { return run_apply(common, text); }},
          {verify, [this] { return run_verify(common, text); }},
          {check, [this] { return run_check(common, text); }},
          {list, [this] { return run_list(common, listing); }},
          {route, [this] { return run_route(common, addresses); }},
          {pull_command, [this] { return run_pull(common, pull); }},
          {cutover_command, [this] { return run_cutover(common, switched); }},
          {history_command, [this] { return run_history(common, history); }},
          {rollback_command, [this] { return run_rollback(common, rollback); }},
          {export_command, [this] { return run_export(common, exported); }},
          {schema, [this] { return run_schema(schemas); }}};
}

}  // namespace vstate::cli
