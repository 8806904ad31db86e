/// \file
/// Which lines of qmail's control files decide that mail for a name leaves for another host
/// (qmail-send.c:rewrite, qmail-remote.c), and what has to be changed so that it does. No I/O.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "format/line_edits.h"
#include "vstate/base/result.h"

namespace vstate::cutover {

/// Where mail goes: "HOST", "HOST:PORT", as smtproutes has it.
class Relay {
 public:
  /// A host's name or an IPv4 address in brackets or without, and a port. Fails with `invalid`.
  [[nodiscard]] static Result<Relay> parse(std::string_view text);
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] std::string host() const { return text_.substr(0, text_.find(':')); }

 private:
  explicit Relay(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

/// The files, in the order in which mail is turned away: there is a route before anything needs it.
enum class ControlName { smtproutes, virtualdomains, locals };
[[nodiscard]] std::string_view to_text(ControlName);
[[nodiscard]] std::optional<ControlName> parse_control_name(std::string_view);

/// What qmail looks a line up by, in lower case; nullopt for a line that it passes over.
[[nodiscard]] std::optional<std::string> key_of_line(ControlName, std::string_view line);

/// Changes the lines so that mail for `name`, in lower case, leaves for the relay, and returns the
/// edits in their order. No edit: they are so already.
///
/// * smtproutes: one line for the name.
/// * virtualdomains: none for the name or one of its addresses; where a line for a domain above it
///   would take the mail, one that says that it is remote.
/// * locals: none.
[[nodiscard]] std::vector<LineEdit> turn_away(ControlName, EditableLines&, const std::string& name,
                                              const Relay&);

}  // namespace vstate::cutover
