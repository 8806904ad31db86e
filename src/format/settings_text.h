/// \file
/// The texts of settings' files: bytes -> values, and bytes with some values changed and all else
/// left where it stands, comments, blank lines, and lines that nobody reads included.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vstate/model/server_state.h"

namespace vstate {

/// Values as the file's reader takes them: without blanks at the ends of lines, without comments
/// and blank lines; of a line-shaped file the first line alone. Keys of hosts are in lower case.
struct SettingsText {
  Settings values;
  std::vector<std::string> order;  ///< the keys of rules, in the order of their lines
  /// Lines that their reader never takes for what they look like: "line 3: ...".
  std::vector<std::string> blemishes;
};
/// Not for files of delivery lines, which are templates.
[[nodiscard]] SettingsText parse_settings(const SettingFile&, std::string_view bytes);

/// What keys become; nothing: the key goes, with every line that has it.
using SettingEdits = std::map<std::string, std::optional<std::string>>;

/// A value that is in force is changed in its own line. New lines of rcpthosts, locals, and
/// virtualdomains stand where vpopmail puts them, those of tcp_smtp before the first line that
/// `rule_order` has behind them, all others at the end. A changed text ends with a newline.
[[nodiscard]] std::string edit_settings(const SettingFile&, std::string_view bytes,
                                        const SettingEdits&,
                                        const std::vector<std::string>& rule_order = {});

}  // namespace vstate
