#include "remote/sftp/sftp_packet.h"

#include <random>

#include "support/catch.h"

using namespace vstate::remote;

TEST_CASE("what is written into a packet is read from it", "[remote]") {
  const auto bytes = PacketWriter().number(7).large(0x123456789abcdef0).text("a/b").take();
  PacketReader reader(bytes);
  CHECK(reader.number() == 7);
  CHECK(reader.large() == 0x123456789abcdef0);
  CHECK(reader.text() == "a/b");
  CHECK(reader.is_at_end());
  CHECK(reader.is_whole());
}

TEST_CASE("packets are taken off one by one", "[remote]") {
  const auto two = to_packet(PacketType::data, "xy") + to_packet(PacketType::handle, "h");
  const auto first = first_packet(two);
  REQUIRE(first);
  CHECK(first->type == PacketType::data);
  CHECK(first->payload == "xy");
  CHECK(first_packet(std::string_view(two).substr(first->length))->payload == "h");
  for (std::size_t size = 0; size < first->length; ++size)
    CHECK_FALSE(first_packet(std::string_view(two).substr(0, size)));
  CHECK(is_no_packet("Welcome to old.example"));
  CHECK_FALSE(is_no_packet(two));
}

TEST_CASE("a packet that is cut off, or lies about its lengths, reads as not whole", "[remote]") {
  std::mt19937 random(1);
  for (int i = 0; i < 20000; ++i) {
    std::string bytes(random() % 64, '\0');
    for (auto& byte : bytes) byte = static_cast<char>(random() % (i % 2 == 0 ? 256 : 4));
    PacketReader reader(bytes);
    (void)reader.attributes();
    (void)reader.text();
    (void)reader.large();
    if (bytes.size() < 16) CHECK_FALSE(reader.is_whole());
    (void)status_of({PacketType::status, bytes});
  }
}
