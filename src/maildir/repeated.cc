// A mailbox that was merged from a backup may hold one message twice under one unique name, or two
// different ones. On the target a unique name is how a message is known again, so each gets a name
// of its own. It is made of the content: that alone is the same at the next pass, whatever flags,
// order or neighbours have become.

#include "maildir/repeated.h"

#include <algorithm>
#include <array>
#include <set>
#include <vector>

#include <fmt/format.h>

#include "format/maildir_name.h"
#include "maildir/names.h"
#include "vstate/base/digest.h"

namespace vstate::mail {

namespace {

/// A message of the folder: in which listing, and where in it.
struct Member {
  std::size_t hash = 0;
  Listing* listing = nullptr;
  std::size_t index = 0;
};

std::string_view unique_of(const Member& member) {
  return parse_message_name(member.listing->name(member.index)).unique;
}

/// Those whose unique name another one has, side by side.
std::vector<Member> find_repeated(const std::array<Listing*, 2>& listings) {
  std::vector<Member> all;
  for (auto* listing : listings) {
    if (listing == nullptr) continue;
    for (std::size_t i = 0; i < listing->size(); ++i) {
      const auto name = listing->name(i);
      if (listing->type(i) != FileInfo::Type::regular || name.starts_with('.')) continue;
      // Only hashes are compared at first: a folder of a million messages has a million names, and
      // hardly ever two that are equal.
      all.push_back({std::hash<std::string_view>{}(parse_message_name(name).unique), listing, i});
    }
  }
  std::sort(all.begin(), all.end(),
            [](const Member& a, const Member& b) { return a.hash < b.hash; });
  std::vector<Member> repeated;
  for (auto first = all.begin(); first != all.end();) {
    const auto last = std::find_if(first, all.end(),
                                   [&](const Member& other) { return other.hash != first->hash; });
    if (last - first > 1) repeated.insert(repeated.end(), first, last);
    first = last;
  }
  return repeated;
}

/// nullopt for a message that is gone since it was listed.
Result<std::optional<std::string>> digest_of(const Directory& folder, const std::string& name) {
  VSTATE_TRY_ASSIGN(const auto file, folder.open_file(name));
  if (file == nullptr) return std::nullopt;
  Sha256 sha;
  std::array<char, 65536> buffer{};
  while (true) {
    VSTATE_TRY_ASSIGN(const auto count, file->read(buffer));
    if (count == 0) return std::optional(sha.finish_hex());
    sha.update(std::string_view(buffer.data(), count));
  }
}

}  // namespace

std::vector<Error> name_apart(const Directory& folder, Listing* new_mail, Listing* read_mail,
                              OriginalNames& originals) {
  std::vector<Error> failures;
  auto repeated = find_repeated({read_mail, new_mail});
  std::map<std::string_view, std::size_t> count;
  for (const auto& member : repeated) ++count[unique_of(member)];
  std::map<Listing*, std::vector<std::pair<std::size_t, std::string>>> names;
  std::set<std::string> taken;
  for (const auto& member : repeated) {
    const auto unique = unique_of(member);
    if (count[unique] < 2) continue;  // their hashes are equal by chance
    const std::string name(member.listing->name(member.index));
    const std::string_view place = member.listing == new_mail ? "new" : "cur";
    // Only these few files are read here, to be named by what they hold.
    const auto digest = digest_of(folder, fmt::format("{}/{}", place, name));
    if (!digest) {
      failures.push_back(digest.error());
      continue;
    }
    // One that is gone shares its name with nobody any more.
    if (!*digest) continue;
    auto own = variant_of(unique, **digest);
    // Copies of one content are told apart by a number. Which of them gets which does not matter,
    // as they are equal.
    for (int copy = 2; !taken.insert(own).second; ++copy)
      own = variant_of(unique, fmt::format("{}-{}", (*digest)->substr(0, 6), copy));
    const auto visited = own + name.substr(unique.size());
    // The walk visits the message by its new name and opens it by its old one.
    originals.emplace(fmt::format("{}/{}", place, visited), name);
    names[member.listing].emplace_back(member.index, visited);
  }
  // Renamed at the end: the indexes of members refer to the order as it was read.
  for (auto& [listing, renamed] : names) listing->rename(renamed);
  return failures;
}

}  // namespace vstate::mail
