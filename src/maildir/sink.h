/// \file
/// What takes what a source offers of one mailbox, and the bytes of what is offered. A stream's
/// writer is a sink, and the receiver another, so that one machine and two work alike.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "maildir/walk.h"
#include "sys/system.h"
#include "vstate/base/result.h"
#include "vstate/model/name_hash.h"

namespace vstate {

/// Gets bytes part by part. Its error ends the reading and is what the reader returns.
using Sink = std::function<Status(std::string_view)>;

/// The bytes of one regular file. They are read once, by one of the two functions.
class Content {
 public:
  virtual ~Content() = default;
  /// Gives all bytes to `sink`.
  virtual Status read(const Sink& sink) = 0;
  /// Writes all bytes into the open file `file`, which errors call `shown`.
  virtual Status copy_to(int file, std::string_view shown) {
    return read([&](std::string_view part) { return write_all(file, part, shown); });
  }
  /// Moves the bytes into a content that can be read later, and leaves this one empty. Returns
  /// nullptr if they have to be read at once.
  [[nodiscard]] virtual std::unique_ptr<Content> keep() { return nullptr; }
};

class MailSink {
 public:
  virtual ~MailSink() = default;
  /// Handles a message that is already known by its path alone. Returns whether its file must be
  /// read.
  [[nodiscard]] virtual Result<bool> wants_message(const std::string& path) = 0;
  /// Returns whether the file is another at the source than at the last pass. `stamp` is
  /// TreeEntry::stamp.
  [[nodiscard]] virtual bool wants_file(const std::string& path, std::uint64_t stamp) = 0;
  /// Takes an entry. The content is of a regular file, and need not be read.
  virtual Status take(const TreeEntry&, Content&) = 0;
  /// Says that what is remembered and did not come in this pass is gone at the source.
  virtual Status forget_unseen() = 0;
  /// Ends the mailbox.
  virtual Status finish() = 0;
};

/// A sink that a stream or an archive with increments fills: those name changes without the files.
class RemoteSink : public MailSink {
 public:
  /// Says which names stand in more than one folder of the source, sorted.
  virtual void expect_repeated(std::vector<NameHash>) = 0;
  /// Gives a remembered message the state that it has at the source: key and present path.
  virtual Status restate(const NameHash&, const std::string& path) = 0;
  /// Handles a remembered message that the source has no more.
  virtual Status forget(const NameHash&) = 0;
  /// Says that all that the source has was given, what is remembered too.
  virtual void expect_no_more() = 0;
};

}  // namespace vstate
