/// \file
/// Writes down what a program changes below a directory, and what it syncs, in the order in which
/// it happens, so that a power cut at any moment can be played through afterwards.
///
///     write_log --below DIR --log FILE [--seconds N] -- PROGRAM ARGUMENT…
///
/// FILE is a sequence of fields that each end with a NUL; an operation is its name and, by the
/// name, as many fields as follow here. A file is named by "device:inode", a name in a directory by
/// that of the directory and the name. Bytes are in FILE.data, by their offset and length there.
///
///     make DIR NAME FILE MODE UID GID MTIME TARGET   a new file, directory, link; DIR and NAME are
///                                                    empty for a file without a name
///     link FILE DIR NAME      unlink DIR NAME      rename DIR NAME DIR NAME
///     write FILE OFFSET DATA-OFFSET LENGTH         truncate FILE SIZE
///     attributes FILE MODE UID GID MTIME
///     sync FILE               syncfs FILE          said DATA-OFFSET LENGTH
///
/// MODE holds the kind as in st_mode; MTIME is in nanoseconds. "said" is what was written into
/// standard output where that is a pipe. It ends with the program's status, 124 after the time, 125
/// where it cannot work or an operation came that it does not know.

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <cstdlib>
#include <fstream>
#include <initializer_list>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "harness/machine.h"
#include "harness/tracing.h"

namespace {

using Info = struct stat;

struct Options {
  std::vector<std::string> below;
  std::string log;
  long seconds = 120;
  std::vector<char*> program;
};

Options parse(int count, char** words) {
  Options options;
  int at = 1;
  for (; at + 1 < count && std::string_view(words[at]) != "--"; at += 2) {
    const std::string_view word = words[at];
    if (word == "--below")
      options.below.push_back(real_path(words[at + 1]));
    else if (word == "--log")
      options.log = words[at + 1];
    else if (word == "--seconds")
      options.seconds = std::atol(words[at + 1]);
    else
      die(k_cannot, "unknown option " + std::string(word));
  }
  for (++at; at < count; ++at) options.program.push_back(words[at]);
  if (options.program.empty() || options.log.empty() || options.below.empty())
    die(k_cannot, "needs --below, --log, and a program");
  options.program.push_back(nullptr);
  return options;
}

std::string id_of(const Info& info) {
  return std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino);
}

std::optional<Info> look_at(const std::string& path, bool follow = false) {
  Info info{};
  const int done = follow ? stat(path.c_str(), &info) : lstat(path.c_str(), &info);
  return done == 0 ? std::optional(info) : std::nullopt;
}

std::string file_of(pid_t thread, std::uint64_t descriptor) {
  return "/proc/" + std::to_string(thread) + "/fd/" + std::to_string(static_cast<int>(descriptor));
}

/// Where the next byte goes that is written without an offset.
std::uint64_t position_of(pid_t thread, std::uint64_t descriptor) {
  std::ifstream lines("/proc/" + std::to_string(thread) + "/fdinfo/" +
                      std::to_string(static_cast<int>(descriptor)));
  std::uint64_t position = 0;
  unsigned long flags = 0;
  for (std::string word; lines >> word;) {
    if (word == "pos:") lines >> position;
    if (word == "flags:") lines >> std::oct >> flags >> std::dec;
  }
  if ((flags & O_APPEND) == 0) return position;
  const auto info = look_at(file_of(thread, descriptor), true);
  return info ? static_cast<std::uint64_t>(info->st_size) : 0;
}

/// What is known of a call before it happens.
struct Before {
  std::string place;           ///< what it works on, or makes
  std::string from;            ///< of a rename
  bool is_there = false;       ///< something was at `place`
  std::uint64_t position = 0;  ///< where it writes
};

class Log : public Tracing {
 public:
  Log(const Options& options, const Calls& calls)
      : options_(options), calls_(calls), log_(options.log), data_(options.log + ".data") {}
  [[nodiscard]] bool is_complete() const { return trouble_.empty() && log_.good() && data_.good(); }
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

 protected:
  bool on_call(const Stop&) override;
  void on_return(const Stop&, long result) override;

 private:
  using Fields = std::initializer_list<std::string_view>;
  void put(std::string_view operation, Fields fields);
  void put_named(std::string_view operation, const std::string& place, Fields before, Fields after);
  void put_made(const std::string& place, const Info&);
  void put_attributes(const std::string& path, bool follow);
  void put_bytes(const Stop&, std::uint64_t descriptor, std::uint64_t offset, std::size_t size);
  void said(const Stop&, long result);
  void opened(const Stop&, const Before&, long result);
  void made(const Before&);
  void wrote(const Stop&, const Before&, long result);
  bool moved(const Stop&, const Before&);
  bool on_names(const Stop&, const Before&);
  bool on_files(const Stop&, const Before&, long result);

  const Options& options_;
  const Calls& calls_;
  std::ofstream log_, data_;
  std::uint64_t data_size_ = 0;
  std::map<pid_t, Before> before_;
  std::string trouble_;
};

void Log::put(std::string_view operation, Fields fields) {
  log_ << operation << '\0';
  for (const auto field : fields) log_ << field << '\0';
}

void Log::put_named(std::string_view operation, const std::string& place, Fields before,
                    Fields after) {
  const auto slash = place.rfind('/');
  const auto directory = look_at(place.substr(0, slash), true);
  if (!directory) {
    trouble_ = place + ": is in no directory";
    return;
  }
  put(operation, before);
  log_ << id_of(*directory) << '\0' << place.substr(slash + 1) << '\0';
  for (const auto field : after) log_ << field << '\0';
}

std::string modified(const Info& info) {
  return std::to_string(info.st_mtim.tv_sec * 1'000'000'000LL + info.st_mtim.tv_nsec);
}

void Log::put_made(const std::string& place, const Info& info) {
  std::array<char, PATH_MAX> target{};
  if (S_ISLNK(info.st_mode) && readlink(place.c_str(), target.data(), target.size() - 1) < 0)
    trouble_ = place + ": cannot be read";
  const auto fields = {id_of(info),
                       std::to_string(info.st_mode),
                       std::to_string(info.st_uid),
                       std::to_string(info.st_gid),
                       modified(info),
                       std::string(target.data())};
  std::string all;
  for (const auto& field : fields) all += field + '\0';
  all.pop_back();
  if (place.empty())
    put("make", {"", "", all});
  else
    put_named("make", place, {}, {all});
}

void Log::put_attributes(const std::string& path, bool follow) {
  const auto info = look_at(path, follow);
  if (!info) return;
  put("attributes", {id_of(*info), std::to_string(info->st_mode), std::to_string(info->st_uid),
                     std::to_string(info->st_gid), modified(*info)});
}

/// The bytes are those that are in the file now: nobody else writes there.
void Log::put_bytes(const Stop& stop, std::uint64_t descriptor, std::uint64_t offset,
                    std::size_t size) {
  const auto path = file_of(stop.thread, descriptor);
  std::string bytes(size, '\0');
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const auto count = pread(file, bytes.data(), size, static_cast<off_t>(offset));
  if (file >= 0) close(file);
  const auto info = look_at(path, true);
  if (!info || count != static_cast<ssize_t>(size)) {
    trouble_ = path + ": what was written cannot be read";
    return;
  }
  data_ << bytes;
  put("write",
      {id_of(*info), std::to_string(offset), std::to_string(data_size_), std::to_string(size)});
  data_size_ += size;
}

void Log::said(const Stop& stop, long result) {
  if (stop.number != SYS_write || result <= 0) return;
  const auto bytes = memory_of(stop.thread, stop.arguments[1], static_cast<std::size_t>(result));
  data_ << bytes;
  put("said", {std::to_string(data_size_), std::to_string(bytes.size())});
  data_size_ += bytes.size();
}

void Log::opened(const Stop& stop, const Before& before, long result) {
  const auto info = look_at(file_of(stop.thread, static_cast<std::uint64_t>(result)), true);
  const auto flags = open_flags(stop);
  if (!info) return;
  if ((flags & O_TMPFILE) == O_TMPFILE)
    put_made("", *info);
  else if (!before.is_there)
    put_made(before.place, *info);
  else if ((flags & O_TRUNC) != 0)
    put("truncate", {id_of(*info), "0"});
}

void Log::made(const Before& before) {
  if (const auto info = look_at(before.place)) put_made(before.place, *info);
}

void Log::wrote(const Stop& stop, const Before& before, long result) {
  if (result <= 0) return;
  const auto size = static_cast<std::size_t>(result);
  const bool has_two = stop.number == SYS_copy_file_range;
  put_bytes(stop, stop.arguments.at(has_two ? 2 : 0), before.position, size);
}

bool Log::moved(const Stop& stop, const Before& before) {
  if (stop.number == SYS_renameat2 && (stop.arguments[4] & RENAME_EXCHANGE) != 0) {
    trouble_ = before.place + ": was exchanged, which is not known here";
    return true;
  }
  const auto slash = before.from.rfind('/');
  const auto directory = look_at(before.from.substr(0, slash), true);
  if (!directory) {
    trouble_ = before.from + ": is in no directory";
    return true;
  }
  put_named("rename", before.place, {id_of(*directory), before.from.substr(slash + 1)}, {});
  return true;
}

/// Whether it was a call that changes what is in a directory.
bool Log::on_names(const Stop& stop, const Before& before) {
  switch (stop.number) {
    case SYS_mkdirat:
    case SYS_mknodat:
    case SYS_symlinkat:
#ifdef SYS_mkdir
    case SYS_mkdir:
    case SYS_mknod:
    case SYS_symlink:
#endif
      made(before);
      return true;
    case SYS_linkat:
#ifdef SYS_link
    case SYS_link:
#endif
      if (const auto info = look_at(before.place))
        put_named("link", before.place, {id_of(*info)}, {});
      return true;
    case SYS_unlinkat:
#ifdef SYS_unlink
    case SYS_unlink:
    case SYS_rmdir:
#endif
      put_named("unlink", before.place, {}, {});
      return true;
    case SYS_renameat2:
#ifdef SYS_renameat
    case SYS_renameat:
#endif
#ifdef SYS_rename
    case SYS_rename:
#endif
      return moved(stop, before);
    default:
      return false;
  }
}

bool Log::on_files(const Stop& stop, const Before& before, long result) {
  const auto descriptor = file_of(stop.thread, stop.arguments[0]);
  switch (stop.number) {
    case SYS_write:
    case SYS_writev:
    case SYS_pwrite64:
    case SYS_pwritev:
    case SYS_copy_file_range:
    case SYS_sendfile:
      wrote(stop, before, result);
      return true;
    case SYS_ftruncate:
    case SYS_fallocate: {
      const auto info = look_at(descriptor, true);
      if (info) put("truncate", {id_of(*info), std::to_string(info->st_size)});
      return true;
    }
    case SYS_fchmod:
    case SYS_fchown:
      put_attributes(descriptor, true);
      return true;
    case SYS_fchmodat:
    case SYS_fchownat:
    case SYS_utimensat:
#ifdef SYS_fchmodat2
    case SYS_fchmodat2:
#endif
#ifdef SYS_chmod
    case SYS_chmod:
    case SYS_chown:
    case SYS_lchown:
    case SYS_utimes:
#endif
      // Without a path, utimensat works on the descriptor.
      if (stop.number == SYS_utimensat && stop.arguments[1] == 0)
        put_attributes(descriptor, true);
      else
        put_attributes(before.place, false);
      return true;
    case SYS_fsync:
    case SYS_fdatasync:
      if (const auto info = look_at(descriptor, true)) put("sync", {id_of(*info)});
      return true;
    case SYS_syncfs:
      if (const auto info = look_at(descriptor, true)) put("syncfs", {id_of(*info)});
      return true;
    default:
      return false;
  }
}

bool Log::on_call(const Stop& stop) {
  const auto [begin, end] = calls_.equal_range(stop.number);
  for (auto found = begin; found != end; ++found) {
    const auto& call = found->second;
    const bool opens = call.kind == Kind::open && (open_flags(stop) & (O_CREAT | O_TRUNC)) != 0;
    const bool is_nameless = call.kind == Kind::open && (open_flags(stop) & O_TMPFILE) == O_TMPFILE;
    if (call.kind != Kind::change && !opens && !is_nameless) continue;
    Before before;
    before.place = place_of(stop, call);
    const bool is_said = stop.arguments[0] == 1 && before.place.compare(0, 5, "pipe:") == 0;
    if (!is_said && !is_below(before.place, options_.below)) continue;
    before.is_there = look_at(before.place).has_value();
    if (stop.number == SYS_renameat2) before.from = place_of(stop, {"", call.kind, call.names, 0});
#ifdef SYS_renameat
    if (stop.number == SYS_renameat) before.from = place_of(stop, {"", call.kind, call.names, 0});
#endif
#ifdef SYS_rename
    if (stop.number == SYS_rename) before.from = place_of(stop, {"", call.kind, call.names, 0});
#endif
    const auto at = static_cast<std::size_t>(call.at);
    if (call.names == Names::descriptor) {
      const bool has_offset = stop.number == SYS_pwrite64 || stop.number == SYS_pwritev;
      before.position =
          has_offset ? stop.arguments[3] : position_of(stop.thread, stop.arguments.at(at));
      if (stop.number == SYS_copy_file_range && stop.arguments[3] != 0)
        trouble_ = before.place + ": was copied to an offset, which is not known here";
    }
    before_[stop.thread] = before;
    return true;
  }
  return false;
}

void Log::on_return(const Stop& stop, long result) {
  const auto before = before_[stop.thread];
  before_.erase(stop.thread);
  if (result < 0) return;
  if (before.place.compare(0, 5, "pipe:") == 0) return said(stop, result);
  const bool is_open = stop.number == SYS_openat || stop.number == SYS_openat2
#ifdef SYS_open
                       || stop.number == SYS_open || stop.number == SYS_creat
#endif
      ;
  if (is_open) return opened(stop, before, result);
  if (!on_names(stop, before) && !on_files(stop, before, result) && stop.number != SYS_kill)
    trouble_ = before.place + ": was changed in a way that is not known here";
}

}  // namespace

int main(int count, char** words) {
  auto options = parse(count, words);
  const auto calls = make_calls();
  Log log(options, calls);
  const auto ended = log.run(options.program.data(), calls, options.seconds);
  if (!log.is_complete()) die(k_cannot, "the log is not complete: " + log.trouble());
  return ended;
}
