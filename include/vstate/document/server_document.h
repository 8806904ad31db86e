/// \file
/// server.toml: text <-> ServerState. Format version 1, described by schemas/server.schema.json.
/// No I/O.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vstate/base/diagnostics.h"
#include "vstate/model/server_state.h"

namespace vstate::document {

/// Whether a text says of itself that it is one: by its key `vstate_server`, before any table.
[[nodiscard]] bool is_server_document(std::string_view text);

/// Reads a file strictly, as document.h:read does.
[[nodiscard]] std::optional<ServerState> read_server(std::string_view text,
                                                     const std::string& file_name, Diagnostics&);

/// The canonical text: the same state gives the same bytes, and `read_server` gives it back.
[[nodiscard]] std::string write_server(const ServerState&);

/// The JSON Schema of the file.
[[nodiscard]] std::string_view server_schema();

/// All keys that the reader takes, as "control.smtproutes.*".
[[nodiscard]] std::vector<std::string> known_server_keys();

}  // namespace vstate::document
