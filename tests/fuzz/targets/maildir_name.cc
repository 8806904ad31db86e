// Names and paths in a Maildir.

#include "format/maildir_name.h"

#include "archive/tar_reader.h"
#include "fuzz.h"
#include "maildir/memory.h"
#include "maildir/names.h"

using namespace vstate;

VSTATE_FUZZ_TARGET(maildir_name) {
  const auto name = parse_message_name(bytes);
  VSTATE_ASSERT(bytes.starts_with(name.unique));
  VSTATE_ASSERT(name.has_info == (bytes.find(':') != std::string_view::npos));
  (void)size_in_name(bytes);
  (void)is_uid_file(bytes);
  (void)classify_maildir_file(bytes);
  const auto marks = marks_of(name.flags);
  VSTATE_ASSERT(marks_of(flags_of(marks)) == marks);

  const auto path = mail::checked_path(bytes);
  if (!path) return;
  VSTATE_ASSERT(path->empty() || mail::checked_path(*path) == *path);
  if (const auto message = mail::as_message(*path)) {
    VSTATE_ASSERT(message->directory.size() + 1 + message->name.size() == path->size());
    const auto state = state_of_message(*path);
    VSTATE_ASSERT(state.place == place_of_folder(message->folder));
    VSTATE_ASSERT(mail::variant_of(message->unique, "1a2b3c4d5e6f").size() >
                  message->unique.size());
  }
}
