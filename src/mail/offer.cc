#include "vstate/mail/offer.h"

#include <utility>

namespace vstate {

Status offer_tree(const System& source, std::string_view directory, const Exclusion& expressed,
                  MailSink& sink, OfferCount& count) {
  const MessageFilter filter = [&](const std::string& path) { return sink.wants_message(path); };
  ListedDirectories listed;
  VSTATE_TRY(walk_tree(
      source, directory, expressed, count.tree,
      [&](TreeEntry& entry) -> Result<bool> {
        const bool is_file = entry.kind == EntryKind::regular;
        if (is_file && !sink.wants_file(entry.path, entry.stamp)) return true;
        FileContent content(Handle(std::exchange(entry.file, -1)), entry.size, entry.path);
        VSTATE_TRY(sink.take(entry, content));
        return true;
      },
      &filter, &listed));
  VSTATE_TRY(sink.forget_unseen());
  VSTATE_TRY(sink.finish());
  count.has_changed = have_changed(source, directory, listed);
  return {};
}

}  // namespace vstate
