/// \file
/// The stream form of a dump: one tar (pax, zstd) with everything in it, written and read once.
///
///     domain.toml              the domain's file, without archives
///     mailbox/NAME/PATH        what is new of a mailbox, as in its archive (archive/archive.h)
///     list/NAME/PATH           of a list
///     files/PATH               of the domain's directory
///     changes/mailbox/NAME     messages that the reader has and that changed (also list, files);
///                              comes behind each mailbox, also if it is empty
///     end                      "changed 0" or "changed 1": whether the source changed meanwhile
///
/// A line of `changes` is the 32 hexadecimal digits of a message's key, a space, and its present
/// path; without a path it is gone. A stream without `end` was cut off.
///
/// Behind the bytes of each file stand 64 hexadecimal digits: SHA-256 of the 64 before them, and of
/// the names, times, kinds, targets and bytes (as in archive/archive.h, with the stamp in decimal
/// behind each name) of all entries since. What does not fit is not delivered, and ends the run.
///
/// What the reader has is told to the writer beforehand: the line "vstate-have 2", then for each
/// mailbox a line "KIND COUNT NAME" and COUNT entries of 32 bytes: key, place, marks
/// (maildir/memory.h), each number of 8 bytes with the highest first; at the end the line "end".
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "maildir/memory.h"
#include "maildir/sink.h"
#include "vstate/base/result.h"

namespace vstate {

/// By kind ("mailbox", "list", "files") and name.
using Have = std::map<std::pair<std::string, std::string>, MailMemory>;
[[nodiscard]] std::string to_bytes(const Have&);
[[nodiscard]] Result<Have> parse_have(std::string_view bytes);

class StreamWriter {
 public:
  [[nodiscard]] static Result<std::unique_ptr<StreamWriter>> open(int file);
  ~StreamWriter();
  StreamWriter(const StreamWriter&) = delete;
  StreamWriter& operator=(const StreamWriter&) = delete;

  Status write_document(const std::string& text);
  /// What is offered to it goes into the stream, but for what `have` has. Both must outlive it.
  [[nodiscard]] std::unique_ptr<MailSink> box(const std::string& kind, const std::string& name,
                                              MailMemory& have);
  Status finish(bool has_changed);

  class Impl;

 private:
  explicit StreamWriter(std::unique_ptr<Impl>);
  std::unique_ptr<Impl> impl_;
};

class StreamReader {
 public:
  /// `begun` is what was read of the file already. Fails when nothing comes for so long as
  /// `patience`; 0 waits for ever.
  [[nodiscard]] static Result<std::unique_ptr<StreamReader>> open(
      int file, std::string begun, std::chrono::seconds patience = std::chrono::seconds(0));
  ~StreamReader();
  StreamReader(const StreamReader&) = delete;
  StreamReader& operator=(const StreamReader&) = delete;

  /// True if bytes that begin like these are a stream and no text.
  [[nodiscard]] static bool is_stream(std::string_view begin);
  /// The first member; comes first.
  [[nodiscard]] Result<std::string> read_document();
  /// The next mailbox, list, or files, kind and name; nothing once `end` came. What was not taken
  /// of the one before is skipped. `invalid` for a stream that was cut off.
  [[nodiscard]] Result<std::optional<std::pair<std::string, std::string>>> next_box();
  /// Gives all of the box.
  Status fill(RemoteSink&);
  [[nodiscard]] bool has_source_changed() const;

  class Impl;

 private:
  explicit StreamReader(std::unique_ptr<Impl>);
  std::unique_ptr<Impl> impl_;
};

}  // namespace vstate
