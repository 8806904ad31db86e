/// \file
/// What a delivery line does, by the rules of the program that reads it. The two readers differ
/// (qmail-local.c:main; vdelivermail.c:check_forward_deliver), so every parse names one.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vstate {

/// Delivery lines as they stand in the file, in order, without newlines. Paths are placeholders.
using DeliveryLines = std::vector<std::string>;

enum class LineReader {
  qmail_local,   ///< .qmail-NAME in the domain's directory
  vdelivermail,  ///< a mailbox's .qmail, and rows of `valias`
};

enum class DeliveryKind {
  nothing,        ///< blank or comment
  forward,        ///< to the address in `argument`
  maildir,        ///< into the directory in `argument`, which ends with "/"
  mbox,           ///< appended to the file in `argument` (qmail-local only)
  program,        ///< `argument` is given to /bin/sh -c
  only_forwards,  ///< "+list": from here on qmail-local allows forwards only
  broken,         ///< makes the reader defer or fail; `problem` says why
};

struct DeliveryLine {
  DeliveryKind kind = DeliveryKind::nothing;
  std::string argument;
  std::string problem;
};

/// `is_first`: a blank first line makes qmail-local defer the message.
[[nodiscard]] DeliveryLine parse_delivery(std::string_view line, LineReader, bool is_first);

/// The words of a program line that are paths of programs or scripts: the command itself, and the
/// commands after ";", "&&", "||", "|", "then", and a leading "exec", "preline", "env" or "if".
/// Quotes are removed. Good enough to say what a line runs, never used to run anything.
[[nodiscard]] std::vector<std::string> programs_run(std::string_view command);

/// True if these lines of .qmail-default hand mail to vdelivermail, so that accounts and rows of
/// `valias` are asked at all.
[[nodiscard]] bool runs_vdelivermail(const DeliveryLines&);

/// True if a line is a program's.
[[nodiscard]] bool runs_program(const DeliveryLines&);

/// True if both readers take this literal line for the same: then it may stand in a file or a row.
[[nodiscard]] bool is_read_alike(std::string_view line);

/// The names of aliases that answer to an extension, the best first (qmail-local.c:qmesearch;
/// vdelivermail.c:process_valias): "a-b" itself, then "a-default". Never plain "default".
[[nodiscard]] std::vector<std::string> names_that_answer(const std::string& extension);

/// The name of the file below the domain's directory that answers to `alias`: ".qmail-" and the
/// alias with ":" for each dot.
[[nodiscard]] std::string dot_qmail_name(std::string_view alias);
/// The alias that such a file is called after; nullopt for a name without ".qmail-" in front.
[[nodiscard]] std::optional<std::string> alias_of_dot_qmail(std::string_view name);

}  // namespace vstate
