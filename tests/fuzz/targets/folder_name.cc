// Folder names in modified UTF-7, and as Courier has them.

#include "format/imap/modified_utf7.h"
#include "format/imap/uid_files.h"
#include "fuzz.h"
#include "vstate/base/text.h"

using namespace vstate;

VSTATE_FUZZ_TARGET(folder_name) {
  if (const auto utf8 = from_modified_utf7(bytes)) {
    VSTATE_ASSERT(is_utf8(*utf8));
    VSTATE_ASSERT(to_modified_utf7(*utf8) == bytes);
  }
  if (is_utf8(bytes)) VSTATE_ASSERT(from_modified_utf7(to_modified_utf7(bytes)) == bytes);
  const auto name = uid_files::dovecot_folder_name(bytes);
  if (name) VSTATE_ASSERT(uid_files::dovecot_folder_name(*name) == *name);
  const auto list = uid_files::convert_courier_subscriptions(bytes);
  (void)uid_files::dovecot_subscriptions_text(list.folders);
}
