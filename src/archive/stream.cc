// The stream form of a dump: what the reader lacks goes through one pipe, once, in the order in
// which it is needed. The two ends may run on different machines, and share nothing but the text of
// what the reader has; so everything that comes is checked before it is believed, and behind each
// file stands a digest that also covers all entries since the one before. A stream that breaks ends
// the run, since nothing can be found behind the break; what came whole before it stays.

#include "archive/stream.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "archive/chained_digest.h"
#include "archive/change_lines.h"
#include "archive/plain_locale.h"
#include "archive/tar_reader.h"
#include "archive/tar_writer.h"
#include "maildir/message_keys.h"
#include "maildir/names.h"
#include "maildir/numbers.h"
#include "vstate/base/text.h"

namespace vstate {

namespace {

constexpr std::string_view k_have_title = "vstate-have 2\n";
constexpr std::string_view k_have_end = "end\n";
/// It is held in memory: this is far above what a domain can have, and below what hurts.
constexpr std::size_t k_most_document = std::size_t{128} << 20;
constexpr const char* k_document = "domain.toml";
constexpr const char* k_end = "end";
constexpr std::string_view k_changes = "changes/";

std::string path_of(const Box& box) {
  std::string path(to_text(box.kind));
  return box.name.empty() ? path : path + "/" + box.name;
}

}  // namespace

std::string to_bytes(const Have& have) {
  std::string out(k_have_title);
  for (const auto& [box, memory] : have) {
    std::uint64_t count = 0;
    std::string entries;
    for (const auto& entry : memory.entries()) {
      // What may not have been placed yet is asked for again; the receiver knows what to do.
      if (entry.pending != 0 || memory.announced().contains(entry.key)) continue;
      ++count;
      mail::append_entry(entries, entry);
    }
    out += fmt::format("{} {} {}\n", to_text(box.kind), count, box.name) + entries;
  }
  return out.append(k_have_end);
}

/// It comes from the other server, and may be anything.
Result<Have> parse_have(std::string_view bytes) {
  const auto broken = [](std::string_view what) {
    return fail(Errc::invalid, fmt::format("what the other side has: {}", what), Scope::run);
  };
  if (!bytes.starts_with(k_have_title)) return broken("not from a vstate of this version");
  bytes.remove_prefix(k_have_title.size());
  Have have;
  while (bytes != k_have_end) {
    const auto end = bytes.find('\n');
    if (end == std::string_view::npos) return broken("cut off");
    const auto line = bytes.substr(0, end);
    bytes.remove_prefix(end + 1);
    const auto parts = split(line, ' ');
    const auto count = parts.size() == 3 ? to_number(parts[1]) : std::nullopt;
    // Before memory is reserved for as many.
    if (!count || *count > bytes.size() / mail::k_entry_bytes) return broken("cut off");
    const auto kind = parse_box_kind(parts[0]);
    if (!kind) return broken("of a kind that is not known");
    std::vector<MemoryEntry> entries;
    entries.reserve(*count);
    for (std::uint64_t i = 0; i < *count; ++i) {
      entries.push_back(mail::entry_of(bytes));
      bytes.remove_prefix(mail::k_entry_bytes);
    }
    const auto by_key = [](const auto& a, const auto& b) { return a.key < b.key; };
    // Nothing depends on the other side's having sorted them.
    std::sort(entries.begin(), entries.end(), by_key);
    have.insert_or_assign(Box{*kind, std::string(parts[2])}, MailMemory(0, std::move(entries)));
  }
  return have;
}

// Writing.

class StreamWriter::Impl {
 public:
  mail::PlainLocale names_are_bytes;
  std::unique_ptr<mail::TarWriter> tar;

  // The digest stands behind the bytes, as it is known only then; the size in the header must count
  // it beforehand.
  Status header(TreeEntry entry) {
    digest_.begin(entry);
    if (entry.kind == EntryKind::regular) entry.size += mail::ChainedDigest::k_length;
    return tar->stamped_header(entry);
  }
  Status data(std::string_view part) {
    digest_.bytes(part);
    return tar->data(part);
  }
  /// Behind the bytes of a file.
  Status end_file() { return tar->data(digest_.finish()); }

  Status write_text(const std::string& path, const std::string& text) {
    TreeEntry entry;
    entry.path = path;
    entry.mode = 0600;
    entry.size = text.size();
    VSTATE_TRY(header(entry));
    VSTATE_TRY(data(text));
    return end_file();
  }

 private:
  mail::ChainedDigest digest_;
};

namespace {

class BoxWriter final : public MailSink {
 public:
  BoxWriter(StreamWriter::Impl& stream, std::string path, MailMemory& have)
      : stream_(stream), path_(std::move(path)), have_(have) {}

  Result<bool> wants_message(const std::string& path) override {
    const auto message = *mail::as_message(path);
    const auto name = key_of_message(message.unique);
    const auto key = keys_.of(message, name);
    const auto* entry = have_.mark_seen(key);
    if (entry == nullptr || (entry->state.marks & k_mark_gone) != 0) {
      if (key != name) scoped_.insert(path);
      return true;
    }
    if (entry->state != state_of_message(path)) changes_ += mail::to_line(key, path);
    return false;
  }

  bool wants_file(const std::string& path, std::uint64_t stamp) override {
    const auto* entry = have_.mark_seen(key_of_file(path));
    return entry == nullptr || entry->state.marks != stamp;
  }

  Status take(const TreeEntry& from, Content& content) override {
    TreeEntry entry = from;
    entry.path = path_ + "/" + from.path;
    const bool is_message =
        entry.kind == EntryKind::regular && mail::as_message(from.path).has_value();
    // A message never changes, so that it needs no stamp to be compared by. The reader, which may
    // know its name from another folder, is told which of both it is.
    if (is_message) {
      entry.stamp = scoped_.erase(from.path) > 0 ? mail::k_scoped_stamp : 0;
      entry.mode = mail::k_message_mode;
    }
    VSTATE_TRY(stream_.header(entry));
    if (entry.kind != EntryKind::regular) return {};
    VSTATE_TRY(content.read([&](std::string_view part) { return stream_.data(part); }));
    return stream_.end_file();
  }

  // Called only where the walk has seen all; else what could not be read would be deleted at the
  // reader's.
  Status forget_unseen() override {
    for (std::size_t i = 0; i < have_.entries().size(); ++i)
      if (!have_.was_seen(i) && (have_.entries()[i].state.marks & k_mark_gone) == 0)
        changes_ += mail::to_line(have_.entries()[i].key, "");
    return {};
  }

  Status finish() override {
    // Also if there are none: with it the digest of links comes before they are placed.
    return stream_.write_text(std::string(k_changes) + path_, changes_);
  }

 private:
  StreamWriter::Impl& stream_;
  std::string path_;
  MailMemory& have_;
  mail::MessageKeys keys_{&have_};
  std::set<std::string> scoped_;  ///< messages that are wanted and did not come yet
  std::string changes_;
};

}  // namespace

StreamWriter::StreamWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
StreamWriter::~StreamWriter() = default;

Result<std::unique_ptr<StreamWriter>> StreamWriter::open(int file) {
  auto impl = std::make_unique<Impl>();
  VSTATE_TRY_ASSIGN(impl->tar, mail::TarWriter::open(file, "the stream"));
  return std::unique_ptr<StreamWriter>(new StreamWriter(std::move(impl)));
}

Status StreamWriter::write_document(const std::string& text) {
  return impl_->write_text(k_document, text);
}

std::unique_ptr<MailSink> StreamWriter::box(const Box& box, MailMemory& have) {
  return std::make_unique<BoxWriter>(*impl_, path_of(box), have);
}

Status StreamWriter::finish(bool has_changed) {
  // Without this member the reader takes the stream for one that was cut off.
  VSTATE_TRY(impl_->write_text(k_end, fmt::format("changed {}\n", has_changed ? 1 : 0)));
  return impl_->tar->close();
}

// Reading.

class StreamReader::Impl {
 public:
  explicit Impl(mail::Reader reader) : reader_(std::move(reader)) {}

  Result<std::string> read_text(std::size_t most);
  /// The next member, unless the present one was put back.
  Status advance();
  Result<std::optional<Box>> next_box();
  Status fill(RemoteSink&);
  Status take_changes(RemoteSink&);
  /// All of the present entry; fails if it is not what was sent.
  Status read(const Sink&);
  /// The present entry as it was sent, without its digest.
  [[nodiscard]] const TreeEntry& entry() const { return entry_; }
  /// What comes before the path within the box: "mailbox/alice/".
  [[nodiscard]] std::optional<Box> box_of(std::string_view path) const;

  bool has_changed = false;
  bool is_at_end = false;

 private:
  [[nodiscard]] tl::unexpected<Error> broken(std::string_view what) const {
    return fail(Errc::invalid, fmt::format("the stream: {}", what), Scope::run);
  }

  [[nodiscard]] tl::unexpected<Error> damaged() const {
    return broken(
        fmt::format("\"{}\" is not what was sent: it was damaged on the way, or made by "
                    "another version of vstate",
                    entry_.path));
  }

  mail::Reader reader_;
  mail::ChainedDigest digest_;
  TreeEntry entry_;
  bool has_bytes_ = false;    ///< the entry's bytes are not read yet
  bool has_entry_ = false;    ///< an entry was read and nobody has taken it yet
  std::optional<Box> given_;  ///< what next_box returned last
};

/// Names of mailboxes and lists hold no slash.
std::optional<Box> StreamReader::Impl::box_of(std::string_view path) const {
  if (path.starts_with(k_changes)) path.remove_prefix(k_changes.size());
  const auto slash = path.find('/');
  const auto kind = parse_box_kind(path.substr(0, slash));
  if (!kind) return std::nullopt;
  if (*kind == Box::Kind::files) return Box{*kind, ""};
  if (slash == std::string_view::npos) return std::nullopt;
  const auto rest = path.substr(slash + 1);
  return Box{*kind, std::string(rest.substr(0, rest.find('/')))};
}

/// Errors end the run: in a tar that is broken nothing later can be found.
Status StreamReader::Impl::advance() {
  if (has_entry_) return {};
  // What nobody wanted is in the digest too.
  if (has_bytes_) VSTATE_TRY(read([](std::string_view) { return Status(); }));
  auto is_there = reader_.next();
  if (!is_there) {
    auto error = is_there.error();
    error.scope = Scope::run;  // nothing after it can be read
    return tl::unexpected<Error>(error);
  }
  if (!*is_there) return broken("it was cut off; what came is there, run it again for the rest");
  entry_ = reader_.entry();
  has_bytes_ = entry_.kind == EntryKind::regular;
  if (has_bytes_) {
    // A file that is shorter than its digest has none.
    if (entry_.size < mail::ChainedDigest::k_length) return damaged();
    entry_.size -= mail::ChainedDigest::k_length;
  }
  digest_.begin(entry_);
  has_entry_ = true;
  return {};
}

/// The sink gets bytes before their digest is known; what it builds of them is placed by nobody if
/// the digest does not fit.
Status StreamReader::Impl::read(const Sink& sink) {
  has_bytes_ = false;
  std::string digest;
  auto left = entry_.size;
  VSTATE_TRY(reader_.read([&](std::string_view part) -> Status {
    const auto bytes = part.substr(0, std::min<std::uint64_t>(left, part.size()));
    left -= bytes.size();
    digest += part.substr(bytes.size());
    digest_.bytes(bytes);
    return bytes.empty() ? Status() : sink(bytes);
  }));
  return digest == digest_.finish() ? Status() : damaged();
}

Result<std::string> StreamReader::Impl::read_text(std::size_t most) {
  // The size is the other side's word, and memory is not filled on it.
  if (entry_.kind != EntryKind::regular || entry_.size > most)
    return broken(fmt::format("\"{}\" is no text", entry_.path));
  std::string text;
  has_entry_ = false;
  VSTATE_TRY(read([&](std::string_view part) -> Status {
    text.append(part);
    return {};
  }));
  return text;
}

Result<std::optional<Box>> StreamReader::Impl::next_box() {
  if (is_at_end) return std::nullopt;
  VSTATE_TRY(advance());
  // Whoever got the last box may have failed halfway.
  while (given_ && box_of(entry_.path) == given_) {
    has_entry_ = false;
    VSTATE_TRY(advance());
  }
  const auto& path = entry_.path;
  if (path == k_end) {
    VSTATE_TRY_ASSIGN(const auto text, read_text(k_most_document));
    // Any other text is taken for a change: that costs another run, and the opposite could leave
    // mail behind.
    has_changed = text != "changed 0\n";
    is_at_end = true;
    return std::nullopt;
  }
  given_ = box_of(path);
  if (!given_) return broken(fmt::format("\"{}\" does not belong there", path));
  return given_;
}

Status StreamReader::Impl::take_changes(RemoteSink& receiver) {
  VSTATE_TRY_ASSIGN(const auto text, read_text(mail::k_most_changes));
  const auto for_each = [&](const std::function<Status(const mail::ChangeLine&)>& take) {
    return mail::for_each_change(text, "the stream", take);
  };
  // Before any is made.
  VSTATE_TRY(for_each([](const mail::ChangeLine&) -> Status { return {}; }));
  return for_each([&](const mail::ChangeLine& change) {
    return change.path.empty() ? receiver.forget(change.key)
                               : receiver.restate(change.key, change.path);
  });
}

/// The bytes of a stream's entry, for who receives them.
class StreamContent final : public Content {
 public:
  explicit StreamContent(StreamReader::Impl& stream) : stream_(stream) {}
  Status read(const Sink& sink) override { return stream_.read(sink); }

 private:
  StreamReader::Impl& stream_;
};

Status StreamReader::Impl::fill(RemoteSink& receiver) {
  VSTATE_TRY(advance());
  const auto box = box_of(entry_.path);
  VSTATE_ASSERT(box);
  const auto prefix = path_of(*box) + "/";
  StreamContent content(*this);
  while (true) {
    VSTATE_TRY(advance());
    // The entry that ended the box stays with the reader, as the first one of the next box.
    if (box_of(entry_.path) != box) return receiver.finish();
    if (entry_.path.starts_with(k_changes)) {
      VSTATE_TRY(take_changes(receiver));
      continue;
    }
    has_entry_ = false;
    if (entry_.path.size() <= prefix.size()) continue;  // the box itself
    TreeEntry inside = entry_;
    inside.path = entry_.path.substr(prefix.size());
    inside.is_scoped = inside.stamp == mail::k_scoped_stamp && mail::as_message(inside.path);
    // What follows a failure in this box is skipped by next_box.
    VSTATE_TRY(receiver.take(inside, content));
  }
}

StreamReader::StreamReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
StreamReader::~StreamReader() = default;

bool StreamReader::is_stream(std::string_view begin) {
  // These bytes begin each zstd frame, and no text.
  return begin.starts_with(std::string_view("\x28\xB5\x2F\xFD", 4));
}

Result<std::unique_ptr<StreamReader>> StreamReader::open(int file, std::string begun,
                                                         std::chrono::seconds patience) {
  VSTATE_TRY_ASSIGN(auto reader, mail::Reader::open_stream(file, std::move(begun), {}, patience));
  return std::unique_ptr<StreamReader>(new StreamReader(std::make_unique<Impl>(std::move(reader))));
}

Result<std::string> StreamReader::read_document() {
  VSTATE_TRY(impl_->advance());
  return impl_->read_text(k_most_document);
}

Result<std::optional<Box>> StreamReader::next_box() { return impl_->next_box(); }

Status StreamReader::fill(RemoteSink& receiver) { return impl_->fill(receiver); }
bool StreamReader::has_source_changed() const { return impl_->has_changed; }

}  // namespace vstate
