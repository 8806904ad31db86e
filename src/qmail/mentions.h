/// \file
/// Where a name stands in qmail's control files besides those that publish it: routes, refusals,
/// keys that mail is signed with. They stay on the old server unless somebody takes them along.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sys/files.h"
#include "vstate/model/server.h"

namespace vstate {

class Mentions {
 public:
  /// Looks through control, and through /etc/domainkeys. A file that cannot be read holds up
  /// nothing, and is in `blemishes`.
  [[nodiscard]] static Result<Mentions> load(const Files&, const Server&,
                                             std::vector<std::string>& blemishes);
  /// One line each: "control/smtproutes has \"example.com:relay\"; ...", and what to do about it.
  [[nodiscard]] std::vector<std::string> of(std::string_view name) const;

 private:
  void take_file(std::string_view name, std::string_view bytes);
  Status take_keys(const Files&, const std::string& directory, const std::string& shown);

  std::map<std::string, std::vector<std::string>, std::less<>> by_name_;
};

}  // namespace vstate
