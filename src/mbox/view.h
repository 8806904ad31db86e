/// \file
/// The mail of a person with mboxes, as a home that holds a Maildir alone: each mbox is a folder of
/// it, or the INBOX, beside what a Maildir of theirs holds already.
///
/// A message is called after its date and its bytes, so that each pass knows it again whatever
/// stands in front of it: "1614763230.M1a2b3c4d5e6f7081.mbox,S=91". Of equal messages each has a
/// number. A folder that an IMAP server has numbered has a dovecot-uidlist, one with keywords a
/// dovecot-keywords.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "maildir/tree_view.h"
#include "mbox/folder.h"

namespace vstate::mbox {

/// An mbox in the files of a server.
struct Place {
  std::string path;  ///< absolute, without a link at its end
  /// Whose it must be when it is opened: a link of theirs leads to it.
  std::optional<std::uint32_t> owner = {};
  bool is_qmails = false;  ///< Zones::is_qmails
};

struct Shown {
  std::string home;          ///< absolute
  bool has_maildir = false;  ///< HOME/Maildir is there
  /// By the folder's directory in the Maildir: "" for the INBOX, ".Sent.2024". Of several mboxes
  /// the first that is numbered gives UIDs and UIDVALIDITY.
  std::map<std::string, std::vector<Place>> folders;
  std::string subscriptions;             ///< the text of the Maildir's file; empty: as it is there
  std::string identity;                  ///< what names the mailbox for ever: GUIDs are made of it
  std::shared_ptr<const TimeZone> zone;  ///< of the server
};

/// Each mbox is read when its folder is walked, and is in memory or in a spool until then.
[[nodiscard]] std::shared_ptr<TreeView> show(Shown);

}  // namespace vstate::mbox
