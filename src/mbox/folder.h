/// \file
/// One mbox, taken apart: where each message is in it, what its headers say of flags and numbers,
/// and the bytes that the message has without what an mbox adds to them. No I/O.
///
// clang-format off
/// A message begins with a From_ line at the start of the file or behind a blank line. One that
/// stands behind a line of text counts too if a header comes next, as where a message had no end of
/// line: every program that does not count bytes quotes such lines in a text. Content-Length is
/// believed if it ends at a blank line before a From_ line or before the end of the file, and From_
/// lines in such a message are text. One blank line at the end belongs to the mbox.
///
/// | written by                          | known by                                   | quotes that are taken off |
/// |-------------------------------------|--------------------------------------------|---------------------------|
/// | programs that count bytes (Dovecot) | a Content-Length that is believed          | none: readers show them   |
/// | qmail-local (mboxrd)                | Return-Path and Delivered-To come first    | one ">" of ">>>From "     |
/// | all others (mboxo)                  |                                            | one ">" of ">From "       |
///
/// Nothing of this depends on what a later reader adds, so that a message is the same at each pass.
///
/// | header                              | what it says                                                     |
/// |-------------------------------------|------------------------------------------------------------------|
/// | Status                              | R: seen; R or O: it is not new                                   |
/// | X-Status                            | A: replied, F: flagged, D: deleted, T: a draft                   |
/// | X-Keywords                          | keywords of the message                                          |
/// | X-UID                               | its UID; not believed unless it rises, up to the last of X-IMAP  |
/// | X-IMAP, X-IMAPbase                  | in the first message: UIDVALIDITY, last UID, keywords            |
/// | Content-Length                      | bytes of the body                                                |
// clang-format on
///
/// They are taken off, as mail programs hide them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mbox/time_zone.h"
#include "vstate/base/result.h"

namespace vstate::mbox {

enum class Quoting : std::uint8_t { none, mboxo, mboxrd };

/// Bits of Message::flags, and the letters that Maildir readers write for them.
enum Flag : std::uint8_t { seen = 1, replied = 2, flagged = 4, deleted = 8, draft = 16, old = 32 };

struct Message {
  std::uint64_t at = 0;        ///< in the file, behind the From_ line
  std::uint64_t length = 0;    ///< as it stands there, without the blank line at the end
  std::uint64_t size = 0;      ///< of what it is without quotes and the headers above
  std::int64_t date = 0;       ///< of its arrival, seconds since 1970; at least 0
  std::uint64_t digest = 0;    ///< of its bytes
  std::uint32_t uid = 0;       ///< 0: none that is valid
  std::uint32_t keywords = 0;  ///< bits, by their place in Folder::keywords
  std::uint8_t flags = 0;
  Quoting quoting = Quoting::none;
  bool is_counted = false;  ///< its Content-Length was believed
};

struct Folder {
  std::vector<Message> messages;  ///< in the order of the file
  std::uint32_t validity = 0;     ///< 0: no IMAP server has numbered it
  std::uint32_t next = 1;         ///< greater than every UID
  /// At most 26, in the order in which they were found.
  std::vector<std::string> keywords;
  std::uint64_t keywords_left_out = 0;  ///< of how many messages some are not here
};

/// How the dates of From_ lines are meant that name no zone.
struct Zones {
  TimeZone writer;         ///< of the server
  bool is_qmails = false;  ///< qmail-local appends to this file, and writes UTC
};

/// Fails with `invalid` if it does not begin as an mbox does. An empty text is an mbox without
/// messages. Where a server has numbered it, messages that have no valid UID get the ones that come
/// next, in the order of the file, as that server gives them.
/// `passed` is told how far the text has been read.
[[nodiscard]] Result<Folder> parse(std::string_view text, const Zones&,
                                   const std::function<void(std::size_t)>& passed = nullptr);
/// Whether a file that begins so can be an mbox.
[[nodiscard]] bool is_mbox(std::string_view beginning);

/// Calls `take` for each part of the bytes that the message has.
void for_each_part(std::string_view text, const Message&,
                   const std::function<void(std::string_view)>& take);

}  // namespace vstate::mbox
