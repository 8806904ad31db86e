// What earlier pulls asked, as the target keeps it.

#include "fuzz.h"
#include "remote/sftp/tasks.h"
#include "vstate/base/result.h"

using namespace vstate;

VSTATE_FUZZ_TARGET(asked) {
  remote::Tasks tasks;
  tasks.read(bytes);
  const auto text = tasks.to_text();
  remote::Tasks again;
  again.read(text);
  VSTATE_ASSERT(again.to_text() == text);
}
