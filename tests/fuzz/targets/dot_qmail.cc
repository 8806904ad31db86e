// Delivery files as qmail-local and as vdelivermail read them, on the way of a message. Sections:
// .qmail-sales, alice's .qmail, .qmail-default if it is not empty.

#include "fuzz.h"
#include "support/memory_server.h"
#include "vstate/base/text.h"
#include "vstate/document/document.h"

using namespace vstate;

VSTATE_FUZZ_TARGET(dot_qmail) {
  fuzz::Input input(bytes);
  const auto sales = input.section();
  const auto of_alice = input.section();
  const auto by_default = input.rest();
  test::MemoryServer server;
  server.file(test::MemoryServer::in_domain(".qmail-sales"), sales);
  server.file(test::MemoryServer::in_domain("alice/.qmail"), of_alice);
  if (!by_default.empty()) server.file(test::MemoryServer::in_domain(".qmail-default"), by_default);

  for (const auto* local : {"sales", "alice", "bob", "nobody"}) {
    const auto route = server.trace(std::string(local) + "@example.com");
    VSTATE_ASSERT(route && !route->ends.empty());
  }

  const auto seen = server.inspect();
  VSTATE_ASSERT(seen && seen->state);
  Diagnostics diagnostics;
  const auto text = document::write(*seen->state);
  const auto again = document::read(text, "x.toml", diagnostics);
  VSTATE_ASSERT(again && *again == *seen->state);

  // The lines are carried exactly, or it is said that they are not.
  const auto found = seen->state->alias.find(*AliasName::parse("sales"));
  if (found == seen->state->alias.end()) {
    VSTATE_ASSERT(!seen->state->left_out.empty() || !seen->state->autoresponders.empty());
    return;
  }
  std::vector<std::string> lines;
  for (const auto& line : found->second.deliver)
    lines.push_back(expand(line, seen->condition.paths).value());
  const auto joined = join_lines(lines);
  VSTATE_ASSERT(joined == sales || joined == std::string(sales) + "\n");
}
