/// \file
/// `--convert courier-dovecot`: what Courier's server keeps of a mailbox's messages, said in
/// Dovecot's files, so that no client downloads anything again. The conversion itself is text
/// (format/imap/uid_files.h); here is where the files stand and when they are written.
///
/// Courier's files are carried like all others and stay. Beside them, in the Maildir and each of
/// its folders, come dovecot-uidlist and dovecot-keywords, in the Maildir subscriptions; messages
/// get the letters of their keywords. It is done again after each pass:
///
///   * A file of Dovecot's is written while there is none, or while it is still what the last
///     conversion wrote. Once Dovecot has written it, it is left alone, with its folder.
///   * A message gets other letters when its keywords changed at Courier since the last conversion,
///     not when its owner changed them here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "delivery/batch.h"
#include "maildir/memory.h"
#include "sys/system.h"
#include "vstate/base/result.h"
#include "vstate/model/server.h"

namespace vstate {

/// Under this kind the ledger keeps what was converted.
inline constexpr const char* k_conversions = "convert";

/// The path below a home with its folder named as Dovecot expects it: modified UTF-7, where Courier
/// 5 writes UTF-8. What is no folder of Courier's stays as it is.
[[nodiscard]] std::string with_dovecot_folder(std::string_view path);

struct ConvertCount {
  std::uint64_t folders = 0;          ///< whose files change
  std::uint64_t messages = 0;         ///< that get other letters
  std::vector<std::string> kept;      ///< folders that Dovecot has made its own
  std::vector<std::string> left_out;  ///< "FOLDER: FILE: line N: WHAT"
};

/// A mailbox whose messages are converted.
struct ConvertedHome {
  std::string home;        ///< absolute on the server
  Owner owner;             ///< whom new files belong to
  std::string identity;    ///< names the mailbox for ever: "alice@example.com"
  std::string label = {};  ///< in the batch's failures
};

/// Converts what is in HOME/Maildir: renames messages, and builds files that wait for the batch.
/// Without a batch it only counts. `memory` is of conversions, not of mail. Takes memory for the
/// names of one folder.
[[nodiscard]] Result<ConvertCount> convert_courier(System&, const ConvertedHome&,
                                                   const MailMemory& memory, Batch*);

}  // namespace vstate
