/// \file
/// Names of messages, and of the other files that live in a Maildir.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace vstate {

/// The parts of a message's file name; they refer to the text that was parsed.
struct MessageName {
  std::string_view unique;  ///< up to the ":", sizes included; never changes
  std::string_view flags;   ///< behind ":2,"; empty for any other kind of info
  bool has_info = false;    ///< there is a ":"; names in `new` have none
};

[[nodiscard]] MessageName parse_message_name(std::string_view file_name);

/// The "S=" number of a Maildir++ name, in bytes; nothing if there is none or it is no number.
[[nodiscard]] std::optional<std::uint64_t> size_in_name(std::string_view file_name);

enum class FileFate {
  carry,  ///< goes to the target as it is
  drop,   ///< the target makes its own, or nobody needs it
};

struct MaildirFile {
  FileFate fate = FileFate::carry;
  std::string_view reason;  ///< why it is dropped; empty for `carry`
};

/// What becomes of a file that is no message: one directly in a Maildir, in one of its folders, or
/// in a mailbox's home. What is not known to be disposable is carried.
/// True for what an IMAP or POP3 server keeps of the messages beside it: UIDs, UIDLs, keywords. It
/// means nothing without the messages, and another server's must not be overwritten.
[[nodiscard]] bool is_uid_file(std::string_view file_name);

[[nodiscard]] MaildirFile classify_maildir_file(std::string_view file_name);

}  // namespace vstate
