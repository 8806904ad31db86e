// Writing archives. A whole archive and an increment are one thing: an increment leaves out what an
// index says an earlier archive has, and adds lines about what became of that. The content digest
// is reckoned in the same pass as the writing, and also when no file is written.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <unordered_map>

#include <fmt/format.h>

#include "archive/archive.h"
#include "archive/change_lines.h"
#include "archive/digest.h"
#include "archive/plain_locale.h"
#include "archive/tar_writer.h"
#include "host/atomic_file.h"
#include "maildir/memory.h"
#include "maildir/message_keys.h"
#include "maildir/names.h"
#include "sys/handle.h"

namespace vstate {

namespace {

/// A tar being written. Not finished: nothing is left of it.
class ArchiveFile {
 public:
  explicit ArchiveFile(std::string path) : path_(std::move(path)), file_(path_) {}
  ~ArchiveFile() {
    if (!file_.is_open()) return;
    // libarchive frees all it has only after a proper end, which fills up an unfinished entry.
    const Handle nowhere(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    if (nowhere.is_open()) dup2(nowhere.get(), file_.descriptor());
    tar_.reset();
  }
  ArchiveFile(const ArchiveFile&) = delete;
  ArchiveFile& operator=(const ArchiveFile&) = delete;

  /// Another dump into the same file would have the lock of the directory.
  Status open() {
    VSTATE_TRY(file_.open());
    VSTATE_TRY_ASSIGN(tar_, mail::TarWriter::open(file_.descriptor(), file_.partial()));
    return {};
  }
  Status header(TreeEntry entry) {
    entry.stamp = entry.is_scoped ? mail::k_scoped_stamp : 0;
    return tar_->stamped_header(entry);
  }
  Status data(std::string_view bytes) { return tar_->data(bytes); }
  Status commit() {
    VSTATE_TRY(tar_->close());
    return file_.commit();
  }
  /// Leaves nothing at PATH.
  Status clear();

 private:
  std::string path_;
  AtomicFile file_;
  std::unique_ptr<mail::TarWriter> tar_;
};

Status ArchiveFile::clear() {
  if (unlink(path_.c_str()) != 0 && errno != ENOENT) return fail_errno(path_, "cannot remove");
  return file_.discard();
}

/// What an earlier archive has, and what this one will have.
class Indexing {
 public:
  explicit Indexing(MailMemory before) : before_(std::move(before)) {}

  /// False: an earlier archive has the message, wherever it was then.
  bool wants_message(const std::string& path) {
    const auto message = *mail::as_message(path);
    const auto name = key_of_message(message.unique);
    const auto key = keys_.of(message, name);
    const MemoryEntry asked{key, state_of_message(path), 0};
    const auto* entry = before_.mark_seen(key);
    if (entry == nullptr) {
      // A reader of the whole chain sees that itself; one of increments alone does not.
      asked_.insert_or_assign(path, Asked{asked, key != name && !before_.empty()});
      return true;
    }
    if (entry->state != asked.state) changes_ += mail::to_line(key, path);
    now_.push_back(asked);
    return false;
  }
  /// The same for what is no message; `stamp` changes whenever it does.
  bool wants(const std::string& path, std::uint64_t stamp) {
    const MemoryEntry asked{key_of_file(path), {0, stamp}, 0};
    const auto* entry = before_.mark_seen(asked.key);
    if (entry == nullptr || entry->state.marks != stamp) {
      asked_.insert_or_assign(path, Asked{asked, false});
      return true;
    }
    now_.push_back(asked);
    return false;
  }
  /// Whether a message that is wanted is another than an earlier archive's of its name.
  [[nodiscard]] bool is_scoped(const std::string& path) const {
    const auto found = asked_.find(path);
    return found != asked_.end() && found->second.is_scoped;
  }
  /// What was wanted is in the archive.
  void took(const std::string& path) {
    if (const auto found = asked_.extract(path)) now_.push_back(found.mapped().entry);
  }
  /// Lines of `.vstate-changes`. Nothing is asked after it. Where the walk could not read all,
  /// what was not seen is not known to be gone.
  std::string take_changes(bool has_seen_all) {
    for (std::size_t i = 0; i < before_.entries().size(); ++i) {
      const auto& entry = before_.entries()[i];
      if (before_.was_seen(i)) continue;
      if (has_seen_all)
        changes_ += mail::to_line(entry.key, "");
      else
        now_.push_back(entry);
    }
    return std::move(changes_);
  }
  ArchiveIndex take_index() {
    std::sort(now_.begin(), now_.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
    return std::move(now_);
  }

 private:
  MailMemory before_;
  mail::MessageKeys keys_{&before_};
  struct Asked {
    MemoryEntry entry;
    bool is_scoped = false;
  };
  std::unordered_map<std::string, Asked> asked_;  ///< what is wanted and did not come yet
  ArchiveIndex now_;
  std::string changes_;
};

/// What changes whenever the entry does. A directory has nothing that could change but its mode,
/// which is not carried again.
std::uint64_t stamp_of(const TreeEntry& entry) {
  if (entry.kind == EntryKind::link) return short_digest(entry.target);
  return entry.kind == EntryKind::directory ? 1 : entry.stamp;
}

/// Takes the entries of a walk into the summary and the file, if there is one.
class Archiver {
 public:
  Archiver(ArchiveSummary& summary, ArchiveFile* file) : summary_(summary), file_(file) {}
  Result<bool> add(const TreeEntry&);
  /// An entry of our own.
  Status add_text(std::string_view path, const std::string& text);
  [[nodiscard]] bool is_trivial() const { return is_trivial_; }
  [[nodiscard]] std::string finish() { return digest_.finish(); }

 private:
  /// Bytes. A file of at most so many is read before its size is announced, and may shrink.
  static constexpr std::uint64_t k_read_at_once = std::uint64_t{8} << 20;

  Result<std::size_t> fill(const TreeEntry&, std::uint64_t left);
  Status begin(const TreeEntry&);
  Status bytes(std::string_view);

  ArchiveSummary& summary_;
  ArchiveFile* file_;
  mail::ContentDigest digest_;
  std::string buffer_;
  bool is_trivial_ = true;
};

Status Archiver::begin(const TreeEntry& entry) {
  digest_.begin(entry);
  constexpr std::array<std::string_view, 4> skeleton{"Maildir", "Maildir/cur", "Maildir/new",
                                                     "Maildir/tmp"};
  if (entry.kind != EntryKind::directory ||
      std::find(skeleton.begin(), skeleton.end(), entry.path) == skeleton.end())
    is_trivial_ = false;
  return file_ == nullptr ? Status() : file_->header(entry);
}

Status Archiver::bytes(std::string_view part) {
  digest_.bytes(part);
  summary_.bytes += part.size();
  return file_ == nullptr ? Status() : file_->data(part);
}

/// Reads up to `left` bytes into the buffer; fewer only at the end of the file.
Result<std::size_t> Archiver::fill(const TreeEntry& entry, std::uint64_t left) {
  const auto wanted = static_cast<std::size_t>(std::min(left, k_read_at_once));
  if (buffer_.size() < wanted) buffer_.resize(wanted);
  std::size_t filled = 0;
  while (filled < wanted) {
    VSTATE_TRY_ASSIGN(const auto count,
                      entry.file->read({buffer_.data() + filled, wanted - filled}));
    if (count == 0) break;
    filled += count;
  }
  return filled;
}

Result<bool> Archiver::add(const TreeEntry& from) {
  if (from.kind != EntryKind::regular) {
    VSTATE_TRY(begin(from));
    return true;
  }
  // The first part is read before the size is announced: most files are one part.
  auto filled = fill(from, from.size);
  // One that cannot be read at all is left out and named; the walk goes on to name the others.
  if (!filled) {
    summary_.count.failures.push_back(filled.error());
    return false;
  }
  TreeEntry entry = from;
  // A file that shrank since it was listed is written as it is now; behind the header it would be
  // too late.
  if (*filled < std::min(from.size, k_read_at_once)) entry.size = *filled;
  if (mail::as_message(entry.path)) {
    entry.mode = mail::k_message_mode;
    ++summary_.messages;
  }
  VSTATE_TRY(begin(entry));
  std::uint64_t left = entry.size;
  while (left > 0) {
    if (*filled == 0)
      return fail(Errc::conflict,
                  fmt::format("{}: became shorter while it was read; run it again", entry.path));
    VSTATE_TRY(bytes(std::string_view(buffer_).substr(0, *filled)));
    left -= *filled;
    if (left == 0) break;
    filled = fill(entry, left);
    if (!filled) return propagate(filled);
  }
  return true;
}

Status Archiver::add_text(std::string_view path, const std::string& text) {
  TreeEntry entry;
  entry.path = path;
  entry.mode = 0600;
  entry.size = text.size();
  VSTATE_TRY(begin(entry));
  return bytes(text);
}

Result<ArchiveSummary> write_indexed(const Files& system, const TreeSource& source,
                                     const std::string& output, Indexing* indexing) {
  const mail::PlainLocale names_are_bytes;
  ArchiveSummary summary;
  std::unique_ptr<ArchiveFile> file;
  if (!output.empty()) {
    file = std::make_unique<ArchiveFile>(output);
    VSTATE_TRY(file->open());
  }
  Archiver archiver(summary, file.get());
  const MessageFilter filter = [&](const std::string& path) -> Result<bool> {
    return indexing->wants_message(path);
  };
  VSTATE_TRY(walk_tree(
      system, source, summary.count,
      [&](TreeEntry& entry) -> Result<bool> {
        const bool is_message =
            entry.kind == EntryKind::regular && mail::as_message(entry.path).has_value();
        entry.is_scoped = indexing != nullptr && is_message && indexing->is_scoped(entry.path);
        if (indexing != nullptr && !is_message && !indexing->wants(entry.path, stamp_of(entry)))
          return true;
        VSTATE_TRY_ASSIGN(const bool is_taken, archiver.add(entry));
        if (is_taken && indexing != nullptr) indexing->took(entry.path);
        return is_taken;
      },
      indexing == nullptr ? nullptr : &filter));
  VSTATE_TRY(failure_of(summary.count));
  if (indexing != nullptr)
    if (const auto changes = indexing->take_changes(has_seen_all(source, summary.count));
        !changes.empty())
      VSTATE_TRY(archiver.add_text(mail::k_changes_name, changes));
  summary.sha256 = archiver.finish();
  summary.is_trivial = archiver.is_trivial();
  // An empty Maildir needs no archive; one of an earlier dump by that name would be taken for this
  // one's.
  if (file) VSTATE_TRY(summary.is_trivial ? file->clear() : file->commit());
  return summary;
}

}  // namespace

Result<ArchiveSummary> write_archive(const Files& system, const TreeSource& source,
                                     const std::string& output, ArchiveIndex* index) {
  if (index == nullptr) return write_indexed(system, source, output, nullptr);
  // A whole archive is an increment on nothing.
  index->clear();
  return write_increment(system, source, output, *index);
}

Result<ArchiveSummary> write_increment(const Files& system, const TreeSource& source,
                                       const std::string& output, ArchiveIndex& index) {
  Indexing indexing(MailMemory(0, std::move(index)));
  auto summary = write_indexed(system, source, output, &indexing);
  index = indexing.take_index();
  return summary;
}

}  // namespace vstate
