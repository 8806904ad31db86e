// qmail-newmrh makes the compiled file of the text: names in lower case, comments and blanks away,
// and no data behind a key. qmail-smtpd asks only whether a key is there.

#include "format/morercpthosts.h"

#include "vstate/base/text.h"

namespace vstate {

cdb::Records morercpthosts_records(const ControlFile& morercpthosts) {
  cdb::Records out;
  for (const auto& entry : morercpthosts.entries()) out.emplace_back(to_lower(entry), "");
  return out;
}

}  // namespace vstate
