/// \file
/// The options' file (/etc/vstate.toml): what the command line need not say each time.
#pragma once

#include <optional>
#include <vector>

#include "cli/command_line.h"
#include "vstate/document/options_file.h"

namespace vstate::cli {

inline constexpr const char* k_config = "/etc/vstate.toml";

using ConfigValues = std::vector<document::OptionValue>;

/// Reads the file that the command line names, or the usual one if it is there. Each value is tried
/// on a command line of its own, so that all that is wrong is reported, whatever command runs:
/// nullopt then.
[[nodiscard]] std::optional<ConfigValues> read_config(int argc, char** argv);

/// Before a command line is parsed: a file that sets what a command requires frees its command line
/// from it.
void relax(CommandLine&, const ConfigValues&);

/// After it was parsed: sets the options of all commands and of the one that runs, unless the
/// command line says otherwise.
void take_config(CommandLine&, const ConfigValues&);

}  // namespace vstate::cli
