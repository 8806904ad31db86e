/// \file
/// Which messages a target has, and where each of them is.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "delivery/reserved.h"
#include "delivery/target.h"
#include "maildir/names.h"

namespace vstate::mail {

/// The messages below a directory: 24 bytes for each, no names.
class TargetIndex {
 public:
  struct Record {
    NameHash hash;
    std::uint32_t folder = 0;
    friend auto operator<=>(const Record&, const Record&) = default;
    friend bool operator==(const Record&, const Record&) = default;
  };
  /// Directory and name of a temporary.
  using Temporary = std::pair<std::string, std::string>;

  /// Lists `new` and `cur` of every folder at any depth, but not what is another's.
  Status build(Target&, FolderNumbers&, const Reserved*);
  [[nodiscard]] std::span<const Record> find(const NameHash&) const;
  /// Returns whether a `tmp` holds the temporary of this message.
  [[nodiscard]] bool is_unfinished(const NameHash& hash) const {
    return unfinished_.contains(hash);
  }
  /// Says that this pass builds a temporary under that name, so that it is left over no more.
  void take_over(const Temporary& temporary) { left_over_.erase(temporary); }
  /// The temporaries, of messages and of files, that a stopped pass left and nobody has taken over.
  [[nodiscard]] const std::set<Temporary>& left_over() const { return left_over_; }

 private:
  struct Below {
    std::string name;
    bool is_link = false;
  };
  Status enter(Target&, const Directory&, const std::string& relative, int depth);
  Result<std::vector<Below>> list(const Directory&, const std::string& relative);
  Status descend(Target&, const Directory&, const std::string& path, const Below&, int depth);
  void note_temporary(const std::string& directory, bool is_tmp, const char* name, FileInfo::Type);

  std::vector<Record> records_;
  std::set<NameHash> unfinished_;
  std::set<Temporary> left_over_;
  FolderNumbers* folders_ = nullptr;
  const Reserved* reserved_ = nullptr;
};

/// A message of the target, open for nothing yet.
struct Located {
  std::string path;  ///< relative to the target
  SharedDirectory directory;
  std::string name;
  std::uint64_t size = 0;  ///< bytes
};

/// Looks at a path. Returns nullopt if no regular file stands there.
[[nodiscard]] Result<std::optional<Located>> locate(Target&, std::string_view path);

/// The messages of one target. They are listed when somebody asks for the first time: a pass that
/// brings nothing new lists nothing.
class TargetMessages {
 public:
  /// Without a target there are no messages. Both pointers must outlive this.
  explicit TargetMessages(Target* target, const Reserved* reserved = nullptr)
      : target_(target), reserved_(reserved) {}

  [[nodiscard]] FolderNumbers& folders() { return folders_; }
  [[nodiscard]] Result<const TargetIndex*> index();
  /// Returns the index if somebody asked for it already, else nullptr.
  [[nodiscard]] const TargetIndex* listed() const { return index_ ? &*index_ : nullptr; }
  /// Says that this pass builds a temporary, before or after the index is asked for.
  void take_over(const std::string& directory, const std::string& name);
  /// Finds the file of a message that the index knows in `folder`. Tries `likely`, a path of this
  /// name, before it lists the folder.
  [[nodiscard]] Result<std::optional<Located>> find(std::uint32_t folder, std::string_view unique,
                                                    std::string_view likely);
  /// Calls `visit` for each message that is here now.
  using Visitor = std::function<Status(const std::string& path, const MessagePath&)>;
  Status for_each(const Visitor& visit);

 private:
  Target* target_;
  const Reserved* reserved_;
  FolderNumbers folders_;
  std::optional<TargetIndex> index_;
  std::vector<TargetIndex::Temporary> taken_over_;  ///< until there is an index
  // The folder that was searched last: messages of a source come folder by folder.
  std::uint32_t searched_ = 0;
  std::optional<FolderSearch> search_;
};

}  // namespace vstate::mail
