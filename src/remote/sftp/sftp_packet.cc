// All numbers are big-endian, and texts are counted. Whatever the other side sends is looked at
// field by field against the end of the packet: it may be an old server, another program, or an
// enemy.

#include "remote/sftp/sftp_packet.h"

#include <algorithm>

namespace vstate::remote {

namespace {

// Which attributes follow (draft, section 5).
constexpr std::uint32_t k_has_size = 1, k_has_owner = 2, k_has_mode = 4, k_has_times = 8;
constexpr std::uint32_t k_has_extended = 0x80000000;

// OpenSSH's servers send at most 256 KiB (SFTP_MAX_MSG_LENGTH), and others less.
constexpr std::size_t k_longest_packet = std::size_t{256} << 10;
constexpr std::size_t k_length_bytes = 4;
/// Draft, section 6.3.
constexpr std::size_t k_longest_handle = 256;
/// PATH_MAX, and no older system has more.
constexpr std::size_t k_longest_path = 4096;

}  // namespace

PacketWriter& PacketWriter::number(std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) bytes_ += static_cast<char>(value >> shift);
  return *this;
}

PacketWriter& PacketWriter::large(std::uint64_t value) {
  number(static_cast<std::uint32_t>(value >> 32U));
  return number(static_cast<std::uint32_t>(value));
}

PacketWriter& PacketWriter::text(std::string_view value) {
  number(static_cast<std::uint32_t>(value.size()));
  bytes_.append(value);
  return *this;
}

std::string_view PacketReader::take(std::size_t count) {
  if (count > left_.size()) {
    is_whole_ = false;
    left_ = {};
    return {};
  }
  const auto out = left_.substr(0, count);
  left_.remove_prefix(count);
  return out;
}

std::uint32_t PacketReader::number() {
  std::uint32_t out = 0;
  for (const char byte : take(4)) out = out << 8U | static_cast<unsigned char>(byte);
  return out;
}

std::uint64_t PacketReader::large() {
  const std::uint64_t high = number();
  return high << 32U | number();
}

std::string_view PacketReader::text() { return take(number()); }

Attributes PacketReader::attributes() {
  Attributes out;
  const auto flags = number();
  if ((flags & k_has_size) != 0) out.size = large();
  if ((flags & k_has_owner) != 0) {
    const auto uid = number();
    out.owner = {uid, number()};
  }
  if ((flags & k_has_mode) != 0) out.mode = number();
  if ((flags & k_has_times) != 0) {
    (void)number();  // when it was read last
    out.mtime = std::chrono::sys_seconds(std::chrono::seconds(number()));
  }
  if ((flags & k_has_extended) == 0) return out;
  // Pairs of a name and a value that only their maker knows.
  for (auto count = number(); count > 0 && is_whole_; --count) {
    text();
    text();
  }
  return out;
}

std::optional<ReplyStatus> status_of(const Reply& reply) {
  if (reply.type != PacketType::status) return std::nullopt;
  PacketReader reader(reply.fields);
  ReplyStatus out;
  out.code = static_cast<StatusCode>(reader.number());
  // The oldest servers send the code alone.
  if (!reader.is_at_end()) out.message = reader.text();
  return out;
}

std::optional<std::string> handle_in(const Reply& reply) {
  PacketReader reader(reply.fields);
  const auto handle = reader.text();
  if (reply.type != PacketType::handle || !reader.is_whole() || handle.size() > k_longest_handle)
    return std::nullopt;
  return std::string(handle);
}

std::optional<Attributes> attributes_in(const Reply& reply) {
  PacketReader reader(reply.fields);
  auto attributes = reader.attributes();
  if (reply.type != PacketType::attributes || !reader.is_whole()) return std::nullopt;
  return attributes;
}

std::optional<std::string> path_in(const Reply& reply) {
  PacketReader reader(reply.fields);
  const auto count = reader.number();
  const auto path = reader.text();
  if (reply.type != PacketType::name || count != 1 || !reader.is_whole() || path.empty() ||
      path.size() > k_longest_path || path.find('\0') != std::string_view::npos)
    return std::nullopt;
  return std::string(path);
}

std::optional<RawPacket> first_packet(std::string_view bytes) {
  if (bytes.size() <= k_length_bytes) return std::nullopt;
  const std::size_t length = PacketReader(bytes).number();
  if (length == 0 || bytes.size() - k_length_bytes < length) return std::nullopt;
  const auto packet = bytes.substr(k_length_bytes, length);
  return RawPacket{static_cast<PacketType>(packet.front()), packet.substr(1),
                   k_length_bytes + length};
}

bool is_no_packet(std::string_view bytes) {
  if (bytes.size() < k_length_bytes) return false;
  const std::size_t length = PacketReader(bytes).number();
  return length == 0 || length > k_longest_packet;
}

std::string to_packet(PacketType type, std::string_view payload) {
  PacketWriter length;
  length.number(static_cast<std::uint32_t>(payload.size() + 1));
  auto out = length.take();
  out += static_cast<char>(type);
  out.append(payload);
  return out;
}

}  // namespace vstate::remote
