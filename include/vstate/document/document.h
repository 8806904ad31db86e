/// \file
/// The TOML file of one domain: text <-> State. Format version 1, described by
/// schemas/domain.schema.json. No I/O.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vstate/base/diagnostics.h"
#include "vstate/model/selection.h"
#include "vstate/model/state.h"

namespace vstate::document {

/// Reads a file strictly: unknown keys, wrong types, illegal names and values are errors with line
/// and column, all of them gathered in `diagnostics`. Nothing is returned if there was an error.
/// What only a server can tell (line lengths, hashes, programs) is not checked here. `places` takes
/// where each table stands, and each archive ("mailbox.alice", "mailbox.alice.mail"). What is
/// excluded is passed over with all that is wrong with it; `unmatched` takes the patterns that
/// match nothing in the file.
using Places = std::map<std::string, Place>;
[[nodiscard]] std::optional<State> read(std::string_view text, const std::string& file_name,
                                        Diagnostics& diagnostics, Places* places = nullptr,
                                        const Selection& = {},
                                        std::vector<std::string>* unmatched = nullptr);

/// Where the secrets of a text are.
enum class Secrets {
  here,
  elsewhere,  ///< in a text of their own (secrets.h)
};
/// The canonical text: the same State gives the same bytes, and `read` gives it back.
[[nodiscard]] std::string write(const State&, Secrets = Secrets::here);

/// The JSON Schema of the file, as `vstate schema` prints it.
[[nodiscard]] std::string_view schema();

/// All keys that the reader takes, as "mailbox.*.password": what the schema is tested against.
[[nodiscard]] std::vector<std::string> known_keys();

}  // namespace vstate::document
