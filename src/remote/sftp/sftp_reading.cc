// A file costs an open, its attributes, its bytes, and a close; over a link with a long way each
// would cost that way. So all that can be known to be wanted is asked for at once: the attributes
// and the first bytes as soon as there is a handle, entries of a directory in several requests that
// follow each other, and nobody waits for a close.

#include "remote/sftp/sftp_reading.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include <fmt/format.h>

#include "sys/path.h"
#include "vstate/base/digest.h"
#include "vstate/base/text.h"

namespace vstate::remote {

namespace {

/// Every server gives so much at once (draft, section 6.4: 32768 bytes).
constexpr std::uint32_t k_part = 32768;
/// Bytes of one file that are asked for ahead of who reads them. Two megabytes are what ssh itself
/// lets be under way on a channel.
constexpr std::uint64_t k_ahead = std::uint64_t{2} << 20;
/// Requests for names that are under way at first, and in a large directory: OpenSSH answers each
/// with a hundred.
constexpr unsigned k_lists_ahead = 8, k_most_lists_ahead = 64;

/// What a directory may be in memory, which are nearly two million messages. One that has more than
/// any server keeps is one without an end.
constexpr std::size_t k_most_of_listing = std::size_t{384} << 20;
/// So many names are looked at for those that came before, and twice as many the next time.
constexpr std::size_t k_first_look_at_names = 65536;
/// NAME_MAX.
constexpr std::size_t k_longest_name = 255;

/// A directory that never rests is believed in the end, and what was missed comes with the next
/// pass.
constexpr unsigned k_most_listings = 6;

/// A file or directory whose time is less than so old may be written again without getting another
/// time, and clocks differ.
constexpr std::chrono::seconds k_recent(10);

FileInfo::Type type_of(std::uint32_t mode) {
  if (S_ISREG(mode)) return FileInfo::Type::regular;
  if (S_ISDIR(mode)) return FileInfo::Type::directory;
  if (S_ISLNK(mode)) return FileInfo::Type::link;
  if (S_ISSOCK(mode)) return FileInfo::Type::socket;
  return S_ISFIFO(mode) ? FileInfo::Type::fifo : FileInfo::Type::other;
}

/// OpenSSH's server sends a line of `ls -l` with each name: "-rw-------    1 vpopmail ...". It is
/// the one place where the number of names of a file is told.
std::uint64_t links_in(std::string_view line) {
  constexpr std::size_t mode_and_space = 11;
  if (line.size() < mode_and_space) return 0;
  const auto blank = line.find(' ');
  const auto begin = line.find_first_not_of(' ', blank);
  if (blank == line.npos || begin == line.npos) return 0;
  const auto end = std::min(line.find(' ', begin), line.size());
  return to_number(line.substr(begin, end - begin)).value_or(0);
}

}  // namespace

FileInfo to_info(const Attributes& attributes, const std::string& path) {
  return to_info(attributes, short_digest(path));
}

FileInfo to_info(const Attributes& attributes, std::uint64_t inode) {
  using std::chrono::nanoseconds;
  FileInfo info;
  // Without its mode nothing can be said of what it is, and it is refused as something special.
  const auto mode = attributes.mode.value_or(0);
  info.type = type_of(mode);
  info.mode = mode & 07777U;
  info.size = attributes.size.value_or(0);
  if (attributes.owner) std::tie(info.uid, info.gid) = *attributes.owner;
  if (attributes.mtime) info.mtime = *attributes.mtime;
  info.modified = nanoseconds(info.mtime.time_since_epoch()).count();
  const auto now = std::chrono::system_clock::now();
  if (info.is_directory())
    info.changed = info.modified;
  else if (info.mtime > now - k_recent)
    info.changed = nanoseconds(now.time_since_epoch()).count();
  info.device = 1;
  info.inode = inode;
  return info;
}

tl::unexpected<Error> fail_status(const ReplyStatus& status, std::string_view path,
                                  std::string_view what, Missing missing) {
  switch (status.code) {
    case StatusCode::no_such_file:
      // OpenSSH says so of a bad handle and of a circle of links as well; where the file is open,
      // or was listed as a directory, neither is an absence.
      errno = ENOENT;
      return missing == Missing::possible ? fail_errno(path, what) : fail_errno_of_open(path, what);
    case StatusCode::permission_denied:
      errno = EACCES;
      return fail_errno(path, what);
    default:
      return fail(Errc::io,
                  fmt::format("{}: {}: the other side says \"{}\"", path, what,
                              visible(status.message.empty() ? "failure" : status.message)));
  }
}

Result<std::optional<FileInfo>> look_in(const Reply& reply, const std::string& path,
                                        std::string_view shown) {
  if (const auto status = status_of(reply)) {
    if (status->code == StatusCode::no_such_file) return std::nullopt;
    return fail_status(*status, shown, "cannot stat", Missing::possible);
  }
  if (const auto attributes = attributes_in(reply))
    return std::optional(to_info(*attributes, path));
  return tl::unexpected<Error>(unasked_reply(shown, "cannot stat"));
}

const ListedFile* find_entry(const std::vector<ListedFile>& sorted, std::string_view name) {
  const auto found =
      std::lower_bound(sorted.begin(), sorted.end(), name,
                       [](const ListedFile& file, std::string_view n) { return file.name < n; });
  return found != sorted.end() && found->name == name ? &*found : nullptr;
}

Error unasked_reply(std::string_view shown, std::string_view what) {
  return fail(Errc::io,
              fmt::format("{}: {}: the other side sent what was not asked for", shown, what))
      .value();
}

namespace {

/// What a reply says that should have been something else.
Error unexpected_reply(const Reply& reply, const std::string& shown, std::string_view what,
                       Missing missing) {
  if (const auto status = status_of(reply)) {
    if (status->code != StatusCode::ok) return fail_status(*status, shown, what, missing).value();
  }
  return unasked_reply(shown, what);
}

}  // namespace

Transfer::Transfer(SftpChannel& channel, std::string path, std::string shown,
                   const FileInfo& listed)
    : channel_(channel),
      path_(std::move(path)),
      shown_(std::move(shown)),
      expected_(listed.size),
      inode_(listed.inode),
      closes_early_(listed.size <= k_part),
      end_(std::numeric_limits<std::uint64_t>::max()) {}

// What comes for it later finds no more of it: handlers hold it weakly.
Transfer::~Transfer() {
  const std::lock_guard lock(channel_.mutex());
  close();
  count_closed();
}

void Transfer::start() {
  constexpr std::uint32_t for_reading = 1, no_attributes = 0;
  const std::weak_ptr<Transfer> self = weak_from_this();
  auto& channel = channel_;
  {
    const std::lock_guard lock(channel_.mutex());
    is_counted_ = true;
    channel_.add_open_file();
  }
  channel_.submit(PacketType::open,
                  PacketWriter().text(path_).number(for_reading).number(no_attributes).take(),
                  [self, &channel](const Reply& reply) {
                    if (const auto transfer = self.lock()) return transfer->on_handle(reply);
                    // Nobody wants it any more, and the server would keep it open.
                    if (reply.type == PacketType::handle)
                      channel.submit(PacketType::close, reply.fields, {});
                  });
}

void Transfer::on_handle(const Reply& reply) {
  handle_ = handle_in(reply);
  if (!handle_) {
    const auto status = status_of(reply);
    count_closed();
    is_missing_ = status && status->code == StatusCode::no_such_file;
    if (!is_missing_) failure_ = unexpected_reply(reply, shown_, "cannot open", Missing::possible);
    return;
  }
  const std::weak_ptr<Transfer> self = weak_from_this();
  channel_.submit(PacketType::fstat, PacketWriter().text(*handle_).take(),
                  [self](const Reply& came) {
                    if (const auto transfer = self.lock()) transfer->on_attributes(came);
                  });
  ask_for_start();
  // A server answers what is asked of one file in the order in which it was asked.
  if (closes_early_) close();
}

/// The size that the listing told is nearly always right. What the file has grown by since is asked
/// for when its attributes are known.
void Transfer::ask_for_start() {
  const auto most = std::min<std::uint64_t>(expected_, k_ahead);
  for (std::uint64_t at = 0; at < most; at += k_part)
    ask_for(at, static_cast<std::uint32_t>(std::min<std::uint64_t>(k_part, most - at)));
}

/// Once the attributes are here, and all that was asked for of a file that was closed early.
void Transfer::settle() {
  if (!found_ || failure_ || (closes_early_ && in_flight_ > 0)) return;
  const auto has =
      parts_.empty() ? 0 : parts_.begin()->second.bytes.size() - parts_.begin()->second.begin;
  if (!closes_early_ || found_->size == has || !found_->is_regular()) {
    info_ = found_;
    return;
  }
  // It has another size than the listing told, and its rest can not be asked for.
  expected_ = found_->size;
  closes_early_ = is_closed_ = false;
  handle_.reset();
  found_.reset();
  parts_.clear();
  asked_ = 0;
  end_ = std::numeric_limits<std::uint64_t>::max();
  start();
}

void Transfer::on_attributes(const Reply& reply) {
  const auto attributes = attributes_in(reply);
  if (!attributes) {
    failure_ = unexpected_reply(reply, shown_, "cannot stat", Missing::impossible);
    return;
  }
  found_ = to_info(*attributes, inode_);
  settle();
}

void Transfer::ask_for(std::uint64_t offset, std::uint32_t length) {
  const std::weak_ptr<Transfer> self = weak_from_this();
  asked_ = std::max(asked_, offset + length);
  ++in_flight_;
  channel_.submit(PacketType::read,
                  PacketWriter().text(*handle_).large(offset).number(length).take(),
                  [self, offset, length](Reply& reply) {
                    if (const auto transfer = self.lock()) transfer->on_data(offset, length, reply);
                  });
}

void Transfer::on_data(std::uint64_t offset, std::uint32_t length, Reply& reply) {
  --in_flight_;
  if (reply.type != PacketType::data) {
    const auto status = status_of(reply);
    if (status && status->code == StatusCode::end_of_file)
      end_ = std::min(end_, offset);
    else if (!failure_)
      failure_ = unexpected_reply(reply, shown_, "cannot read", Missing::impossible);
    return settle();
  }
  const auto count = PacketReader(reply.fields).text().size();
  constexpr std::size_t number_of_bytes = 4;
  // A server may give less than it was asked for, and none gives more. What stood behind the bytes
  // would be kept with them.
  if (count == 0 || count > length || reply.fields.size() != number_of_bytes + count) {
    failure_ = unexpected_reply(reply, shown_, "cannot read", Missing::impossible);
    return;
  }
  parts_.emplace(offset, Part{std::move(reply.fields), number_of_bytes});
  const auto rest = length - static_cast<std::uint32_t>(count);
  if (closes_early_) return settle();
  if (rest > 0 && offset + count < end_) ask_for(offset + count, rest);
}

/// With the lock held.
void Transfer::ask_for_more() {
  if (!handle_ || !info_ || failure_) return;
  const auto wanted = std::min({info_->size, end_, at_ + k_ahead});
  while (asked_ < wanted)
    ask_for(asked_, static_cast<std::uint32_t>(std::min<std::uint64_t>(k_part, wanted - asked_)));
}

void Transfer::count_closed() {
  if (std::exchange(is_counted_, false)) channel_.remove_open_file();
}

void Transfer::close() {
  if (!handle_ || std::exchange(is_closed_, true)) return;
  count_closed();
  channel_.submit(PacketType::close, PacketWriter().text(*handle_).take(), {});
}

Result<std::optional<FileInfo>> Transfer::info() {
  VSTATE_TRY(channel_.wait([&] { return info_ || is_missing_ || failure_; }));
  if (failure_) return tl::unexpected<Error>(*failure_);
  return is_missing_ ? std::nullopt : info_;
}

bool Transfer::is_there(std::uint64_t offset) const {
  return failure_ || parts_.contains(offset) || offset >= end_;
}

Result<std::size_t> Transfer::read(std::span<char> into) {
  VSTATE_TRY_ASSIGN(const auto opened, info());
  if (!opened) return fail(Errc::io, fmt::format("{}: is not there any more", shown_));
  std::size_t filled = 0;
  while (filled < into.size() && at_ < opened->size) {
    {
      const std::lock_guard held(channel_.mutex());
      ask_for_more();
    }
    VSTATE_TRY(channel_.wait([&] { return is_there(at_); }));
    const std::lock_guard held(channel_.mutex());
    if (failure_) return tl::unexpected<Error>(*failure_);
    const auto part = parts_.find(at_);
    if (part == parts_.end()) break;  // it became shorter
    auto whole = parts_.extract(part);
    auto& [bytes, begin] = whole.mapped();
    const auto count = std::min(bytes.size() - begin, into.size() - filled);
    std::copy_n(bytes.data() + begin, count, into.data() + filled);
    filled += count;
    at_ += count;
    begin += count;
    if (begin == bytes.size()) continue;
    whole.key() = at_;
    parts_.insert(std::move(whole));
  }
  if (at_ >= opened->size) {
    const std::lock_guard held(channel_.mutex());
    close();
  }
  return filled;
}

Listing::Listing(SftpChannel& channel, std::string path, std::string shown)
    : channel_(channel), path_(std::move(path)), shown_(std::move(shown)) {}

/// The first failure is the one that is told.
void Listing::fail_with(Error error) {
  if (!failure_) failure_ = std::move(error);
  if (const auto ended = std::exchange(ended_, {})) ended(nullptr);
}

/// Handlers hold the listing: one that was begun is ended, so that the server's handle is closed.
void Listing::look(std::optional<FileInfo>& into) {
  channel_.submit(
      PacketType::lstat, PacketWriter().text(path_).take(),
      [self = shared_from_this(), &into](const Reply& reply) {
        if (const auto attributes = attributes_in(reply))
          into = to_info(*attributes, self->path_);
        else
          self->fail_with(unexpected_reply(reply, self->shown_, "cannot list", Missing::possible));
      });
}

void Listing::start(Ended ended) {
  ended_ = std::move(ended);
  look(before_);
  open();
}

/// Behind each batch of requests for names, so that nobody waits once more when the end is among
/// them: a reply that comes behind the end was made behind it.
void Listing::look_early() {
  is_looked_at_ = true;
  channel_.submit(
      PacketType::lstat, PacketWriter().text(path_).take(),
      [self = shared_from_this(), round = listings_, asked = names_asked_](const Reply& reply) {
        if (round != self->listings_) return;
        if (asked == self->names_asked_) self->is_looked_at_ = false;
        if (!self->has_ended_ || self->failure_ || asked <= *self->end_) return;
        if (const auto attributes = attributes_in(reply))
          self->after_ = to_info(*attributes, self->path_);
        else
          self->fail_with(unexpected_reply(reply, self->shown_, "cannot list", Missing::possible));
      });
}

void Listing::open() {
  has_ended_ = false;
  is_looked_at_ = false;
  taken_ = next_look_ = 0;
  names_asked_ = 0;
  names_awaited_.clear();
  end_.reset();
  ++listings_;
  channel_.submit(PacketType::opendir, PacketWriter().text(path_).take(),
                  [self = shared_from_this()](const Reply& reply) {
                    auto handle = handle_in(reply);
                    if (!handle)
                      return self->fail_with(
                          unexpected_reply(reply, self->shown_, "cannot list", Missing::possible));
                    self->handle_ = *std::move(handle);
                    self->lists_ahead_ = k_lists_ahead;
                    self->ask_for_names();
                  });
}

void Listing::ask_for_names() {
  while (names_awaited_.size() < lists_ahead_) {
    names_awaited_.insert(names_asked_);
    channel_.submit(PacketType::readdir, PacketWriter().text(handle_).take(),
                    [self = shared_from_this(), round = listings_,
                     number = names_asked_++](const Reply& reply) {
                      if (round == self->listings_) self->on_names(number, reply);
                    });
  }
  look_early();
}

/// A server answers what is asked of one directory in the order in which it was asked: behind the
/// end there is nothing that need be waited for.
void Listing::on_names(unsigned number, const Reply& reply) {
  names_awaited_.erase(number);
  if (has_ended_) return;
  const auto status = status_of(reply);
  // No names are the end too, as OpenSSH's client has it.
  const bool has_none = reply.type == PacketType::name && PacketReader(reply.fields).number() == 0;
  if (has_none || (status && status->code == StatusCode::end_of_file))
    end_ = std::min(end_.value_or(number), number);
  else
    take_names(reply);
  const auto first = names_awaited_.empty() ? names_asked_ : *names_awaited_.begin();
  if (failure_ || (end_ && first > *end_)) return on_end();
  if (!end_ && names_awaited_.size() <= lists_ahead_ / 2) {
    lists_ahead_ = std::min(2 * lists_ahead_, k_most_lists_ahead);
    ask_for_names();
  }
}

void Listing::take_names(const Reply& reply) {
  PacketReader reader(reply.fields);
  bool is_sound = reply.type == PacketType::name;
  for (auto count = is_sound ? reader.number() : 0; count > 0 && is_sound; --count)
    is_sound = take_name(reader);
  if (!is_sound || !reader.is_whole())
    return fail_with(unexpected_reply(reply, shown_, "cannot list", Missing::impossible));
  std::string why;
  if (!is_going_on())
    why = "the same files again and again";
  else if (taken_ > k_most_of_listing)
    why = fmt::format("more than {} MiB of files", k_most_of_listing >> 20U);
  if (why.empty()) return;
  const auto error = fail(
      Errc::io, fmt::format("{}: cannot list: the other side names {}", shown_, why), Scope::run);
  fail_with(error.value());
  channel_.disbelieve(error.value());
}

/// A name that was made again while others were read may come twice.
void Listing::put_in_order() {
  auto& entries = listed_.entries;
  std::sort(entries.begin(), entries.end(),
            [](const ListedFile& a, const ListedFile& b) { return a.name < b.name; });
  const auto is_same = [](const ListedFile& a, const ListedFile& b) { return a.name == b.name; };
  entries.erase(std::unique(entries.begin(), entries.end(), is_same), entries.end());
}

/// False if most of what comes has come before.
bool Listing::is_going_on() {
  const auto count = listed_.entries.size();
  if (count < std::max(next_look_, k_first_look_at_names)) return true;
  put_in_order();
  next_look_ = 2 * listed_.entries.size();
  return next_look_ > count;
}

/// False if it is none.
bool Listing::take_name(PacketReader& reader) {
  std::string name(reader.text());
  const auto links = links_in(reader.text());
  const auto attributes = reader.attributes();
  if (!reader.is_whole()) return false;
  // What is left out counts too, or it could come for ever.
  taken_ += sizeof(ListedFile) + name.size();
  if (name == ".") links_ = links;
  if (name == "." || name == "..") return true;
  // A name with a slash would be a path, and lead anywhere.
  if (name.empty() || name.size() > k_longest_name || name.find('/') != name.npos ||
      name.find('\0') != name.npos)
    return false;
  const auto path = path_join(path_, name);
  listed_.entries.push_back({std::move(name), to_info(attributes, path), links});
  return true;
}

bool Listing::is_believed() const {
  const auto is_same = [](const ListedFile& a, const ListedFile& b) {
    return a.name == b.name && a.info.type == b.info.type;
  };
  const bool is_old = before_ && before_->mtime + k_recent < std::chrono::system_clock::now();
  return is_old || listings_ == k_most_listings || failure_ ||
         (earlier_ && std::equal(earlier_->begin(), earlier_->end(), listed_.entries.begin(),
                                 listed_.entries.end(), is_same));
}

/// OpenSSH's server leaves out of a listing what it cannot stat at that moment, without a word: a
/// stale handle, a bad block. A home without its Maildir would be one without mail. Most file
/// systems count the directories in a directory by its links, and whether this one does shows
/// where there are other files, too.
bool Listing::lacks_directories() {
  constexpr std::uint64_t of_its_own = 2;
  const auto directories = static_cast<std::uint64_t>(std::count_if(
      listed_.entries.begin(), listed_.entries.end(),
      [](const ListedFile& entry) { return entry.info.type == FileInfo::Type::directory; }));
  if (links_ < of_its_own) return false;
  const auto counted = links_ - of_its_own;
  if (counted == directories && directories < listed_.entries.size())
    channel_.counts_directories = true;
  return channel_.counts_directories && directories < counted;
}

/// The directory is looked at once more behind its names, so that a change meanwhile is seen.
void Listing::on_end() {
  has_ended_ = true;
  channel_.submit(PacketType::close, PacketWriter().text(handle_).take(), {});
  put_in_order();
  const bool is_short = !failure_ && lacks_directories();
  if (is_short && listings_ == k_most_listings)
    fail_with({Errc::io, fmt::format("{}: the server there leaves a directory in it out of the "
                                     "listing, which it does when it cannot look at it",
                                     shown_)});
  if (!is_believed() || (is_short && !failure_)) {
    earlier_ = std::exchange(listed_.entries, {});
    return open();
  }
  if (!is_looked_at_) look(after_);
  if (before_) listed_.before = *before_;
  is_over_ = true;
  if (const auto ended = std::exchange(ended_, {})) ended(&listed_);
}

void Listing::tell(Ended ended) {
  if (failure_ || is_over_) return ended(failure_ ? nullptr : &listed_);
  ended_ = std::move(ended);
}

Result<FileInfo> Listing::info() {
  VSTATE_TRY(channel_.wait([&] { return before_ || failure_; }));
  if (failure_) return tl::unexpected<Error>(*failure_);
  return *before_;
}

Result<Listed> Listing::take() {
  // Replies come in whatever order the other side likes.
  VSTATE_TRY(channel_.wait([&] { return (before_ && after_) || failure_; }));
  if (failure_) return tl::unexpected<Error>(*failure_);
  listed_.before = *before_;
  listed_.after = *after_;
  return std::move(listed_);
}

}  // namespace vstate::remote
