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
  if (text == nullptr || found == left.end()) return text == nullptr && found == left.end();
  return found->second == digest_of_part(key_, *text);
}

Verdict Memory::judge(const std::string& item, const std::string& part, const std::string* in_file,
                      const std::string* on_server) const {
  if (!knows(item) || is_as_left(item, part, on_server)) return Verdict::take_file;
  return is_as_left(item, part, in_file) ? Verdict::kept : Verdict::conflict;
}

Verdict Memory::judge_removed(const std::string& item, const Parts& in_file) const {
  if (!knows(item)) return Verdict::take_file;
  if (in_file.size() != parts_.at(item).size()) return Verdict::conflict;
  for (const auto& [part, text] : in_file)
    if (!is_as_left(item, part, &text)) return Verdict::conflict;
  return Verdict::kept;
}

}  // namespace vstate
