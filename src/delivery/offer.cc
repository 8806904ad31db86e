// The source's half of one machine: it walks the tree and hands over what the sink does not know.
// Messages are asked about by name alone, so that a repeated pass opens hardly any file.

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
        // True says that the entry counts as carried: it is at the target already.
        if (is_file && !sink.wants_file(entry.path, entry.stamp)) return true;
        FileContent content(entry.file, entry.size, entry.path);
        VSTATE_TRY(sink.take(entry, content));
        return true;
      },
      &filter, &listed);
  // A mailbox whose home is missing has lost everything or was never made; either is a change of
  // the source and no failure of the run.
  if (!walked && walked.error().code != Errc::not_found) return walked;
  // What was not seen may only be called gone when everything was seen.
  if (walked && has_seen_all(source, count.tree)) VSTATE_TRY(sink.forget_unseen());
  VSTATE_TRY(sink.finish());
  // The directories are looked at again after the last message was read, since that is how long a
  // change can matter.
  VSTATE_TRY_ASSIGN(const bool is_other, have_changed(files, source.directory, listed));
  count.has_changed = !walked || count.tree.gone > 0 || is_other ||
                      (source.view != nullptr && source.view->has_changed(files));
  return failure_of(count.tree);
}

}  // namespace vstate
