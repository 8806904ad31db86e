/// \file
/// The command of a delivery line, as far as it can be known without a shell what it runs.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace vstate {

/// What qmail-local puts into the environment of a program: EXT, HOST, and so on.
using Environment = std::map<std::string, std::string, std::less<>>;

struct ShellCommand {
  std::vector<std::string> words;  ///< quotes removed, known variables filled in
  /// What stands before it: nothing for the first, else "|", ";", "&&", "||", "&".
  std::string joined_by;
};

struct ShellLine {
  std::vector<ShellCommand> commands;
  /// False for what only a shell can tell: substitutions, compound commands, patterns, functions.
  bool is_simple = true;
};

/// "exec", "preline", "env" and assignments in front of a command are left out of its words, since
/// what follows them is what runs. Redirections are left out too.
[[nodiscard]] ShellLine parse_shell(std::string_view command, const Environment&);

}  // namespace vstate
