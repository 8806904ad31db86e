// Small operations on foreign text, on which all readers stand.

#include "vstate/base/text.h"

#include "fuzz.h"
#include "vstate/base/result.h"
#include "vstate/model/name_hash.h"

using namespace vstate;

VSTATE_FUZZ_TARGET(text) {
  VSTATE_ASSERT(base64_decode(base64_encode(bytes)) == std::string(bytes));
  if (const auto decoded = base64_decode(bytes))
    VSTATE_ASSERT(base64_decode(base64_encode(*decoded)) == decoded);
  const auto shown = visible(bytes);
  for (const char c : shown) VSTATE_ASSERT(static_cast<unsigned char>(c) >= ' ' && c != '\x7f');
  VSTATE_ASSERT(visible(shown) == shown);

  std::vector<std::string> lines;
  for (const auto line : split_lines(bytes)) lines.emplace_back(line);
  const auto joined = join_lines(lines);
  VSTATE_ASSERT(joined == bytes || joined == std::string(bytes) + "\n");
  std::vector<std::string> parts;
  for (const auto part : split(bytes, ' ')) parts.emplace_back(part);
  VSTATE_ASSERT(join(parts, " ") == bytes);
  if (const auto number = to_number(bytes)) {
    VSTATE_ASSERT(is_digits(bytes));
    VSTATE_ASSERT(to_number(std::to_string(*number)) == number);
  }
  if (const auto hash = parse_name_hash(bytes)) VSTATE_ASSERT(to_hex(*hash) == bytes);
  if (bytes.size() < 64) (void)closest(bytes, {"alias", "aliases", "mailbox"});
}
