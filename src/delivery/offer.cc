#include "delivery/offer.h"

#include "maildir/file_content.h"

namespace vstate {

Status offer_tree(const Files& files, const TreeSource& source, MailSink& sink, OfferCount& count) {
  const MessageFilter filter = [&](const std::string& path) { return sink.wants_message(path); };
  ListedDirectories listed;
  auto walked = walk_tree(
      files, source, count.tree,
      [&](TreeEntry& entry) -> Result<bool> {
        const bool is_file = entry.kind == EntryKind::regular;
        if (is_file && !sink.wants_file(entry.path, entry.stamp)) return true;
        FileContent content(entry.file, entry.size, entry.path);
        VSTATE_TRY(sink.take(entry, content));
        return true;
      },
      &filter, &listed);
  if (!walked && walked.error().code != Errc::not_found) return walked;
  if (walked && has_seen_all(source, count.tree)) VSTATE_TRY(sink.forget_unseen());
  VSTATE_TRY(sink.finish());
  count.has_changed =
      !walked || count.tree.gone > 0 || have_changed(files, source.directory, listed);
  return failure_of(count.tree);
}

}  // namespace vstate
