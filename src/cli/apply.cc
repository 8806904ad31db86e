#include <unistd.h>

#include <algorithm>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apply.h"
#include "commands.h"
#include "reporter.h"
#include "saved_plan.h"
#include "session.h"
#include "tally.h"
#include "vstate/base/text.h"
#include "vstate/mail/stream.h"
#include "vstate/view/plan_view.h"

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
  Exit apply_file(Session&, const DomainFile&, std::size_t index);
  Exit carry_out(Session&, const DomainFile&, const Prepared&);
  [[nodiscard]] bool may_delete(const Plan&) const;
  Status remember_nothing_new(Session&, const Prepared&);
  void leave(Session&, const Ledger&);
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
  std::vector<DomainFile> files;
  for (const auto& name : options_.files)
    if (auto file = read_domain_file(name, options_.mail, diagnostics, common_.selection))
      files.push_back(*std::move(file));
  for (const auto& item : diagnostics.sorted()) reporter_.error(to_text(item));
  if (diagnostics.has_errors()) return std::nullopt;
  return files;
}

Exit Applying::apply_file(Session& session, const DomainFile& file, std::size_t index) {
  Diagnostics diagnostics;
  auto prepared = prepare(session, file, plan_options(common_, options_), diagnostics,
                          feeding_.feed == nullptr ? "" : feeding_.feed->title());
  for (const auto& item : diagnostics.sorted()) reporter_.error(to_text(item));
  const auto noun = noun_of(file.state.name.text(), options_.files.size());
  if (!prepared) return fail_with(with_noun(noun, prepared.error()));
  if (diagnostics.has_errors()) return Exit::error;
  const auto json = view::to_json(prepared->plan);
  if (saved_) {
    if (const auto stale = staleness(*saved_, index, file, json); !stale.empty()) {
      reporter_.error(stale);
      return Exit::error;
    }
  }
  reporter_.event({{"event", "planned"}, {"plan", json}});
  if (!options_.json && !common_.quiet)
    Console::print(
        view::to_text(json, {console_.has_color(stdout), common_.verbose, Console::has_unicode()}));
  for (const auto& problem : prepared->plan.problems) reporter_.error(noun + problem);
  if (!prepared->plan.problems.empty()) return Exit::error;
  if (prepared->plan.is_empty()) {
    const auto remembered = remember_nothing_new(session, *prepared);
    return remembered ? Exit::done : fail_with(remembered.error());
  }
  if (!may_delete(prepared->plan)) {
    reporter_.error(noun +
                    "nothing was changed: the plan deletes, and nobody confirmed it; say --yes");
    return Exit::error;
  }
  return carry_out(session, file, *prepared);
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
  VSTATE_TRY_ASSIGN(auto ledger, open_ledger(session));
  return ledger.remember(plan.domain, plan.memory, {}, false);
}

/// The next run must not meet the same damage again.
void Applying::leave(Session& session, const Ledger& ledger) {
  if (!ledger.is_damaged()) return;
  const auto moved = Ledger::move_away(*session.system);
  reporter_.error(moved ? fmt::format("the ledger is damaged; it is now {}", *moved)
                        : moved.error().message);
}

Exit Applying::carry_out(Session& session, const DomainFile& file, const Prepared& prepared) {
  auto ledger = open_ledger(session);
  if (!ledger) return fail_with(ledger.error());
  const auto number = ledger->begin_run(feeding_.command, prepared.plan.domain);
  if (!number) {
    leave(session, *ledger);
    return fail_with(number.error());
  }
  const auto planned = summary_of(prepared.plan);
  reporter_.expect(planned.messages, planned.bytes);
  const auto jobs = common_.jobs > 0 ? common_.jobs : std::thread::hardware_concurrency();
  const ApplyInput input{.system = *session.system,
                         .server = session.server,
                         .store = *session.store,
                         .desired = file.state,
                         .actual = prepared.observation,
                         .archive_root = file.archive_root,
                         .ledger = &*ledger,
                         .feed = feeding_.feed,
                         .prunes_mail = options_.prune,
                         .max_delete = options_.max_delete,
                         .to_dovecot = !options_.convert.empty(),
                         .jobs = std::max(1U, jobs),
                         .selection = common_.selection};
  const auto report = apply_plan(input, prepared.plan, reporter_);
  Run run;
  run.number = *number;
  run.changes = reporter_.take_changes();
  if (!report) {
    run.summary = "stopped: " + report.error().message;
    if (const auto ended = ledger->end_run(run); !ended) reporter_.error(ended.error().message);
    leave(session, *ledger);
    reporter_.error(report.error().message);
    const auto exit = exit_of(report.error());
    return exit == Exit::error ? Exit::partly : exit;
  }
  run.summary = done_line(prepared.plan, *report);
  run.messages = report->messages;
  run.bytes = report->bytes;
  if (const auto ended = ledger->end_run(run); !ended) reporter_.error(ended.error().message);
  leave(session, *ledger);
  has_changed_ =
      has_changed_ || feeding_.feed == nullptr || brought_something(prepared.plan, *report);
  for (const auto& remark : report->remarks) console_.say("  note    " + remark);
  const auto& line = run.summary;
  Json summary{{"event", "summary"},
               {"text", line},
               {"done", report->done},
               {"failed", report->failures.size()},
               {"messages", report->messages},
               {"bytes", report->bytes},
               {"published", report->is_published}};
  reporter_.event(std::move(summary));
  if (!options_.json) Console::print(line + "\n");
  if (!report->failures.empty() && !report->is_published)
    reporter_.error(
        fmt::format("{} stays hidden from qmail until all of it is there", file.state.name.text()));
  if (!report->failures.empty()) return Exit::partly;
  return feeding_.feed != nullptr && has_changed_ && options_.detailed_exitcode ? Exit::differences
                                                                                : Exit::done;
}

Exit Applying::run_with_feed(Session& session, const DomainFile& file, const Feeding& feeding) {
  feeding_ = feeding;
  return apply_file(session, file, 0);
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
  reporter_.event({{"event", "version"}, {"format_version", 1}, {"tool", "vstate"}});
  Tally tally;
  for (std::size_t i = 0; i < files->size(); ++i) {
    const auto& file = (*files)[i];
    tally.add(file.state.name.text(), apply_file(*session, file, i));
    if (tally.ends_run()) break;
  }
  if (const auto summary = tally.summary(); !summary.empty() && !options_.json)
    Console::note(summary);
  const auto result = tally.exit(has_changed_);
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
                       const std::string& command) {
  const auto text = stream.read_document();
  if (!text) return Console::fail(text.error());
  Diagnostics diagnostics;
  const auto file = parse_domain_file(title, *text, diagnostics, common.selection);
  Console::report(diagnostics);
  if (!file) return Exit::error;
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
