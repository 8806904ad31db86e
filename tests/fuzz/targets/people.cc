// The people of a machine. Sections: passwd, shadow, group, login.defs.

#include "accounts/people.h"

#include <set>

#include "fuzz.h"
#include "support/memory_files.h"

using namespace vstate;

VSTATE_FUZZ_TARGET(people) {
  fuzz::Input input(bytes);
  test::MemoryFiles files;
  const auto passwd = input.section();
  files.file("/etc/passwd", passwd);
  files.file("/etc/shadow", input.section());
  files.file("/etc/group", input.section());
  files.file("/etc/login.defs", input.rest());
  const auto by_uid = read_people(files, {});
  VSTATE_ASSERT(by_uid.has_value());
  const auto by_group = read_people(files, {.uids = {}, .group = "users"});
  if (!by_group) VSTATE_ASSERT(by_group.error().code == Errc::not_found);
  std::set<std::string> names;
  for (const auto& person : by_uid->chosen) VSTATE_ASSERT(names.insert(person.name).second);
  (void)find_in_passwd(passwd, "root");
}
