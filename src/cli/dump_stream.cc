#include <fmt/format.h>

#include "dump.h"
#include "vstate/apply/mail_feed.h"
#include "vstate/mail/offer.h"

namespace vstate::cli {

namespace {

class StreamDumping {
 public:
  StreamDumping(Session& session, StreamWriter& stream, Have& have)
      : session_(session), stream_(stream), have_(have) {}

  Status offer(ArchiveKind kind, const std::string& name, const ArchiveSource& source) {
    const std::string kind_text(kind_name(kind));
    auto& memory = have_[{kind_text, name}];
    const auto box = stream_.box(kind_text, name, memory);
    OfferCount count;
    VSTATE_TRY(offer_tree(*session_.system, source.directory, source.expressed, *box, count));
    out.counts.archived += count.tree.archived;
    out.counts.add(count.tree, name);
    out.has_changed = out.has_changed || count.has_changed;
    return {};
  }

  StreamDump out;

 private:
  Session& session_;
  StreamWriter& stream_;
  Have& have_;
};

}  // namespace

Result<StreamDump> dump_stream(Session& session, const DomainName& name, int file, Have& have,
                               bool clear_passwords) {
  const auto look = [&]() -> Result<Observation> {
    return inspect_domain(*session.system, session.server, *session.store, name);
  };
  VSTATE_TRY_ASSIGN(const auto observation, look());
  if (!observation.state)
    return fail(Errc::not_found,
                fmt::format("{}: there is no such domain on this server", name.text()));
  const auto text_of = [&](const State& state) {
    return document::write(clear_passwords ? state : without_clear_passwords(state));
  };
  const auto text = text_of(*observation.state);
  VSTATE_TRY_ASSIGN(const auto stream, StreamWriter::open(file));
  VSTATE_TRY(stream->write_document(text));
  StreamDumping dumping(session, *stream, have);
  for (const auto& [box, source] : observation.mailbox_archives)
    VSTATE_TRY(dumping.offer(ArchiveKind::mailbox, box.text(), source));
  for (const auto& [box, source] : observation.list_archives)
    VSTATE_TRY(dumping.offer(ArchiveKind::list, box.text(), source));
  if (observation.domain_archive)
    VSTATE_TRY(dumping.offer(ArchiveKind::files, "", *observation.domain_archive));
  VSTATE_TRY_ASSIGN(const auto after, look());
  auto& out = dumping.out;
  if (!after.state || text_of(*after.state) != text) out.has_changed = true;
  VSTATE_TRY(stream->finish(out.has_changed));
  out.counts.add(observation.accounting);
  out.remarks = remarks_of(observation.condition);
  out.is_frozen = observation.condition.is_frozen;
  return std::move(out);
}

}  // namespace vstate::cli
