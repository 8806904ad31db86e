// The lookup of qmail-lspawn, on the bytes of users/cdb itself: what a server does with an address
// follows from the compiled file, which may be older than users/assign.

#include "format/assign_lookup.h"

#include <vector>

#include "format/assign.h"
#include "format/cdb.h"
#include "vstate/base/text.h"

namespace vstate {

namespace {

/// user, uid, gid, home, dash, ext: what is behind the sixth does not count.
std::optional<Assignment> parse_record(std::string_view key, std::string_view data) {
  const auto fields = split(data, '\0');
  if (fields.size() < 6) return std::nullopt;
  return Assignment{std::string(key),       true,
                    std::string(fields[0]), std::string(fields[1]),
                    std::string(fields[2]), std::string(fields[3]),
                    std::string(fields[4]), std::string(fields[5])};
}

Result<std::optional<Assignment>> found(std::string_view key, std::string_view data,
                                        bool is_wildcard, std::string_view rest) {
  auto assignment = parse_record(key, data);
  if (!assignment)
    return fail(Errc::invalid, "the record of \"" + std::string(key) + "\" has too few fields");
  assignment->is_wildcard = is_wildcard;
  // The rest of the address keeps its capitals, as qmail-lspawn hands it to qmail-local.
  assignment->ext.append(rest);
  return assignment;
}

}  // namespace

Result<std::optional<Assignment>> find_assignment(std::string_view cdb, std::string_view local) {
  // Without this record qmail-lspawn cannot know which prefixes to try, and defers.
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

std::optional<Assignment> find_domain_assignment(std::string_view cdb, std::string_view domain) {
  // vpopmail asks for the one key and looks at no prefix, so a wildcard that catches more than the
  // domain is no domain to it.
  const auto data = cdb::find(cdb, assign_cdb_key(to_lower(domain)));
  return data ? parse_record(to_lower(domain) + "-", *data) : std::nullopt;
}

}  // namespace vstate
