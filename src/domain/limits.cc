// Limits are read from where the back-end keeps them. A domain without any has those of
// etc/vlimits.default, which is the server's and does not travel, so that what applies here is
// said.

#include "domain/limits.h"

#include <fmt/format.h>

#include "domain/inspection.h"
#include "format/limits_file.h"
#include "sys/path.h"
#include "vstate/base/text.h"

namespace vstate {

namespace {

/// A domain without limits of its own has those of its server, which another server need not have.
Status remark_default_limits(Inspection& in) {
  const auto path = path_join(in.server.vpopmail_dir, "etc/vlimits.default");
  VSTATE_TRY_ASSIGN(const auto bytes, in.files.read_if_there(path));
  const auto text = parse_limits(bytes.value_or(""));
  for (const auto& blemish : text.blemishes) in.remark(fmt::format("{}: {}", path, blemish));
  std::vector<std::string> shown;
  for (const auto& [name, value] : text.limits) shown.push_back(fmt::format("{} {}", name, value));
  if (!shown.empty())
    in.remark(
        fmt::format("has no limits of its own; those of this server apply: {}", join(shown, ", ")));
  return {};
}

}  // namespace

Status read_limits(Inspection& in) {
  VSTATE_TRY_ASSIGN(in.state().limits, in.store.limits().read(in.location()));
  return in.state().limits ? Status() : remark_default_limits(in);
}

}  // namespace vstate
