/// \file
/// The people of a machine: passwd(5) with shadow(5), or BSD's master.passwd.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sys/files.h"
#include "vstate/base/result.h"
#include "vstate/model/secret.h"

namespace vstate {

struct Person {
  std::string name;
  Secret password;  ///< what stands in the place of it, in shadow if there is a line
  std::uint32_t uid = 0, gid = 0;
  std::string gecos;
  std::string home;
  friend bool operator==(const Person&, const Person&) = default;
};

/// Whom a domain is made of.
struct Choice {
  /// Their uids, both included; nothing: UID_MIN to UID_MAX of etc/login.defs, else 1000 to 59999.
  std::optional<std::pair<std::uint32_t, std::uint32_t>> uids;
  std::string group;  ///< not empty: its members instead, whatever their uids
};

struct People {
  std::vector<Person> chosen;         ///< in the order of passwd
  std::vector<std::string> problems;  ///< "/etc/passwd:3: …": lines that are nobody's
  std::string by;                     ///< how they were chosen, for people: "uid 1000 to 59999"
};

/// Of two lines with one name the first counts, as for the system. Fails with `not_found` without
/// etc/passwd or the group, and if hashes that there are cannot be read.
[[nodiscard]] Result<People> read_people(const Files&, const Choice&);

}  // namespace vstate
