#include "format/connection_file.h"

#include "support/catch.h"

using namespace vstate;
using namespace vstate::test;

TEST_CASE("connection files: MySQL's second line is the one for updates", "[format]") {
  const auto both = parse_mysql_connection(
      "# comment\n\nreader|3306|joe|one|mail\nwriter|/run/mysqld/mysqld.sock|ann|two|vpopmail\n");
  REQUIRE(both);
  CHECK(both->host == "writer");
  CHECK(both->socket == "/run/mysqld/mysqld.sock");
  CHECK(both->user == "ann");
  CHECK(both->password.reveal() == "two");
  CHECK(both->database == "vpopmail");
  const auto one = parse_mysql_connection("localhost|0|joe|one|mail");
  REQUIRE(one);
  CHECK(one->port == 0);
  CHECK(one->socket.empty());
}

TEST_CASE("connection files: PostgreSQL's empty fields have vpopmail's defaults", "[format]") {
  const auto empty = parse_pgsql_connection("# comment\n||||\n");
  REQUIRE(empty);
  CHECK(empty->host.empty());
  CHECK(empty->port == 0);
  CHECK(empty->user == "postgres");
  CHECK(empty->password.empty());
  CHECK(empty->database == "vpopmail");
  const auto full = parse_pgsql_connection("db|5433|joe|pass word|mail\n");
  REQUIRE(full);
  CHECK(full->port == 5433);
  CHECK(full->password.reveal() == "pass word");
}

TEST_CASE("connection files: what vpopmail would misread is an error that tells no field",
          "[format][law]") {
  struct Case {
    const char *text, *message;
  };
  for (const auto& item :
       {Case{"", "no line says how to connect"}, Case{"# only\n", "no line says how to connect"},
        Case{"a|b|c\n", "line 1: 3 fields, 5 expected"},
        Case{"host|0||canary|mail\n", "line 1: 4 fields, 5 expected"},
        Case{"host|0|joe|can|ary|mail\n", "line 1: 6 fields, 5 expected"},
        Case{"host|port|joe|canary|mail\n", "line 1: the second field is no port"},
        Case{"host|65536|joe|canary|mail\n", "line 1: the second field is no port"}}) {
    const auto parsed = parse_mysql_connection(item.text);
    REQUIRE_FALSE(parsed);
    CHECK(parsed.error().code == Errc::invalid);
    CHECK_THAT(parsed.error().message, ContainsSubstring(item.message));
    CHECK_THAT(parsed.error().message, !ContainsSubstring("canary"));
  }
  CHECK_FALSE(parse_mysql_connection("h|0|u|" + std::string(300, 'x') + "|d\n"));
  CHECK_FALSE(parse_pgsql_connection("h|0|u|p\n"));
  CHECK_FALSE(parse_pgsql_connection(std::string("h|0|u|p\0|d\n", 11)));
}
