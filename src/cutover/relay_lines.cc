// qmail strips blanks at the end of a line, passes over lines that begin with "#", and of equal
// keys in a map takes the last (control.c, constmap.c).

#include "cutover/relay_lines.h"

#include <algorithm>

#include <fmt/format.h>

#include "vstate/base/text.h"

namespace vstate::cutover {

namespace {

bool is_host(std::string_view host) {
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const auto is_right = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-' || c == '_';
  };
  return !host.empty() && host.front() != '-' && host.front() != '.' &&
         std::all_of(host.begin(), host.end(), is_right);
}

/// What a line of a map says behind its key.
std::string_view value_of(std::string_view line) {
  const auto colon = line.find(':');
  return colon == std::string_view::npos ? std::string_view() : trim_end(line.substr(colon + 1));
}

/// The line of this key that qmail takes; nullopt: there is none.
std::optional<std::size_t> line_in_force(ControlName file, const EditableLines& lines,
                                         const std::string& key) {
  for (auto i = lines.all().size(); i > 0; --i)
    if (key_of_line(file, lines.all()[i - 1]) == key) return i - 1;
  return std::nullopt;
}

/// Takes out all lines for which `is_out` holds.
template <class Predicate>
void remove_if(EditableLines& lines, std::vector<LineEdit>& edits, const Predicate& is_out) {
  for (std::size_t i = 0; i < lines.all().size();) {
    if (is_out(lines.all()[i]))
      edits.push_back(lines.remove(i));
    else
      ++i;
  }
}

std::vector<LineEdit> set_route(EditableLines& lines, const std::string& name, const Relay& relay) {
  std::vector<LineEdit> edits;
  const auto found = line_in_force(ControlName::smtproutes, lines, name);
  if (found && value_of(lines.all()[*found]) == relay.text()) return edits;
  remove_if(lines, edits, [&](const std::string& line) {
    return key_of_line(ControlName::smtproutes, line) == name;
  });
  edits.push_back(lines.append(fmt::format("{}:{}", name, relay.text())));
  return edits;
}

/// Whether a line is for a domain above the name, or for all of them.
bool is_for_more(std::string_view key, std::string_view name) {
  return key.empty() || (key.front() == '.' && name.ends_with(key));
}

std::vector<LineEdit> end_virtual(EditableLines& lines, const std::string& name) {
  constexpr auto file = ControlName::virtualdomains;
  std::vector<LineEdit> edits;
  // A line that says nothing behind its colon makes the mail remote, which is what is wanted.
  remove_if(lines, edits, [&](const std::string& line) {
    const auto key = key_of_line(file, line);
    return key && (*key == name || key->ends_with("@" + name)) && !value_of(line).empty();
  });
  const bool is_taken =
      std::any_of(lines.all().begin(), lines.all().end(), [&](const std::string& line) {
        const auto key = key_of_line(file, line);
        return key && is_for_more(*key, name) && !value_of(line).empty();
      });
  if (!is_taken || line_in_force(file, lines, name)) return edits;
  const auto place = edits.empty() ? lines.all().size() : edits.front().index;
  edits.push_back(lines.insert(std::min(place, lines.all().size()), name + ":"));
  return edits;
}

}  // namespace

Result<Relay> Relay::parse(std::string_view text) {
  const auto colon = text.find(':');
  const auto host = text.substr(0, colon);
  const bool has_port = colon != std::string_view::npos;
  const auto port = has_port ? to_number(text.substr(colon + 1)) : std::nullopt;
  constexpr std::uint64_t last_port = 65535;
  if (is_host(host) && (!has_port || (port && *port > 0 && *port <= last_port)))
    return Relay(std::string(text));
  return fail(
      Errc::invalid,
      fmt::format("{}: is no host; say HOST or HOST:PORT, as smtproutes has it", visible(text)));
}

std::string_view to_text(ControlName name) {
  switch (name) {
    case ControlName::smtproutes:
      return "smtproutes";
    case ControlName::virtualdomains:
      return "virtualdomains";
    case ControlName::locals:
      return "locals";
  }
  return {};
}

std::optional<ControlName> parse_control_name(std::string_view text) {
  for (const auto name :
       {ControlName::smtproutes, ControlName::virtualdomains, ControlName::locals})
    if (to_text(name) == text) return name;
  return std::nullopt;
}

std::optional<std::string> key_of_line(ControlName file, std::string_view line) {
  line = trim_end(line);
  if (line.empty() || line.front() == '#') return std::nullopt;
  if (file == ControlName::locals) return to_lower(line);
  const auto colon = line.find(':');
  return colon == std::string_view::npos ? std::nullopt
                                         : std::optional(to_lower(line.substr(0, colon)));
}

std::vector<LineEdit> turn_away(ControlName file, EditableLines& lines, const std::string& name,
                                const Relay& relay) {
  switch (file) {
    case ControlName::smtproutes:
      return set_route(lines, name, relay);
    case ControlName::virtualdomains:
      return end_virtual(lines, name);
    case ControlName::locals:
      break;
  }
  std::vector<LineEdit> edits;
  remove_if(lines, edits, [&](const std::string& line) {
    return key_of_line(ControlName::locals, line) == name;
  });
  return edits;
}

}  // namespace vstate::cutover
