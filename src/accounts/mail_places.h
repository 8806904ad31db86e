/// \file
/// Where the mail of a person is on a machine without vpopmail: ~/Maildir, the spool, ~/Mailbox,
/// ~/mbox, and what is below ~/mail and ~/Mail.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "accounts/people.h"
#include "mbox/view.h"
#include "sys/files.h"
#include "vstate/base/result.h"
#include "vstate/model/state.h"

namespace vstate {

struct FoundMail {
  mbox::Shown shown;
  /// By an mbox's path, also as it is spelt: the folder that it became, as in Shown::folders.
  std::map<std::string, std::string> folder_of;
  std::vector<LeftOut> left_out;  ///< what there is no mail in that can be read
  std::vector<std::string> notes;
  bool has_home = false;
  [[nodiscard]] bool has_any() const { return shown.has_maildir || !shown.folders.empty(); }
};

/// Folders of ~/mail are called as Dovecot's Maildir has them: "a/b" is ".a.b", other than ASCII is
/// modified UTF-7, and a dot in a name, which would part it there, is "_". A folder called INBOX
/// goes to the INBOX. Files that are no mbox are named, whatever they are; what cannot be read is
/// an error.
[[nodiscard]] Result<FoundMail> find_mail(const Files&, const Person&, const std::string& identity,
                                          std::shared_ptr<const mbox::TimeZone>);

/// etc/localtime of the server; UTC without one.
[[nodiscard]] Result<std::shared_ptr<const mbox::TimeZone>> zone_of_server(const Files&);

}  // namespace vstate
