// The lookup of qmail-lspawn, on the bytes of users/cdb itself: what a server does with an address
// follows from the compiled file, which may be older than users/assign.

#include "format/assign_lookup.h"

#include "format/cdb.h"
#include "vstate/base/text.h"

namespace vstate {

namespace {

Result<std::optional<AssignEntry>> found(std::string_view key, std::string_view data, bool wildcard,
                                         std::string_view rest) {
  auto entry = entry_of_data(key, data);
  if (!entry)
    return fail(Errc::invalid, "the record of \"" + std::string(key) + "\" has too few fields");
  entry->wildcard = wildcard;
  entry->ext.append(rest);
  return entry;
}

}  // namespace

Result<std::optional<AssignEntry>> find_assignment(std::string_view cdb, std::string_view local) {
  const auto last_bytes = cdb::find(cdb, "");
  if (!last_bytes)
    return fail(Errc::invalid, "it lacks the record with the empty key, or is no cdb file");
  const auto lower = to_lower(local);
  // A line for exactly this local part beats every wildcard.
  if (const auto data = cdb::find(cdb, "!" + lower + std::string(1, '\0')))
    return found(lower, *data, false, "");
  // The longest prefix comes first; the empty one is tried last and always, for a line that catches
  // all.
  for (auto length = lower.size() + 1; length-- > 0;) {
    // Only the byte as the file has it counts, while the address is lower-case here: a key that
    // ends with a capital letter is never tried.
    if (length > 0 && last_bytes->find(lower[length - 1]) == std::string::npos) continue;
    const auto key = lower.substr(0, length);
    if (const auto data = cdb::find(cdb, "!" + key))
      return found(key, *data, true, local.substr(length));
  }
  return std::nullopt;
}

std::optional<AssignEntry> find_domain_assignment(std::string_view cdb, std::string_view domain) {
  const auto data = cdb::find(cdb, assign_cdb_key(to_lower(domain)));
  return data ? entry_of_data(to_lower(domain) + "-", *data) : std::nullopt;
}

}  // namespace vstate
