#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "archive/stream.h"
#include "cli/apply.h"
#include "cli/commands.h"
#include "cli/patterns.h"
#include "cli/reporter.h"
#include "cli/saved_plan.h"
#include "cli/session.h"
#include "cli/tally.h"
#include "view/plan_view.h"
#include "vstate/base/text.h"

namespace vstate::cli {

namespace {

/// A feed is asked each time; it need not have anything.
bool brought_something(const Plan& plan, const ApplyReport& report) {
  return plan.actions.size() > 1 || report.messages + report.restated + report.removed > 0;
}

/// "Applied: 4 added, 1 changed, 0 deleted; 1,200 messages (45.1 MiB) copied."
std::string done_line(const Plan& plan, const ApplyReport& report) {
  const auto planned = summary_of(plan);
  if (!report.failures.empty())
    return fmt::format(
        "Partly applied: {} done, {} failed; run it again to take up what is missing.", report.done,
        report.failures.size());
  std::string out = fmt::format("Applied: {} added, {} changed, {} deleted", planned.add,
                                planned.change, planned.remove);
  if (report.messages > 0)
    out += fmt::format("; {} message{} ({}) copied", with_thousands(report.messages),
                       report.messages == 1 ? "" : "s", human_bytes(report.bytes));
  if (report.restated > 0) out += fmt::format("; {} renamed", with_thousands(report.restated));
  if (report.removed > 0)
    out += fmt::format("; {} deleted that {} gone there", with_thousands(report.removed),
                       report.removed == 1 ? "is" : "are");
  if (report.gone > 0)
    out += fmt::format("; {} gone there and kept (--prune deletes)", with_thousands(report.gone));
  return out + ".";
}

/// So many domains are published at once; none waits longer for the others, nor for so much mail of
/// one of them.
constexpr std::size_t k_batch = 1000;
constexpr auto k_longest_wait = std::chrono::seconds(5);
constexpr std::uint64_t k_much_mail = std::uint64_t{64} << 20U;

/// A domain that is built, or whose building failed in parts. It stays where it is: the run refers
/// to it.
struct Building {
  template <class MakeInput>
  Building(const DomainFile& of, Prepared ready, const Console& console, bool is_json,
           std::string noun, const MakeInput& make_input)
      : file(of),
        prepared(std::move(ready)),
        reporter(console, is_json, of.state.name.text(), std::move(noun)),
        input(make_input(prepared.observation)),
        run(input, prepared.plan, reporter) {}

  /// Tells how far it is meanwhile.
  Status build() {
    const auto planned = summary_of(prepared.plan);
    const auto boxes = file.state.mailboxes.size() + file.state.lists.size();
    reporter.expect({.messages = planned.messages,
                     .bytes = planned.bytes,
                     .boxes = input.feed == nullptr ? 0 : boxes,
                     .actions = prepared.plan.actions.size()});
    const Reporter::Watch watch(reporter);
    return run.build();
  }

  const DomainFile& file;
  Prepared prepared;
  Reporter reporter;
  ApplyInput input;
  PlanRun run;
  Run record;
};

class Applying {
 public:
  Applying(const CommonOptions& common, const PlanOptionsText& options)
      : common_(common), options_(options), console_(common_), reporter_(console_, options.json) {}

  Exit run();
  /// One domain whose mail comes from a feed.
  Exit run_with_feed(Session&, const DomainFile&, const Feeding&);

 private:
  Exit apply_stream(std::string begun);
  Status take_saved_plan();
  std::optional<std::vector<DomainFile>> read_files();
  Result<Prepared> compare(Session&, const DomainFile&, Diagnostics&);
  /// Nothing: it is built, and waits in built_ for its publication.
  std::optional<Exit> apply_file(Session&, const DomainFile&, std::size_t index);
  std::optional<Exit> build(Session&, const DomainFile&, Prepared);
  [[nodiscard]] bool waits_for_names_of(const DomainFile&) const;
  void publish_built(Session&);
  Exit finish(Building&, const Status& published);
  Result<Ledger*> ledger(Session&);
  [[nodiscard]] std::string noun_of(const DomainFile& file) const {
    return cli::noun_of(file.state.name.text(), options_.files.size());
  }
  [[nodiscard]] bool may_delete(const Plan&) const;
  Status remember_nothing_new(Session&, const Prepared&);
  void leave_damaged_ledger(Session&);
  Exit fail_with(const Error& error) const {
    reporter_.error(error.message);
    return exit_of(error);
  }

  CommonOptions common_;
  PlanOptionsText options_;
  Feeding feeding_;
  std::optional<SavedPlan> saved_;  ///< set when the one file is a saved plan
  Console console_;
  Reporter reporter_;
  std::optional<Ledger> ledger_;  ///< opened by the first domain that needs it
  std::vector<std::unique_ptr<Building>> built_;
  std::set<DomainName> built_names_;  ///< of the domains in built_, with their aliases
  std::chrono::steady_clock::time_point built_since_{};
  Tally tally_;
  bool has_changed_ = false;
};

/// A saved plan brings its own files and options; those of the command line would make another.
Status Applying::take_saved_plan() {
  if (options_.files.size() != 1 || options_.files.front() == "-") return {};
  VSTATE_TRY_ASSIGN(saved_, load_plan(options_.files.front()));
  if (!saved_) return {};
  options_.files = saved_->files;
  options_.mail = saved_->mail;
  options_.prune = saved_->prune;
  options_.overwrite = saved_->overwrite;
  options_.alter = saved_->alter;
  options_.convert = saved_->convert;
  common_.selection = saved_->selection;
  options_.max_delete = saved_->max_delete;
  common_.root = saved_->root;
  return {};
}

std::optional<std::vector<DomainFile>> Applying::read_files() {
  Diagnostics diagnostics;
  auto files = read_domain_files(options_.files, options_.mail, diagnostics, common_.selection);
  reporter_.report(diagnostics);
  if (diagnostics.has_errors()) return std::nullopt;
  return files;
}

/// Archives are read for it from beginning to end.
Result<Prepared> Applying::compare(Session& session, const DomainFile& file,
                                   Diagnostics& diagnostics) {
  reporter_.set_stage("comparing " + file.state.name.text());
  const Reporter::Watch watch(reporter_);
  return prepare(session, file, plan_options(common_, options_), diagnostics,
                 feeding_.feed == nullptr ? "" : feeding_.feed->title());
}

std::optional<Exit> Applying::apply_file(Session& session, const DomainFile& file,
                                         std::size_t index) {
  // What it says of a name that is not published yet would not be so a moment later.
  if (waits_for_names_of(file)) publish_built(session);
  Diagnostics diagnostics;
  auto prepared = compare(session, file, diagnostics);
  reporter_.report(diagnostics);
  const auto noun = noun_of(file);
  if (!prepared) return fail_with(with_noun(noun, prepared.error()));
  if (diagnostics.has_errors()) return Exit::error;
  const auto json = view::to_json(prepared->plan);
  if (saved_) {
    if (const auto stale = staleness(*saved_, index, file, json); !stale.empty()) {
      reporter_.error(stale);
      return Exit::error;
    }
  }
  reporter_.event({{"event", "planned"}, {"domain", file.state.name.text()}, {"plan", json}});
  if (!options_.json) {
    auto text = text_options(console_);
    text.brief = true;
    (void)console_.tell(view::to_text(json, text));
  }
  for (const auto& problem : prepared->plan.problems) reporter_.error(noun + problem);
  if (!prepared->plan.problems.empty()) return Exit::error;
  if (prepared->plan.is_empty()) {
    const auto remembered = remember_nothing_new(session, *prepared);
    return remembered ? Exit::done : fail_with(with_noun(noun, remembered.error()));
  }
  if (!may_delete(prepared->plan)) {
    reporter_.error(noun +
                    "nothing was changed: the plan deletes, and nobody confirmed it; say --yes");
    return Exit::error;
  }
  return build(session, file, *std::move(prepared));
}

/// Asks before anything is deleted, naming what.
bool Applying::may_delete(const Plan& plan) const {
  const auto deletions = deletions_of(plan);
  const bool deletes_mail = feeding_.feed != nullptr && options_.prune;
  if ((deletions.is_empty() && !deletes_mail) || options_.yes) return true;
  auto question = fmt::format("{}: delete {}", plan.domain.text(),
                              deletions.is_empty() ? "" : to_text(deletions));
  if (deletes_mail)
    question +=
        fmt::format("{}messages that are gone at the source", deletions.is_empty() ? "" : ", and ");
  return Console::confirm(question + "?");
}

/// The server is as the file says already, which the ledger may not know yet.
Status Applying::remember_nothing_new(Session& session, const Prepared& prepared) {
  const auto& plan = prepared.plan;
  if (session.memory) {
    const auto is_news = session.memory->is_news(plan.domain, plan.memory);
    if (!is_news && !forgets_damaged_ledger(session)) return tl::unexpected<Error>(is_news.error());
    if (is_news && !*is_news && !session.memory->has_journal()) return {};
  }
  VSTATE_TRY_ASSIGN(auto* const known, ledger(session));
  return known->remember(plan.domain, plan.memory, {}, false);
}

Result<Ledger*> Applying::ledger(Session& session) {
  if (!ledger_) {
    VSTATE_TRY_ASSIGN(auto opened, open_ledger(session));
    ledger_.emplace(std::move(opened));
  }
  return &*ledger_;
}

/// The next domain, and the next run, must not meet the same damage again.
void Applying::leave_damaged_ledger(Session& session) {
  if (!ledger_ || !ledger_->is_damaged()) return;
  const auto moved = Ledger::move_away(*session.system);
  reporter_.error(moved ? fmt::format("the ledger is damaged; it is now {}", *moved)
                        : moved.error().message);
  ledger_.reset();
}

std::optional<Exit> Applying::build(Session& session, const DomainFile& file, Prepared prepared) {
  const auto planned = summary_of(prepared.plan);
  if (planned.bytes >= k_much_mail) publish_built(session);
  auto known = ledger(session);
  const auto number = known ? (*known)->begin_run(feeding_.command, prepared.plan.domain)
                            : Result<std::int64_t>(tl::unexpected<Error>(known.error()));
  if (!number) {
    publish_built(session);
    leave_damaged_ledger(session);
    return fail_with(with_noun(noun_of(file), number.error()));
  }
  const auto jobs = common_.jobs > 0 ? common_.jobs : std::thread::hardware_concurrency();
  const auto input = [&](const Observation& observation) {
    return ApplyInput{.system = *session.system,
                      .server = session.server,
                      .store = *session.store,
                      .desired = file.state,
                      .actual = observation,
                      .archive_root = file.archive_root,
                      .ledger = *known,
                      .feed = feeding_.feed,
                      .prunes_mail = options_.prune,
                      .max_delete = options_.max_delete,
                      .to_dovecot = !options_.convert.empty(),
                      .jobs = std::max(1U, jobs),
                      .selection = common_.selection};
  };
  auto building = std::make_unique<Building>(file, std::move(prepared), console_, options_.json,
                                             noun_of(file), input);
  building->record.number = *number;
  if (const auto built = building->build(); !built) {
    auto& record = building->record;
    record.changes = building->reporter.take_changes();
    record.summary = "stopped: " + built.error().message;
    if (const auto ended = ledger_->end_run(record); !ended)
      building->reporter.error(ended.error().message);
    building->reporter.error(built.error().message);
    publish_built(session);
    leave_damaged_ledger(session);
    const auto exit = exit_of(built.error());
    return exit == Exit::error ? Exit::partly : exit;
  }
  if (built_.empty()) built_since_ = std::chrono::steady_clock::now();
  built_names_.insert(file.state.name);
  built_names_.insert(file.state.aliases.begin(), file.state.aliases.end());
  built_.push_back(std::move(building));
  const auto waited = std::chrono::steady_clock::now() - built_since_;
  if (built_.size() >= k_batch || waited >= k_longest_wait || planned.bytes >= k_much_mail)
    publish_built(session);
  return std::nullopt;
}

bool Applying::waits_for_names_of(const DomainFile& file) const {
  const auto is_built = [this](const DomainName& name) { return built_names_.contains(name); };
  const auto& aliases = file.state.aliases;
  return is_built(file.state.name) || std::any_of(aliases.begin(), aliases.end(), is_built);
}

void Applying::publish_built(Session& session) {
  std::vector<PlanRun*> runs;
  for (const auto& building : built_) runs.push_back(&building->run);
  const auto published = publish(runs);
  for (const auto& building : built_)
    tally_.add(building->file.state.name.text(), finish(*building, published));
  built_.clear();
  built_names_.clear();
  leave_damaged_ledger(session);
}

Exit Applying::finish(Building& building, const Status& published) {
  const auto& domain = building.file.state.name.text();
  const auto& plan = building.prepared.plan;
  auto& record = building.record;
  auto& reporter = building.reporter;
  auto report = building.run.end();
  if (report && !published && !report->is_published)
    report = tl::unexpected<Error>(published.error());
  record.changes = reporter.take_changes();
  if (!report) {
    record.summary = "stopped: " + report.error().message;
    if (const auto ended = ledger_->end_run(record); !ended) reporter.error(ended.error().message);
    reporter.error(report.error().message);
    const auto exit = exit_of(report.error());
    return exit == Exit::error ? Exit::partly : exit;
  }
  record.summary = done_line(plan, *report);
  record.messages = report->messages;
  record.bytes = report->bytes;
  if (const auto ended = ledger_->end_run(record); !ended) reporter.error(ended.error().message);
  has_changed_ = has_changed_ || feeding_.feed == nullptr || brought_something(plan, *report);
  const auto noun = noun_of(building.file);
  for (const auto& remark : report->remarks) console_.say("  note    " + noun + remark);
  reporter.event({{"event", "summary"},
                  {"text", record.summary},
                  {"done", report->done},
                  {"failed", report->failures.size()},
                  {"messages", report->messages},
                  {"bytes", report->bytes},
                  {"published", report->is_published}});
  if (!options_.json) (void)console_.tell(noun + record.summary + "\n");
  if (!report->failures.empty() && !report->is_published)
    reporter_.error(fmt::format("{} stays hidden from qmail until all of it is there", domain));
  if (!report->failures.empty()) return Exit::partly;
  return feeding_.feed != nullptr && has_changed_ && options_.detailed_exitcode ? Exit::differences
                                                                                : Exit::done;
}

Exit Applying::run_with_feed(Session& session, const DomainFile& file, const Feeding& feeding) {
  feeding_ = feeding;
  if (const auto exit = apply_file(session, file, 0)) return *exit;
  publish_built(session);
  return tally_.exit(false);
}

/// A dump that comes through a pipe, with its mail.
Exit Applying::apply_stream(std::string begun) {
  auto stream = StreamReader::open(STDIN_FILENO, std::move(begun));
  if (!stream) return fail_with(stream.error());
  auto session = open_session(common_, Access::write);
  if (!session) return fail_with(session.error());
  InterruptibleSystem::watch_signals();
  const auto lock = take_run_lock(*session);
  if (!lock) return fail_with(lock.error());
  return apply_from_stream(common_, options_, *session, **stream, "standard input", "apply");
}

Exit Applying::run() {
  if (options_.files == std::vector<std::string>{"-"}) {
    auto begun = read_begin(STDIN_FILENO);
    if (StreamReader::is_stream(begun)) return apply_stream(std::move(begun));
    set_standard_input(std::move(begun));
  }
  if (const auto taken = take_saved_plan(); !taken) return fail_with(taken.error());
  const auto files = read_files();
  if (!files) return Exit::error;
  auto session = open_session(common_, Access::write);
  if (!session) return fail_with(session.error());
  InterruptibleSystem::watch_signals();
  const auto lock = take_run_lock(*session);
  if (!lock) return fail_with(lock.error());
  if (!are_spelt_well(misspelt_patterns(common_.selection, &*session, *files))) return Exit::error;
  reporter_.event({{"event", "version"}, {"format_version", 1}, {"tool", "vstate"}});
  for (std::size_t i = 0; i < files->size() && !tally_.ends_run(); ++i) {
    const auto& file = (*files)[i];
    if (const auto exit = apply_file(*session, file, i)) tally_.add(file.state.name.text(), *exit);
  }
  publish_built(*session);
  if (auto event = tally_.event(); !event.is_null()) reporter_.event(std::move(event));
  if (const auto summary = tally_.summary(); !summary.empty() && !options_.json)
    console_.say(summary);
  const auto result = tally_.exit(has_changed_);
  if (result == Exit::done && has_changed_ && options_.detailed_exitcode) return Exit::differences;
  return result;
}

/// The parcels of a stream, in its order.
class StreamFeed final : public MailFeed {
 public:
  StreamFeed(StreamReader& stream, std::string title) : stream_(stream), title_(std::move(title)) {}
  Result<std::optional<Parcel>> next() override {
    VSTATE_TRY_ASSIGN(const auto box, stream_.next_box());
    if (!box) return std::optional<Parcel>();
    const auto kind = kind_of(box->first);
    VSTATE_ASSERT(kind);
    return std::optional(
        Parcel{*kind, box->second, [this](Receiver& receiver) { return stream_.fill(receiver); }});
  }
  [[nodiscard]] std::string title() const override { return title_; }

 private:
  StreamReader& stream_;
  std::string title_;
};

}  // namespace

Exit apply_with_feed(const CommonOptions& common, const PlanOptionsText& options, Session& session,
                     const DomainFile& file, const Feeding& feeding) {
  return Applying(common, options).run_with_feed(session, file, feeding);
}

Exit apply_from_stream(const CommonOptions& common, const PlanOptionsText& options,
                       Session& session, StreamReader& stream, const std::string& title,
                       const std::string& command, const DomainName* wanted) {
  const Console console(common);
  // Only now: until something comes, the other side may be asking for a password.
  const auto text = [&] {
    Reporter reporter(console, options.json);
    reporter.set_stage("reading " + title);
    const Reporter::Watch watch(reporter);
    return stream.read_document();
  }();
  if (!text) return Console::fail(text.error());
  Diagnostics diagnostics;
  const auto file = parse_domain_file(title, *text, diagnostics, common.selection);
  console.report(diagnostics);
  if (!file) return Exit::error;
  if (wanted != nullptr && file->state.name != *wanted) {
    Console::error(fmt::format("{}: {} was asked for, and {} came; nothing was changed", title,
                               wanted->text(), file->state.name.text()));
    return Exit::error;
  }
  // What a stream was made without the other side has judged.
  const Selection judged_here{common.selection.only, command == "pull" ? std::vector<std::string>()
                                                                       : common.selection.exclude};
  if (!are_spelt_well(misspelt_patterns(judged_here, &session, {*file}))) return Exit::error;
  StreamFeed feed(stream, title);
  const auto exit = apply_with_feed(common, options, session, *file, {&feed, command});
  return source_exit(exit, stream.has_source_changed());
}

Exit source_exit(Exit exit, bool has_changed) {
  if (!has_changed || (exit != Exit::done && exit != Exit::differences)) return exit;
  Console::error("the source changed while it was copied; run it again before the final switch");
  return Exit::source_changed;
}

Exit run_apply(const CommonOptions& common, const PlanOptionsText& options) {
  return Applying(common, options).run();
}

}  // namespace vstate::cli
