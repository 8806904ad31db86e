// Recipients in qmail's queue. Sections: a file of local, of remote, of todo.

#include "qmail/queue.h"

#include "fuzz.h"
#include "support/memory_files.h"

using namespace vstate;

VSTATE_FUZZ_TARGET(queue) {
  fuzz::Input input(bytes);
  test::MemoryFiles files;
  files.file("/var/qmail/queue/local/7/17", input.section());
  files.file("/var/qmail/queue/remote/7/17", input.section());
  files.file("/var/qmail/queue/todo/17", input.rest());
  Server server;
  server.qmail_dir = "/var/qmail";
  const auto count = count_queue(files, server, {"example.com"});
  VSTATE_ASSERT(count.has_value());
  VSTATE_ASSERT(count->here <= 1 && count->elsewhere <= 1 && count->unprocessed <= 1);
}
