/// \file
/// Files and directories of an SFTP server as they come: asked for ahead of who reads them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "remote/sftp/sftp_channel.h"
#include "sys/files.h"
#include "vstate/base/result.h"

namespace vstate::remote {

/// An entry of a directory.
struct ListedFile {
  std::string name;
  FileInfo info;
  std::uint64_t links = 0;  ///< names that the file has; 0: the server does not say
};

/// What a server says of `path`, as a FileInfo. SFTP 3 knows neither inodes nor parts of seconds:
/// a place is known by the server's path of it, which must be without links, and a file that was
/// written within the last seconds never looks unchanged to a later run.
[[nodiscard]] FileInfo to_info(const Attributes&, const std::string& path);
/// The same of a place that was met before.
[[nodiscard]] FileInfo to_info(const Attributes&, std::uint64_t inode);

/// The error of a status that came for `path`. `not_found` only where `may_be_missing`: what is
/// open is there, whatever the server says.
enum class Missing { impossible, possible };
[[nodiscard]] tl::unexpected<Error> fail_status(const ReplyStatus&, std::string_view path,
                                                std::string_view what, Missing);

/// The error of a reply that nothing of its kind was asked for.
[[nodiscard]] Error unasked_reply(std::string_view shown, std::string_view what);

/// What a reply to lstat says of `path`, the server's; nullopt: nothing is there. `shown` stands in
/// errors.
[[nodiscard]] Result<std::optional<FileInfo>> look_in(const Reply&, const std::string& path,
                                                      std::string_view shown);

/// A regular file that is read, from its start to its end. Its first bytes are asked for together
/// with its attributes, and more while others are given out. A small one is closed in the same
/// breath, so that it is open for one way there and back; if it turns out to be longer, it is
/// opened again.
class Transfer : public std::enable_shared_from_this<Transfer> {
 public:
  /// `path` is the server's; `shown` stands in errors. `listed` is what is known of it: so many
  /// bytes are asked for at once.
  Transfer(SftpChannel& channel, std::string path, std::string shown, const FileInfo& listed);
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;
  void start();

  [[nodiscard]] std::uint64_t expected() const { return expected_; }
  /// Waits until it is open. nullopt: it is not there.
  [[nodiscard]] Result<std::optional<FileInfo>> info();
  /// 0 at the end of what it was when it was opened.
  [[nodiscard]] Result<std::size_t> read(std::span<char> into);

 private:
  void on_handle(const Reply&);
  void on_attributes(const Reply&);
  void ask_for_start();
  void settle();
  void on_data(std::uint64_t offset, std::uint32_t length, Reply&);
  void ask_for(std::uint64_t offset, std::uint32_t length);
  void ask_for_more();
  void close();
  void count_closed();
  [[nodiscard]] bool is_there(std::uint64_t offset) const;

  SftpChannel& channel_;
  std::string path_, shown_;
  std::uint64_t expected_, inode_;
  // With the channel's lock held.
  std::optional<std::string> handle_;
  std::optional<FileInfo> found_;  ///< its attributes
  std::optional<FileInfo> info_;   ///< the same, once it is known that all can be read
  std::optional<Error> failure_;
  bool is_missing_ = false;
  bool closes_early_;
  bool is_closed_ = false;
  bool is_counted_ = false;  ///< among the channel's open files
  /// What came of the file: the reply as it is, and how much of its front is not wanted any more.
  struct Part {
    std::string bytes;
    std::size_t begin = 0;
  };
  std::map<std::uint64_t, Part> parts_;  ///< by offset, not given out yet
  std::uint64_t asked_ = 0;              ///< so many bytes were asked for
  std::uint64_t end_;                    ///< where the file ended, as it was read
  unsigned in_flight_ = 0;
  // Of who reads.
  std::uint64_t at_ = 0;
};

/// What a directory holds.
struct Listed {
  FileInfo before, after;           ///< the directory, around the listing
  std::vector<ListedFile> entries;  ///< sorted by name
};

/// The entry of that name; null: there is none.
[[nodiscard]] const ListedFile* find_entry(const std::vector<ListedFile>& sorted,
                                           std::string_view name);

/// Lists a directory, with the attributes of its entries. `shown` stands in errors.
///
/// SFTP tells whole seconds: a name that comes in the second of the change before does not change
/// the directory's time again. So one that was changed lately, and clocks differ, is listed until
/// two listings say the same.
class Listing : public std::enable_shared_from_this<Listing> {
 public:
  /// Called with the channel's lock held when the last name has come, before it is known what the
  /// directory is behind it; null: it failed.
  using Ended = std::function<void(const Listed*)>;
  Listing(SftpChannel& channel, std::string path, std::string shown);
  void start(Ended ended = {});
  /// For a listing that was started before it was known who wants it. With the channel's lock held.
  void tell(Ended ended);
  /// Waits until it is known what the directory is.
  [[nodiscard]] Result<FileInfo> info();
  /// Waits for its end.
  [[nodiscard]] Result<Listed> take();

 private:
  void look(std::optional<FileInfo>& into);
  void look_early();
  void open();
  void ask_for_names();
  void on_names(unsigned number, const Reply&);
  void take_names(const Reply&);
  [[nodiscard]] bool take_name(PacketReader&);
  [[nodiscard]] bool is_going_on();
  void put_in_order();
  void on_end();
  [[nodiscard]] bool is_believed() const;
  [[nodiscard]] bool lacks_directories();
  void fail_with(Error error);

  SftpChannel& channel_;
  std::string path_, shown_;
  Ended ended_;
  std::string handle_;
  std::optional<FileInfo> before_, after_;
  Listed listed_;
  std::optional<std::vector<ListedFile>> earlier_;  ///< what the listing before this one said
  unsigned listings_ = 0;
  std::optional<Error> failure_;
  std::uint64_t links_ = 0;  ///< of the directory itself; 0 where the server does not tell
  bool has_ended_ = false;   ///< all names of this listing are here
  bool is_over_ = false;     ///< and it is believed
  unsigned lists_ahead_ = 0, names_asked_ = 0;
  std::size_t taken_ = 0;             ///< bytes in memory that the names of this listing take
  std::size_t next_look_ = 0;         ///< at as many names
  std::set<unsigned> names_awaited_;  ///< requests without an answer yet, by number
  std::optional<unsigned> end_;       ///< the request that met the end
  bool is_looked_at_ = false;         ///< a look behind all that was asked for is under way
};

}  // namespace vstate::remote
