// The dump as one stream into a pipe. The file goes first, so that the reader can check it before
// any mail comes; then each box, of which the reader's own list leaves out what it has. The end of
// the stream says whether the source changed, and a stream without that end is refused by its
// reader.

#include <fmt/format.h>

#include "apply/feed.h"
#include "delivery/offer.h"
#include "dump/dump.h"
#include "vstate/base/text.h"

namespace vstate::engine {

namespace {

class StreamDumping {
 public:
  StreamDumping(Session& session, StreamWriter& stream, Have& have, const DumpOptions& options,
                DumpReport& report)
      : session_(session), stream_(stream), have_(have), options_(options), out_(report) {}

  /// A box that cannot be read whole does not hold up the others; the stream then has no end.
  Status offer(const Box& box, const ArchiveSource& source) {
    const auto address = address_of_contents(box);
    if (options_.selection.excludes(address)) return {};
    const auto sink = stream_.box(box, have_[box]);
    OfferCount count;
    auto status = offer_tree(*session_.system, source, *sink, count);
    // A failure that is not about files of the source is one of the pipe, and ends the dump.
    if (!status && count.tree.failures.empty()) return status;
    if (!status)
      for (const auto line : split_lines(status.error().message)) failures_.emplace_back(line);
    out_.counts.archived += count.tree.archived;
    out_.counts.add(count.tree, address);
    leave_out(out_.left_out, address, count.tree);
    out_.has_changed = out_.has_changed || count.has_changed;
    return {};
  }

  [[nodiscard]] Status end() {
    if (!failures_.empty()) return fail_lines(Errc::io, failures_);
    return stream_.finish(out_.has_changed);
  }

 private:
  Session& session_;
  StreamWriter& stream_;
  Have& have_;
  const DumpOptions& options_;
  DumpReport& out_;
  std::vector<std::string> failures_;
};

}  // namespace

Result<DumpReport> dump_stream(Session& session, const DomainName& name, int file, Have& have,
                               const DumpOptions& options) {
  VSTATE_TRY_ASSIGN(auto freeze, freeze_deliveries(session, name, options.freeze));
  VSTATE_TRY_ASSIGN(const auto observation,
                    inspect_source(session, name, options.selection, options.renaming));
  const auto text = document_of(*observation.state, options.clear_passwords);
  auto out = report_of(observation, options.clear_passwords);
  VSTATE_TRY_ASSIGN(const auto stream, StreamWriter::open(file));
  VSTATE_TRY(stream->write_document(text));
  StreamDumping dumping(session, *stream, have, options, out);
  const auto boxes = boxes_of(observation);
  expect_walks(*session.system, boxes, options.selection);
  for (const auto& [box, source] : boxes) VSTATE_TRY(dumping.offer(box, *source));
  // A second look shows whether accounts or files changed while the mail was sent.
  const auto after = inspect_source(session, name, options.selection, options.renaming);
  if (!after && after.error().code != Errc::not_found) return propagate(after);
  if (!after || document_of(*after->state, options.clear_passwords) != text) out.has_changed = true;
  VSTATE_TRY(dumping.end());
  out.counts.add(observation.accounting);
  end_freeze(freeze.get(), out);
  return out;
}

}  // namespace vstate::engine
