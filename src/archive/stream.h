/// \file
/// The stream form of a dump: one tar (pax, zstd) with everything in it that the reader lacks,
/// written and read once. The format, and what the reader says it has, are in
/// docs/formats/stream.md.
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
#include "vstate/model/box.h"

namespace vstate {

/// What the reader has.
using Have = std::map<Box, MailMemory>;
[[nodiscard]] std::string to_bytes(const Have&);
/// Fails with `invalid` for bytes of another version.
[[nodiscard]] Result<Have> parse_have(std::string_view bytes);

class StreamWriter {
 public:
  /// Writes into the open file `file`, which stays the caller's.
  [[nodiscard]] static Result<std::unique_ptr<StreamWriter>> open(int file);
  ~StreamWriter();
  StreamWriter(const StreamWriter&) = delete;
  StreamWriter& operator=(const StreamWriter&) = delete;

  Status write_document(const std::string& text);
  /// Returns a sink that writes what it is offered into the stream, but for what `have` has. The
  /// stream and `have` must outlive it.
  [[nodiscard]] std::unique_ptr<MailSink> box(const Box&, MailMemory& have);
  Status finish(bool has_changed);

  class Impl;

 private:
  explicit StreamWriter(std::unique_ptr<Impl>);
  std::unique_ptr<Impl> impl_;
};

class StreamReader {
 public:
  /// `begun` is what was read of the file already. Reading fails with `io` when nothing comes for
  /// so long as `patience`; 0 waits for ever.
  [[nodiscard]] static Result<std::unique_ptr<StreamReader>> open(
      int file, std::string begun, std::chrono::seconds patience = std::chrono::seconds(0));
  ~StreamReader();
  StreamReader(const StreamReader&) = delete;
  StreamReader& operator=(const StreamReader&) = delete;

  /// Returns whether bytes that begin like these are a stream and no text.
  [[nodiscard]] static bool is_stream(std::string_view begin);
  /// Returns the first member. To be called first.
  [[nodiscard]] Result<std::string> read_document();
  /// Returns kind and name of the next mailbox, list, or files, or nullopt once `end` came. What
  /// was not taken of the one before is skipped. Fails with `invalid` for a stream that was cut
  /// off.
  [[nodiscard]] Result<std::optional<Box>> next_box();
  /// Gives all of the box. Fails with `invalid` if it is not what was sent.
  Status fill(RemoteSink&);
  [[nodiscard]] bool has_source_changed() const;

  class Impl;

 private:
  explicit StreamReader(std::unique_ptr<Impl>);
  std::unique_ptr<Impl> impl_;
};

}  // namespace vstate
