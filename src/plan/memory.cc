// The ledger's digests are keyed, so that who reads it can neither see a password nor try guesses
// against a list of digests. That is why values are never compared here, only whether one is what
// was left.

#include "vstate/plan/memory.h"

#include "vstate/base/digest.h"

namespace vstate {

std::string digest_of_part(const std::string& key, std::string_view text) {
  return hmac_sha256(key, text);
}

bool Memory::is_as_left(const std::string& item, const std::string& part,
                        const std::string* text) const {
  const auto& left = parts_.at(item);
  const auto found = left.find(part);
  // A part that is absent is as it was left if it was absent then.
  if (text == nullptr || found == left.end()) return text == nullptr && found == left.end();
  return found->second == digest_of_part(key_, *text);
}

Verdict Memory::judge(const std::string& item, const std::string& part, const std::string* in_file,
                      const std::string* on_server) const {
  // Who left the server's part as it was has changed nothing there, so the file decides. That holds
  // also where nothing is known: the first apply takes the file.
  if (!knows(item) || is_as_left(item, part, on_server)) return Verdict::take_file;
  return is_as_left(item, part, in_file) ? Verdict::kept : Verdict::conflict;
}

Verdict Memory::judge_removed(const std::string& item, const Parts& in_file) const {
  if (!knows(item)) return Verdict::take_file;
  // Another number of parts means that the file has changed too.
  if (in_file.size() != parts_.at(item).size()) return Verdict::conflict;
  for (const auto& [part, text] : in_file)
    if (!is_as_left(item, part, &text)) return Verdict::conflict;
  return Verdict::kept;
}

}  // namespace vstate
