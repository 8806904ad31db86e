// Packets of an SFTP server, and what is made of their fields.

#include "remote/sftp/sftp_packet.h"

#include "fuzz.h"
#include "remote/sftp/sftp_reading.h"

using namespace vstate;

VSTATE_FUZZ_TARGET(sftp_packet) {
  std::string_view left = bytes;
  while (const auto packet = remote::first_packet(left)) {
    VSTATE_ASSERT(packet->length > 0 && packet->length <= left.size());
    VSTATE_ASSERT(remote::to_packet(packet->type, packet->payload) ==
                  left.substr(0, packet->length));
    left.remove_prefix(packet->length);

    remote::PacketReader reader(packet->payload);
    (void)reader.number();
    (void)reader.text();
    (void)reader.attributes();
    (void)reader.large();
    // What runs over the end reads as nothing.
    if (!reader.is_whole()) VSTATE_ASSERT(reader.number() == 0 && reader.text().empty());
    const remote::Reply reply{packet->type, std::string(packet->payload)};
    if (const auto status = remote::status_of(reply))
      VSTATE_ASSERT(packet->type == remote::PacketType::status);
    (void)remote::look_in(reply, "/srv/x", "x");
  }
  (void)remote::is_no_packet(left);
}
