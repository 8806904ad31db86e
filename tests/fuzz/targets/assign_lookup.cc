// A damaged or hostile users/cdb, asked for a local part and for a domain.

#include "format/assign_lookup.h"

#include "format/cdb.h"
#include "fuzz.h"

using namespace vstate;

VSTATE_FUZZ_TARGET(assign_lookup) {
  fuzz::Input input(bytes);
  const auto local = input.line();
  const auto file = input.rest();
  (void)find_assignment(file, local);
  const auto entry = find_domain_assignment(file, local);
  if (!entry) return;
  const auto found = cdb::find(file, assign_cdb_key(local));
  VSTATE_ASSERT(found && entry_of_data(entry->key, *found) == entry);
}
