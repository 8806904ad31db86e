#include "remote/ssh/place.h"

#include "support/catch.h"

using namespace vstate::remote;

TEST_CASE("a place on another machine is told from a path", "[remote]") {
  const auto host = [](const char* text) { return parse_place(text)->host; };
  const auto directory = [](const char* text) { return parse_place(text)->directory; };
  CHECK(host("old.example:") == "old.example");
  CHECK(directory("old.example:").empty());
  CHECK(host("root@old.example:/mnt/copy") == "root@old.example");
  CHECK(directory("root@old.example:/mnt/copy") == "/mnt/copy");
  CHECK(directory("old:a:b") == "a:b");
  CHECK(host("[::1]:/srv") == "::1");
  CHECK(directory("[::1]:/srv") == "/srv");
  CHECK(host("root@[::1]:/srv") == "root@::1");
  CHECK(directory("root@[::1]:/srv") == "/srv");
  CHECK(host("old:a@[b]:c") == "old");
  for (const auto* place : {"old.example:", "root@old.example:/x", "[::1]:/srv",
                            "root@[::1]:", "old:a@[b]:c", "[[::1]:::1]:x"})
    CHECK(to_text(*parse_place(place)) == place);
  for (const auto* path :
       {"/", "/srv/a:b", "./a:b", "old.example", ":/srv", "", "-oProxyCommand=x:"})
    CHECK_FALSE(parse_place(path));
}

TEST_CASE("what ssh says is answered with what can be done", "[remote]") {
  const auto advice = [](const char* said) { return advice_on(said, "root@old.example"); };
  CHECK(advice("@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @")
            .find("ssh-keygen -R old.example") != std::string::npos);
  CHECK(advice("Unable to negotiate with 192.0.2.1 port 22: no matching host key type found. Their "
               "offer: ssh-rsa,ssh-dss\r\n")
            .find("HostKeyAlgorithms=+ssh-rsa -o PubkeyAcceptedAlgorithms=+ssh-rsa\"") !=
        std::string::npos);
  CHECK(advice("no matching key exchange method found. Their offer: diffie-hellman-group1-sha1")
            .find("-o KexAlgorithms=+diffie-hellman-group1-sha1\"") != std::string::npos);
  CHECK(advice("Connection closed by 192.0.2.1").empty());
}

TEST_CASE("what a server offers becomes part of advice only if it is the name of an algorithm",
          "[remote]") {
  const auto offered = [](const std::string& offer) {
    return advice_on("Unable to negotiate: no matching cipher found. Their offer: " + offer, "h");
  };
  CHECK(offered("aes128-cbc,3des-cbc\r\n").find("-o Ciphers=+aes128-cbc\"") != std::string::npos);
  CHECK(offered("rijndael-cbc@lysator.liu.se").find("+rijndael-cbc@lysator.liu.se\"") !=
        std::string::npos);
  for (const char* bad : {"$(touch x)", "a\"; touch x", "a b", "\x1b[2J", ""})
    CHECK(offered(bad).empty());
}
