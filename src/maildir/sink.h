/// \file
/// Who takes what a source offers of one mailbox, and the bytes of what is offered. A stream's
/// writer is one, the receiver another, so that one machine and two work alike.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "maildir/walk.h"
#include "vstate/base/result.h"
#include "vstate/model/name_hash.h"

namespace vstate {

/// The bytes of one regular file, read once.
class Content {
 public:
  virtual ~Content() = default;
  /// Writes them into `file`, unless it is -1; `sink`, if there is one, sees them too.
  virtual Status copy_to(int file, const std::function<void(std::string_view)>* sink) = 0;
  /// The same content for later, and this one is empty from then on; nothing if it has to be read
  /// at once.
  [[nodiscard]] virtual std::unique_ptr<Content> keep() { return nullptr; }
};

class MailSink {
 public:
  virtual ~MailSink() = default;
  /// Handles a message that is already known by its path alone. Returns whether its file must be
  /// read.
  [[nodiscard]] virtual Result<bool> wants_message(const std::string& path) = 0;
  /// False: the file is as it was at the last pass, at the source. `stamp` is TreeEntry::stamp.
  [[nodiscard]] virtual bool wants_file(const std::string& path, std::uint64_t stamp) = 0;
  virtual Status take(const TreeEntry&, Content&) = 0;
  /// What was remembered and did not come in this pass is gone at the source.
  virtual Status forget_unseen() = 0;
  virtual Status finish() = 0;
};

/// A sink that a stream or an archive with increments fills: those name changes without the files.
class RemoteSink : public MailSink {
 public:
  /// Names that are known to stand in more than one folder of the source, sorted.
  virtual void expect_repeated(std::vector<NameHash>) = 0;
  /// Gives a remembered message the state that it has at the source: key and present path.
  virtual Status restate(const NameHash&, const std::string& path) = 0;
  /// Handles a remembered message that the source has no more.
  virtual Status forget(const NameHash&) = 0;
  /// Says that all that the source has was given, what is remembered too.
  virtual void expect_no_more() = 0;
};

}  // namespace vstate
