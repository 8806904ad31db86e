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

TEST_CASE("a reply of another kind, or half of one, is no answer", "[remote]") {
  const auto handle = PacketWriter().text("h").take();
  CHECK(handle_in({PacketType::handle, handle}) == "h");
  CHECK_FALSE(handle_in({PacketType::data, handle}));
  CHECK_FALSE(handle_in({PacketType::handle, handle.substr(0, 4)}));
  CHECK(handle_in({PacketType::handle, PacketWriter().text(std::string(256, 'h')).take()}));
  CHECK_FALSE(handle_in({PacketType::handle, PacketWriter().text(std::string(257, 'h')).take()}));

  const auto attributes = PacketWriter().number(5).large(7).number(0100600).take();
  REQUIRE(attributes_in({PacketType::attributes, attributes}));
  CHECK(attributes_in({PacketType::attributes, attributes})->size == 7);
  CHECK_FALSE(attributes_in({PacketType::name, attributes}));
  for (std::size_t size = 0; size < attributes.size(); ++size)
    CHECK_FALSE(attributes_in({PacketType::attributes, attributes.substr(0, size)}));

  const auto said = [](std::string_view path, std::uint32_t count = 1) {
    return path_in({PacketType::name, PacketWriter().number(count).text(path).take()});
  };
  CHECK(said("/a/b") == "/a/b");
  CHECK_FALSE(said("/a/b", 0));
  CHECK_FALSE(said(""));
  CHECK_FALSE(said(std::string_view("/a\0b", 4)));
  CHECK_FALSE(said(std::string(4097, 'x')));
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
