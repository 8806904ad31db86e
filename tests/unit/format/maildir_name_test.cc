#include "format/maildir_name.h"

#include "unit/format/captures.h"

namespace vstate {

TEST_CASE("message names: the unique part ends at the colon", "[format][maildir]") {
  const auto fresh = parse_message_name("1700000000.123.host,S=5678");
  CHECK(fresh.unique == "1700000000.123.host,S=5678");
  CHECK(fresh.flags.empty());
  CHECK_FALSE(fresh.has_info);
  const auto seen = parse_message_name("1700000000.123.host,S=5678,W=5800:2,FSab");
  CHECK(seen.unique == "1700000000.123.host,S=5678,W=5800");
  CHECK(seen.flags == "FSab");
  CHECK(seen.has_info);
  const auto unflagged = parse_message_name("x:2,");
  CHECK(unflagged.flags.empty());
  CHECK(unflagged.has_info);
  const auto experimental = parse_message_name("x:1,S:2,T");
  CHECK(experimental.unique == "x");
  CHECK(experimental.flags.empty());
  CHECK(experimental.has_info);
  CHECK(parse_message_name("").unique.empty());
}

TEST_CASE("message names: the size stands before the info", "[format][maildir]") {
  CHECK(size_in_name("1.2.h,S=5678") == 5678U);
  CHECK(size_in_name("1.2.h,W=9,S=0:2,S") == 0U);
  CHECK_FALSE(size_in_name("1.2.h"));
  CHECK_FALSE(size_in_name("S=5"));
  CHECK_FALSE(size_in_name("1.2.h,S="));
  CHECK_FALSE(size_in_name("1.2.h,S=5x"));
  CHECK_FALSE(size_in_name("1.2.h:2,S,S=5"));
}

TEST_CASE("maildir files: what the target makes anew is dropped with a reason",
          "[format][maildir]") {
  for (const auto* name :
       {"maildirsize", "quotawarn", "sqwebmail-pass", ".dovecot.lda-dupes", "dovecot.index",
        "dovecot.index.log.2", "dovecot.index.cache", "dovecot.list.index.log", "dovecot.map.index",
        "dovecot.mailbox.log.2", "courierpop3dsizelist.123", "dovecot-uidlist.lock",
        ".dovecot.svbin", "alice.maildirsize.vstate-tmp", "1700000000.qw"}) {
    INFO(name);
    CHECK(classify_maildir_file(name).fate == FileFate::drop);
    CHECK_FALSE(classify_maildir_file(name).reason.empty());
  }
}

TEST_CASE("maildir files: the rest is carried", "[format][maildir]") {
  for (const auto* name :
       {"dovecot-uidlist", "dovecot-uidvalidity", "dovecot-uidvalidity.5f1e2d3c",
        "dovecot-keywords", "subscriptions", "dovecot-acl", "dovecot-acl-list", "courierimapuiddb",
        "courierpop3dsizelist", "courierimapsubscribed", "maildirfolder", ".dovecot.sieve",
        ".mailfilter", "lock", "vstate-tmp", "something of the user", ""}) {
    INFO(name);
    CHECK(classify_maildir_file(name).fate == FileFate::carry);
    CHECK(classify_maildir_file(name).reason.empty());
  }
}

}  // namespace vstate
