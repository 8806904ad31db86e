// `pull` brings domains here, from a directory or from a host by ssh. One run lock is held over all
// of them. Domains come one after the other, as each brings its mail with it, and are published
// together; the run goes on after one that failed.

#include "pull/pull.h"

#include <deque>
#include <filesystem>
#include <optional>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "cli/command/pull_final.h"
#include "cli/commands.h"
#include "cli/json_text.h"
#include "cli/server.h"
#include "cli/view/dump_view.h"
#include "cli/view/run_view.h"
#include "dump/list.h"
#include "engine/unmatched_patterns.h"
#include "pull/asked_before.h"
#include "remote/ssh/place.h"
#include "remote/ssh/pushed_program.h"
#include "remote/ssh/shared_login.h"

namespace vstate::cli {

namespace {

/// A host alone has no slash in its name, and no colon.
bool is_host_alone(const PullOptions& options) {
  return options.from.find('/') == std::string::npos && !remote::parse_place(options.from);
}

/// Whether this program reads the old server's files itself, here or by SFTP. A machine of system
/// accounts is always read so.
bool reads_files(const PullOptions& options) {
  // Whoever switches the old server works on its files, by which all of the last mile goes.
  return !is_host_alone(options) || options.via == "sftp" || options.final ||
         options.system.is_wanted;
}

/// A host alone is all of that machine.
std::string root_of_source(const PullOptions& options) {
  return is_host_alone(options) ? options.from + ":" : options.from;
}

engine::DirectoryOptions directory_options(const CommonOptions& common,
                                           const PullOptions& options) {
  return {.root = root_of_source(options),
          .freeze = freeze_of(options.freeze),
          .clear_passwords = clear_passwords_of(options.clear_passwords),
          .renaming = common.renaming};
}

/// The old server's files, opened once for all domains: a log-in there may take its time, or ask
/// for a password.
class Source {
 public:
  Source(engine::Session& target, const CommonOptions& common, const PullOptions& options)
      : target_(target),
        server_{.root = root_of_source(options),
                .connecting = common.connecting,
                .overrides = options.source,
                .system_accounts = choice_of(options.system)},
        is_read_(reads_files(options)) {}

  Result<engine::Session*> open() {
    if (!session_) {
      ++openings_;
      server_.asked_before = engine::asked_before(target_, server_.root);
      // A first pass mostly brings all the mail there is.
      server_.connecting.brings_much = server_.asked_before.empty();
      VSTATE_TRY_ASSIGN(session_, engine::open_source(server_));
    }
    return &*session_;
  }
  /// A connection that failed serves no other domain.
  void close() { session_.reset(); }
  /// When all domains are here.
  void end() {
    if (session_) engine::keep_asked(target_, server_.root, *session_->system);
    close();
  }
  /// How often it was opened: whoever works on its files has to begin anew.
  [[nodiscard]] unsigned openings() const { return openings_; }
  [[nodiscard]] bool is_read() const { return is_read_; }
  [[nodiscard]] const engine::ServerOptions& place() const { return server_; }
  void read_from_now_on() { is_read_ = true; }
  /// Goes over to SFTP if that is what a failure of the other way asks for.
  bool falls_back(const Error& error, const PullOptions& options, const Console& console) {
    if (error.code != Errc::unsupported || options.via != "auto" || is_read_) return false;
    console.say(
        fmt::format("{}: no vstate answers there; its files are read by SFTP", options.from));
    read_from_now_on();
    return true;
  }

 private:
  engine::Session& target_;
  engine::ServerOptions server_;
  bool is_read_;  ///< by this program, and not by one on the other machine
  std::optional<engine::Session> session_;
  unsigned openings_ = 0;
};

engine::RemoteOptions remote_options(const CommonOptions& common, const PullOptions& options) {
  return {.host = options.from,
          .rsh = common.connecting.rsh,
          .login = common.connecting.login,
          .remote_vstate = options.remote_vstate,
          .overrides = options.source,
          .exclude = common.selection.exclude,
          .renaming = common.renaming,
          .freeze = freeze_of(options.freeze),
          .clear_passwords = clear_passwords_of(options.clear_passwords),
          .is_quiet = common.quiet,
          .timeout = common.connecting.timeout};
}

/// Whether each pattern matches something, there or here. The other side of a shell judges for
/// itself.
Status check_patterns(engine::Session& target, Source& source, const Selection& selection,
                      const std::string& from, const std::vector<DomainName>& names) {
  if (selection.is_of_all()) return {};
  VSTATE_TRY_ASSIGN(auto* const session, source.open());
  return engine::check_patterns(selection, from + " or on this server", {},
                                {{*session, names}, {target, names}});
}

/// What the source's name says, as far as that can be told before anything is done.
Status check_place(const Console& console, const Source& source, const PullOptions& options) {
  const bool is_there = std::filesystem::is_directory(options.from);
  // A directory of that name here is likely the one that was meant.
  if (is_there && is_host_alone(options))
    console.say(fmt::format("{0}: is taken for a host; for the directory say ./{0}", options.from));
  if (options.system.is_wanted && options.via == "vstate")
    return fail(Errc::invalid,
                "--via vstate: --system is read by this program, by SFTP or from a directory");
  if (!source.is_read()) return {};
  if (!is_there && !remote::parse_place(root_of_source(options)))
    return fail(Errc::not_found, fmt::format("{}: is not a directory", options.from));
  return {};
}

Exit show(const Console& console, const DomainName& name, const engine::PullReport& report,
          ExitDetail detail) {
  if (report.source) show_source(console, name, *report.source);
  const auto exit = exit_of(report, detail);
  if (report.last_look) (void)Console::fail(*report.last_look);
  if (exit == Exit::source_changed) show_changed_while_copied();
  return report.source && report.source->still_frozen ? Console::fail(*report.source->still_frozen)
                                                      : exit;
}

/// The domains of a run: each is brought here, and shown once its end is known.
class Pulling {
 public:
  Pulling(const Console& console, const CommonOptions& common, const PullOptions& options,
          engine::Session& target, Source& source, const std::vector<DomainName>& names)
      : console_(console),
        common_(common),
        options_(options),
        source_(source),
        left_(names.begin(), names.end()),
        view_(console, options.apply, names.size()),
        run_(target,
             {.plan = plan_options(common, options.apply), .jobs = common.jobs, .command = "pull"},
             view_) {}

  void pull(const DomainName& name) {
    auto status = pull_once(name);
    const auto first = status ? std::nullopt : std::optional(status.error());
    if (first && source_.falls_back(*first, options_, console_)) {
      status = pull_once(name);
      // Whichever of both ways should have worked, a person sees why it did not.
      if (!status) (void)Console::fail(*first);
    }
    if (!status) add(name, Console::fail(status.error()));
    left_.pop_front();
    show_finished();
  }
  void end() {
    run_.publish();
    show_finished();
  }
  [[nodiscard]] bool ends_run() const { return run_.is_over() || tally_.ends_run(); }
  [[nodiscard]] const Tally& tally() const { return tally_; }
  [[nodiscard]] bool has_changed() const { return has_changed_; }

 private:
  Status pull_once(const DomainName& name) {
    if (!source_.is_read()) return run_.pull(remote_options(common_, options_), name);
    VSTATE_TRY_ASSIGN(auto* const session, source_.open());
    const auto reading = directory_options(common_, options_);
    if (std::exchange(opening_, source_.openings()) != source_.openings())
      run_.expect(*session, reading, {left_.begin(), left_.end()});
    return run_.pull(*session, reading, name);
  }
  void show_finished() {
    for (const auto& [name, report] : run_.take_finished())
      add(name, show(console_, name, report, exit_detail_of(options_.apply)));
  }
  void add(const DomainName& name, Exit exit) {
    tally_.add(name.text(), exit);
    has_changed_ = has_changed_ || exit != Exit::error;
    if (exit == Exit::error) source_.close();
  }

  const Console& console_;
  const CommonOptions& common_;
  const PullOptions& options_;
  Source& source_;
  std::deque<DomainName> left_;  ///< the one in hand is the first
  unsigned opening_ = 0;         ///< of the source, that was told what is expected
  RunView view_;
  engine::PullRun run_;
  Tally tally_;
  bool has_changed_ = false;
};

/// With --push-vstate: from then on `options` name the program there.
Status push_program(const Console& console, const CommonOptions& common, Source& source,
                    PullOptions& options, std::optional<remote::PushedProgram>& pushed) {
  const auto& file = options.push_vstate;
  if (file.empty()) return {};
  if (source.is_read())
    return fail(Errc::invalid,
                fmt::format("--push-vstate {}: {} is read by this program, and needs "
                            "none there",
                            file, options.from));
  auto program = remote::PushedProgram::push(common.connecting, options.from, file);
  if (!program && program.error().code == Errc::unsupported && options.via == "auto") {
    console.say(fmt::format("{}; its files are read by SFTP", program.error().message));
    source.read_from_now_on();
    return {};
  }
  VSTATE_TRY_ASSIGN(pushed, std::move(program));
  options.remote_vstate = pushed->command();
  return {};
}

/// Those of the command line, or all of the source.
Result<std::vector<DomainName>> domains_to_pull(const Console& console, const CommonOptions& common,
                                                Source& source, const PullOptions& options) {
  if (!options.all) {
    VSTATE_TRY_ASSIGN(auto names, parse_names(options.domains));
    // One that is named twice is brought once.
    std::set<DomainName> seen;
    std::erase_if(names, [&](const DomainName& name) { return !seen.insert(name).second; });
    return names;
  }
  const auto& selection = common.selection.domains;
  if (!source.is_read()) {
    auto names = engine::domains_there(remote_options(common, options), selection);
    if (names || !source.falls_back(names.error(), options, console)) return names;
  }
  VSTATE_TRY_ASSIGN(const auto* const session, source.open());
  say_what_is_left_alone(console, *session);
  auto names = engine::selected_domains(*session->qmail, selection, options.from);
  if (names && names->empty())
    return fail(Errc::not_found, fmt::format("{}: there is no domain to pull", options.from));
  return names;
}

Exit finish(const Console& console, const PullOptions& options, const Tally& tally,
            bool has_changed) {
  const auto summary = tally.summary();
  if (options.apply.json && !summary.empty()) Console::print(to_json_text(tally.event()) + "\n");
  if (!options.apply.json && !summary.empty()) console.say(summary);
  return tally.exit(has_changed);
}

/// Empty if nothing is.
std::string wrong_use_of_final(const CommonOptions& common, const PullOptions& options) {
  if (!options.final) return {};
  if (options.via == "vstate" || !options.push_vstate.empty())
    return "--final reads the old server's files by this program; leave --via and "
           "--push-vstate out";
  if (!common.renaming.empty())
    return "--final cannot rename: the old server relays each domain by its own name";
  return {};
}

/// For who would log in once a domain. Null: it is not shared.
std::unique_ptr<const remote::SharedLogin> share_login(CommonOptions& common, const Source& source,
                                                       const PullOptions& options) {
  if (source.is_read() || (!options.all && options.domains.size() < 2)) return nullptr;
  auto login = remote::SharedLogin::open(common.connecting, options.from);
  if (login) common.connecting.login = login->socket();
  return login;
}

}  // namespace

Exit run_pull(const CommonOptions& given, const PullOptions& said) {
  const Console console(given);
  auto common = given;
  auto options = said;
  if (const auto wrong = wrong_use_of_final(common, options); !wrong.empty()) {
    Console::error(wrong);
    return Exit::usage;
  }
  // What is misspelt is told before anything is opened.
  if (const auto said_names = parse_names(options.domains); !said_names)
    return Console::fail(said_names.error());
  auto opened = open_to_write(common);
  if (!opened) return Console::fail(opened.error());
  auto& target = opened->session;
  Source source(target, common, options);
  if (const auto checked = check_place(console, source, options); !checked)
    return Console::fail(checked.error());
  const auto login = share_login(common, source, options);
  std::optional<remote::PushedProgram> pushed;
  if (const auto there = push_program(console, common, source, options, pushed); !there)
    return Console::fail(there.error());
  const auto names = domains_to_pull(console, common, source, options);
  if (!names) return Console::fail(names.error());
  if (source.is_read())
    if (const auto checked = check_patterns(target, source, common.selection, options.from, *names);
        !checked)
      return Console::fail(checked.error());
  if (options.final) {
    auto session = source.open();
    if (!session) return Console::fail(session.error());
    const auto exit = pull_finally(common, options, target, **session, source.place(), *names);
    source.end();
    return exit;
  }
  Pulling pulling(console, common, options, target, source, *names);
  for (const auto& name : *names) {
    if (pulling.ends_run()) break;
    pulling.pull(name);
  }
  pulling.end();
  source.end();
  const auto removed = pushed ? pushed->remove() : Status();
  if (!removed) (void)Console::fail(removed.error());
  const auto exit = finish(console, options, pulling.tally(), pulling.has_changed());
  return removed ? exit : Exit::error;
}

}  // namespace vstate::cli
