// `dump` writes one domain as text, several as files in a directory, or one with its mail as a
// stream. It changes nothing on the server but what --freeze holds off, and locks mboxes while they
// are read. What it writes holds hashes of passwords, so each file is for its owner alone before
// the first byte is in it.

#include "dump/dump.h"

#include <unistd.h>

#include <filesystem>

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/server.h"
#include "cli/tally.h"
#include "cli/view/dump_view.h"
#include "cli/view/settings_view.h"
#include "dump/list.h"
#include "engine/unmatched_patterns.h"
#include "host/host_file.h"
#include "host/input.h"

namespace vstate::cli {

namespace {

engine::DumpOptions dump_options(const CommonOptions& common, const DumpOptions& options) {
  return {.mail = options.mail,
          .clear_passwords = clear_passwords_of(options.clear_passwords),
          .freeze = freeze_of(options.freeze),
          .selection = common.selection,
          .renaming = common.renaming,
          .splits_secrets = !options.secrets.empty()};
}

/// The exit status of a dump that was reported.
Exit finish(const engine::DumpReport& report) {
  return report.still_frozen ? Console::fail(*report.still_frozen) : exit_of(report);
}

Result<Have> read_have(const std::string& name) {
  if (name.empty()) return Have();
  VSTATE_TRY_ASSIGN(const auto bytes, read_input(name));
  return parse_have(bytes);
}

/// Into standard output, whose reader may have asked to leave something out.
Exit dump_stream(const Console& console, engine::Session& session, const DomainName& name,
                 const CommonOptions& common, const DumpOptions& options) {
  auto have = read_have(options.have);
  if (!have) return Console::fail(have.error());
  if (const auto done = make_output_private(); !done) return Console::fail(done.error());
  const auto dumped =
      engine::dump_stream(session, name, STDOUT_FILENO, *have, dump_options(common, options));
  if (!dumped) return Console::fail(dumped.error());
  // A reader who says what they have counts what comes.
  if (options.have.empty()) {
    show_dump(console, name, *dumped);
  } else {
    show_source(console, name, *dumped);
    if (dumped->has_changed) show_change_of_source(name);
  }
  return finish(*dumped);
}

Result<std::vector<DomainName>> domains_to_dump(const Console& console,
                                                const engine::Session& session,
                                                const DumpOptions& options,
                                                const DomainSelection& selection) {
  if (!options.all) return parse_names(options.domains);
  say_what_is_left_alone(console, session);
  return engine::selected_domains(*session.qmail, selection, "this server");
}

bool is_directory(const std::string& output) {
  return !output.empty() && output != "-" &&
         (output.back() == '/' || std::filesystem::is_directory(output));
}

/// Standard output, the file of -o, or DOMAIN.toml in the directory of -o.
Status deliver_text(const std::string& output, const DomainName& name, const std::string& text) {
  if (output.empty() || output == "-") {
    VSTATE_TRY(make_output_private());
    return Console::print(text) ? Status() : Status(fail_errno("standard output", "cannot write"));
  }
  if (!is_directory(output)) return write_host_file(output, text);
  VSTATE_TRY(make_private_directories(std::filesystem::path(output + "/").parent_path()));
  return write_host_file(path_join(output, name.text() + ".toml"), text);
}

Exit write_dump(const Console& console, const DomainName& name,
                const Result<engine::DomainDump>& dumped, const CommonOptions& common,
                const DumpOptions& options) {
  const auto fail = [&](const Error& error) { return Console::fail(error.in(name.text())); };
  if (!dumped) return fail(dumped.error());
  const auto& name_there = renamed(name, common.renaming);
  // They come first: a file without its secrets is of no use.
  if (!options.secrets.empty())
    if (const auto status = deliver_text(options.secrets, name_there, dumped->secrets); !status)
      return fail(status.error());
  if (const auto status = deliver_text(options.output, name_there, dumped->text); !status)
    return fail(status.error());
  show_dump(console, name, *dumped);
  return finish(*dumped);
}

/// Beside the files of the domains.
Exit dump_settings_into(const Console& console, engine::Session& session,
                        const std::vector<DomainName>& names, const CommonOptions& common,
                        const std::string& directory) {
  for (const auto& name : names)
    if (name.text() + ".toml" == k_settings_name)
      return Console::fail(
          {Errc::conflict, fmt::format("{}: is the file of the domain {}; write the settings "
                                       "elsewhere with dump --server -o FILE",
                                       k_settings_name, name.text())});
  if (const auto made =
          make_private_directories(std::filesystem::path(directory + "/").parent_path());
      !made)
    return Console::fail(made.error());
  return dump_settings(console, session, common, path_join(directory, k_settings_name));
}

Exit dump_each(const Console& console, engine::Session& session,
               const std::vector<DomainName>& names, const CommonOptions& common,
               const DumpOptions& options) {
  Tally tally;
  bool has_written = false;
  // All of a server is also what its domains do not say.
  if (options.all) {
    const auto exit = dump_settings_into(console, session, names, common, options.output);
    tally.add_settings(exit);
    has_written = exit != Exit::error;
  }
  const auto chosen = dump_options(common, options);
  const auto dumps = engine::dump_domains(session, chosen, names, common.jobs);
  for (const auto& name : names) {
    const auto exit = write_dump(console, name, dumps->next(), common, options);
    tally.add(name.text(), exit);
    // The files of the other domains are there: the status must not say that nothing was done.
    has_written = has_written || exit != Exit::error;
  }
  if (const auto summary = tally.summary(); !summary.empty()) console.say(summary);
  return tally.exit(has_written);
}

/// What is wrong with where secrets are to go; empty: nothing.
std::string wrong_place_of_secrets(const DumpOptions& options, std::size_t domains) {
  const auto& secrets = options.secrets;
  if (secrets.empty()) return {};
  if (options.mail == "-") return "a stream goes to another vstate, and holds its secrets itself";
  if (secrets == "-") return "--secrets - would print them; name a file";
  if (domains != 1 && !is_directory(secrets))
    return "the secrets of several domains need a directory: --secrets DIR/";
  std::error_code ignored;
  const auto place = [](const std::string& path) {
    return std::filesystem::path(path + (path.ends_with('/') ? "." : "")).lexically_normal();
  };
  if (!options.output.empty() && (place(secrets) == place(options.output) ||
                                  std::filesystem::equivalent(secrets, options.output, ignored)))
    return "--secrets and -o name the same place";
  return {};
}

Exit dump_server(const Console& console, engine::Session& session, const CommonOptions& common,
                 const DumpOptions& options) {
  const bool is_of_domains = !options.domains.empty() || !options.mail.empty() || options.freeze ||
                             options.clear_passwords || !options.have.empty() ||
                             !options.secrets.empty();
  if (is_of_domains) {
    Console::error("--server is about no domain; --all -o DIR/ writes all of both");
    return Exit::usage;
  }
  return is_directory(options.output)
             ? dump_settings_into(console, session, {}, common, options.output)
             : dump_settings(console, session, common, options.output);
}

}  // namespace

Exit run_dump(const CommonOptions& common, const DumpOptions& options) {
  const Console console(common);
  auto session = open_to_read(common, options.system);
  if (!session) return Console::fail(session.error());
  if (options.server && !options.all) return dump_server(console, *session, common, options);
  const auto names = domains_to_dump(console, *session, options, common.selection.domains);
  if (!names) return Console::fail(names.error());
  // A misspelt --exclude would take along what was to be left out.
  if (const auto checked = engine::check_patterns(engine::without_settings(common.selection),
                                                  "what would be dumped", {}, {{*session, *names}});
      !checked)
    return Console::fail(checked.error());
  if (const auto wrong = wrong_place_of_secrets(options, names->size()); !wrong.empty()) {
    Console::error(wrong);
    return Exit::usage;
  }
  if (options.mail == "-") {
    if (names->size() == 1) return dump_stream(console, *session, names->front(), common, options);
    Console::error("a stream holds one domain");
    return Exit::usage;
  }
  if (names->size() != 1 && !is_directory(options.output)) {
    Console::error("a file describes one domain; for more name a directory with -o DIR/");
    return Exit::usage;
  }
  return dump_each(console, *session, *names, common, options);
}

}  // namespace vstate::cli
