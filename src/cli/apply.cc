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
#include "vstate/base/text.h"
#include "vstate/mail/stream.h"
#include "vstate/view/plan_view.h"

namespace vstate::cli {

namespace {

/// A feed is asked each time; it need not have anything.
bool brought_something(const Plan& plan, const ApplyReport& report) {
  return plan.actions.size() > 1 || report.messages + report.restated + report.removed > 0;
}

bool deletes_something(const Json& plan) {
  return plan["summary"]["delete"].get<std::uint64_t>() > 0;
}

/// "Applied: 4 added, 1 changed, 0 deleted; 1,200 messages (45.1 MiB) copied."
std::string done_line(const Json& plan, const ApplyReport& report) {
  const auto number = [&](const char* key) { return plan["summary"][key].get<std::uint64_t>(); };
  if (!report.failures.empty())
    return fmt::format(
        "Partly applied: {} done, {} failed; run it again to take up what is missing.", report.done,
        report.failures.size());
  std::string out = fmt::format("Applied: {} added, {} changed, {} deleted", number("add"),
                                number("change"), number("delete"));
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
  Exit carry_out(Session&, const DomainFile&, const Prepared&, const nlohmann::ordered_json&);
  Status remember_nothing_new(Session&, const Prepared&);
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
  common_.only = saved_->only;
  common_.exclude = saved_->exclude;
  common_.root = saved_->root;
  return {};
}

std::optional<std::vector<DomainFile>> Applying::read_files() {
  Diagnostics diagnostics;
  std::vector<DomainFile> files;
  for (const auto& name : options_.files)
    if (auto file = read_domain_file(name, options_.mail, diagnostics))
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
  if (!prepared) return fail_with(prepared.error());
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
  for (const auto& problem : prepared->plan.problems) reporter_.error(problem);
  if (!prepared->plan.problems.empty()) return Exit::error;
  if (prepared->plan.is_empty()) {
    const auto remembered = remember_nothing_new(session, *prepared);
    return remembered ? Exit::done : fail_with(remembered.error());
  }
  const bool deletes = deletes_something(json) || (feeding_.feed != nullptr && options_.prune);
  if (deletes && !options_.yes && !Console::confirm("Delete what the plan marks with \"-\"?")) {
    reporter_.error("nothing was changed: the plan deletes, and nobody confirmed it; say --yes");
    return Exit::error;
  }
  return carry_out(session, file, *prepared, json);
}

/// The server is as the file says already, which the ledger may not know yet.
Status Applying::remember_nothing_new(Session& session, const Prepared& prepared) {
  const auto& plan = prepared.plan;
  if (session.memory) {
    VSTATE_TRY_ASSIGN(const bool is_news, session.memory->is_news(plan.domain, plan.memory));
    if (!is_news) return {};
  }
  VSTATE_TRY_ASSIGN(auto ledger, Ledger::open(*session.system));
  return ledger.remember(plan.domain, plan.memory, {}, false);
}

Exit Applying::carry_out(Session& session, const DomainFile& file, const Prepared& prepared,
                         const Json& json) {
  auto ledger = Ledger::open(*session.system);
  if (!ledger) return fail_with(ledger.error());
  const auto number = ledger->begin_run(feeding_.command, prepared.plan.domain);
  if (!number) return fail_with(number.error());
  reporter_.expect(json["summary"]["messages"].get<std::uint64_t>(),
                   json["summary"]["bytes"].get<std::uint64_t>());
  const auto jobs = common_.jobs > 0 ? common_.jobs : std::thread::hardware_concurrency();
  const ApplyInput input{
      *session.system,   session.server, *session.store, file.state,     prepared.observation,
      file.archive_root, &*ledger,       feeding_.feed,  options_.prune, !options_.convert.empty(),
      std::max(1U, jobs)};
  const auto report = apply_plan(input, prepared.plan, reporter_);
  Run run;
  run.number = *number;
  run.changes = reporter_.take_changes();
  if (!report) {
    run.summary = "stopped: " + report.error().message;
    if (const auto ended = ledger->end_run(run); !ended) reporter_.error(ended.error().message);
    reporter_.error(report.error().message);
    const auto exit = exit_of(report.error());
    return exit == Exit::error ? Exit::partly : exit;
  }
  run.summary = done_line(json, *report);
  run.messages = report->messages;
  run.bytes = report->bytes;
  if (const auto ended = ledger->end_run(run); !ended) reporter_.error(ended.error().message);
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
  Exit result = Exit::done;
  for (std::size_t i = 0; i < files->size(); ++i) {
    const auto exit = apply_file(*session, (*files)[i], i);
    if (exit != Exit::done && result != Exit::partly) result = exit;
    if (exit == Exit::interrupted || exit == Exit::busy) break;
    // An error before the first change of one file is a partial result once another was applied.
    if (exit == Exit::error && has_changed_) result = Exit::partly;
  }
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
  const auto file = parse_domain_file(title, *text, diagnostics);
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
