/// \file
/// Packets of SFTP version 3 (draft-ietf-secsh-filexfer-02), as bytes and as values. Without I/O.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace vstate::remote {

enum class PacketType : std::uint8_t {
  init = 1,
  version = 2,
  open = 3,
  close = 4,
  read = 5,
  write = 6,
  lstat = 7,
  fstat = 8,
  setstat = 9,
  fsetstat = 10,
  opendir = 11,
  readdir = 12,
  remove = 13,
  realpath = 16,
  rename = 18,
  readlink = 19,
  status = 101,
  handle = 102,
  data = 103,
  name = 104,
  attributes = 105,
  extended = 200,
  extended_reply = 201,
};

enum class StatusCode : std::uint32_t {
  ok = 0,
  end_of_file = 1,
  no_such_file = 2,
  permission_denied = 3,
  failure = 4,
  bad_message = 5,
  unsupported = 8,
};

/// What a server says of a file. Each part may be missing.
struct Attributes {
  std::optional<std::uint64_t> size;
  std::optional<std::pair<std::uint32_t, std::uint32_t>> owner;  ///< uid, gid
  std::optional<std::uint32_t> mode;                             ///< type and permission bits
  std::optional<std::chrono::sys_seconds> mtime;
};

/// Writes the fields of a packet, one behind the other.
class PacketWriter {
 public:
  PacketWriter& number(std::uint32_t value);
  PacketWriter& large(std::uint64_t value);
  PacketWriter& text(std::string_view value);
  [[nodiscard]] std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

/// Reads the fields of a packet. What runs over its end reads as zero and empty, and is_whole is
/// false from then on: the other side may send anything.
class PacketReader {
 public:
  explicit PacketReader(std::string_view bytes) : left_(bytes) {}
  std::uint32_t number();
  std::uint64_t large();
  std::string_view text();
  Attributes attributes();
  [[nodiscard]] bool is_whole() const { return is_whole_; }
  [[nodiscard]] bool is_at_end() const { return left_.empty(); }

 private:
  std::string_view take(std::size_t count);
  std::string_view left_;
  bool is_whole_ = true;
};

/// One packet as it came.
struct Reply {
  PacketType type = PacketType::status;
  std::string fields;  ///< behind the request's number
};

/// What a reply to opendir or open names; nullopt for another reply, or a name that the draft does
/// not allow: each request about it repeats it.
[[nodiscard]] std::optional<std::string> handle_in(const Reply&);
/// What a reply says of a file; nullopt for another reply, or half of one.
[[nodiscard]] std::optional<Attributes> attributes_in(const Reply&);
/// The one path that a reply to readlink or realpath says; nullopt for another reply, or a path
/// that no system has.
[[nodiscard]] std::optional<std::string> path_in(const Reply&);

/// The status that a reply is; nullopt for a reply that is none.
struct ReplyStatus {
  StatusCode code = StatusCode::failure;
  std::string message;
};
[[nodiscard]] std::optional<ReplyStatus> status_of(const Reply&);

/// Takes one packet off the front of `bytes`, length and all: its type, and what is behind it.
/// nullopt if it has not come as a whole.
struct RawPacket {
  PacketType type = PacketType::status;
  std::string_view payload;
  std::size_t length = 0;  ///< of all of it, in `bytes`
};
[[nodiscard]] std::optional<RawPacket> first_packet(std::string_view bytes);
/// Whether bytes cannot be the beginning of a packet: no server sends one that is longer than this.
[[nodiscard]] bool is_no_packet(std::string_view bytes);
[[nodiscard]] std::string to_packet(PacketType, std::string_view payload);

}  // namespace vstate::remote
