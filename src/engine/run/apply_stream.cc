// A stream is a dump that comes through a pipe: first the domain's file, then its mail, box by box.
// The file is checked in full before any mail is taken, and it must be that of the domain that was
// asked for.

#include <fmt/format.h>

#include "engine/run/apply_domains.h"
#include "engine/unmatched_patterns.h"

namespace vstate::engine {

namespace {

/// The parcels of a stream, in its order.
class StreamFeed final : public MailFeed {
 public:
  StreamFeed(StreamReader& stream, std::string title) : stream_(stream), title_(std::move(title)) {}
  Result<std::optional<Parcel>> next() override {
    VSTATE_TRY_ASSIGN(const auto box, stream_.next_box());
    if (!box) return std::nullopt;
    return std::optional(
        Parcel{*box, [this](Receiver& receiver) { return stream_.fill(receiver); }});
  }
  [[nodiscard]] std::string title() const override { return title_; }

 private:
  StreamReader& stream_;
  std::string title_;
};

/// Until something comes, the other side may be asking for a password.
Result<std::string> read_document(StreamReader& stream, const std::string& title,
                                  RunObserver& observer) {
  observer.on_stage("reading " + title);
  auto text = stream.read_document();
  observer.on_stage_end();
  return text;
}

}  // namespace

StreamedDomain::~StreamedDomain() = default;

Result<std::unique_ptr<StreamedDomain>> StreamedDomain::read(Session& session, StreamReader& stream,
                                                             const StreamOrigin& origin,
                                                             const Selection& selection,
                                                             RunObserver& observer) {
  VSTATE_TRY_ASSIGN(const auto text, read_document(stream, origin.title, observer));
  std::unique_ptr<StreamedDomain> domain(new StreamedDomain());
  Diagnostics diagnostics;
  auto& file = domain->file_;
  file = parse_domain_file(origin.title, text, selection, diagnostics);
  observer.on_read(diagnostics);
  if (!file) return domain;
  // The other side may be wrong, or another machine than was meant.
  if (origin.wanted != nullptr && file->state.name != *origin.wanted)
    return fail(Errc::invalid,
                fmt::format("{}: {} was asked for, and {} came; nothing was changed", origin.title,
                            origin.wanted->text(), file->state.name.text()));
  // Where the other side has left things out, its file has nothing for these patterns to match.
  auto judged_here = selection;
  if (origin.is_excluded_there) judged_here.exclude.clear();
  VSTATE_TRY(check_patterns(judged_here, &session, {*file}));
  domain->feed_ = std::make_unique<StreamFeed>(stream, origin.title);
  return domain;
}

void StreamedDomain::apply(ApplyRun& run) { run.apply(*file_, feed_.get()); }

Result<StreamReport> apply_stream(Session& session, StreamReader& stream,
                                  const StreamOrigin& origin, const ApplyOptions& options,
                                  RunObserver& observer) {
  VSTATE_TRY_ASSIGN(const auto domain, StreamedDomain::read(session, stream, origin,
                                                            options.plan.selection, observer));
  if (!domain->is_sound()) return StreamReport();
  ApplyRun run(session, options, observer);
  domain->apply(run);
  run.publish();
  return StreamReport{run.take_outcomes().back(), stream.has_source_changed()};
}

}  // namespace vstate::engine
