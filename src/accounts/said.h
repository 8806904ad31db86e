/// \file
/// Where mail for a person or a name goes by the files of a machine (~/.qmail, ~/.forward,
/// /etc/aliases, qmail/alias), in the words of a domain of vpopmail's. Text in, lines out.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vstate/base/result.h"
#include "vstate/model/delivery.h"

namespace vstate {

/// In front of whose mail the lines stand, and who reads them.
struct SaidFor {
  std::string domain;
  LineReader reader = LineReader::qmail_local;
  std::string person;  ///< whose file it is; empty: nobody's, as in /etc/aliases
  std::string home;    ///< theirs; relative paths are below it
  /// The folder of the person's Maildir that an mbox became ("" for the INBOX), by its path.
  std::function<std::optional<std::string>(const std::string& path)> folder_of;
  /// The text of a file that is to be read in place of its name; nullopt if it is not there.
  std::function<Result<std::optional<std::string>>(const std::string& path)> included;
  /// Names that have a mailbox.
  std::function<bool(const std::string& name)> has_mailbox;
};

struct Said {
  DeliveryLines lines;                ///< templates
  std::vector<std::string> left_out;  ///< what cannot be said, and why
};

/// The lines of a .qmail file. Empty lines: the usual delivery, as an empty file says it.
[[nodiscard]] Result<Said> said_in_dot_qmail(std::string_view text, const SaidFor&);
/// A list of addresses, as in a .forward file or behind the name of an alias: separated by commas
/// or ends of lines, with quotes, comments, programs, files, :include: and \name.
[[nodiscard]] Result<Said> said_in_list(std::string_view text, const SaidFor&);

/// One entry of an aliases(5) file.
struct AliasEntry {
  std::string name;  ///< without quotes
  std::string list;  ///< with the lines that continue it
  std::size_t line = 0;
};
struct AliasEntries {
  std::vector<AliasEntry> entries;
  std::vector<std::string> problems;  ///< "12: has no colon"
};
[[nodiscard]] AliasEntries parse_aliases(std::string_view text);

}  // namespace vstate
