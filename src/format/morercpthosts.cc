#include "format/morercpthosts.h"

#include "vstate/base/text.h"

namespace vstate {

cdb::Records morercpthosts_records(const ControlFile& morercpthosts) {
  cdb::Records out;
  for (const auto& entry : morercpthosts.entries()) out.emplace_back(to_lower(entry), "");
  return out;
}

}  // namespace vstate
