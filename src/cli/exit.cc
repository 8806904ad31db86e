// Exit statuses from what happened. A caller that knows none of the numbers but 0 is safe: whatever
// failed or was left out is another one. What went wrong here ranks above what the source did
// meanwhile, and a domain that is still frozen above everything, as its mail waits.

#include "cli/exit.h"

namespace vstate::cli {

namespace {

/// Of a domain whose mail came from elsewhere.
Exit exit_of_copy(const std::optional<engine::ApplyOutcome>& outcome, ExitDetail detail) {
  if (!outcome) return Exit::error;
  const auto exit = exit_of(*outcome);
  return exit == Exit::done && outcome->has_changed && detail == ExitDetail::detailed
             ? Exit::differences
             : exit;
}

/// What went wrong here matters more than that the source changed.
Exit with_change_of_source(Exit exit, bool has_changed) {
  const bool is_copied = exit == Exit::done || exit == Exit::differences;
  return has_changed && is_copied ? Exit::source_changed : exit;
}

}  // namespace

Exit exit_of(const Error& error) {
  switch (error.code) {
    case Errc::busy:
      return Exit::busy;
    case Errc::interrupted:
      return Exit::interrupted;
    default:
      return Exit::error;
  }
}

namespace {

Exit exit_of_end(engine::Ending ending, const std::vector<Error>& errors) {
  const auto of_errors = errors.empty() ? Exit::error : exit_of(errors.front());
  switch (ending) {
    case engine::Ending::unchanged:
    case engine::Ending::done:
      return Exit::done;
    case engine::Ending::partly:
      return Exit::partly;
    case engine::Ending::stopped:
      // Changes had begun, so that "nothing was changed" (1) would not be true.
      return of_errors == Exit::error ? Exit::partly : of_errors;
    case engine::Ending::refused:
      return of_errors;
    // The saved plan did not hold any more, and nothing was done.
    case engine::Ending::stale:
      break;
  }
  return Exit::error;
}

}  // namespace

Exit exit_of(const engine::ApplyOutcome& outcome) {
  return exit_of_end(outcome.ending, outcome.errors);
}

Exit exit_of(const engine::ServerOutcome& outcome) {
  return exit_of_end(outcome.ending, outcome.errors);
}

Exit exit_of(const engine::DumpReport& report) {
  if (report.still_frozen) return exit_of(*report.still_frozen);
  if (report.has_changed) return Exit::source_changed;
  return report.left_out.empty() ? Exit::done : Exit::differences;
}

Exit exit_of(const engine::StreamReport& report, ExitDetail detail) {
  return with_change_of_source(exit_of_copy(report.outcome, detail), report.has_source_changed);
}

Exit exit_of(const engine::PullReport& report, ExitDetail detail) {
  if (report.source && report.source->still_frozen) return exit_of(*report.source->still_frozen);
  auto exit = exit_of_copy(report.outcome, detail);
  if (exit == Exit::done && report.source && !report.source->left_out.empty())
    exit = Exit::differences;
  return with_change_of_source(exit, report.has_source_changed);
}

}  // namespace vstate::cli
