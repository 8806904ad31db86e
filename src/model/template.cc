// Text goes to the file with placeholders and comes out of it with the target's paths. A path is
// replaced only where it ends with a component, so that "example.com" is not found in
// "example.com.au"; of several that fit, the longest counts, since a home is longer than the domain
// that it is in. Everything else is literal, and reading it back gives the same bytes.

#include "vstate/model/template.h"

#include <array>
#include <optional>

#include <fmt/format.h>

#include "vstate/base/text.h"

namespace vstate {

namespace {

constexpr std::string_view k_mailbox_prefix = "mailbox:";
constexpr std::string_view k_byte = "byte:";

/// A byte that can stand inside a path component, so that a name before or after it is part of a
/// longer one.
bool is_component_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         (static_cast<unsigned char>(c) & 0x80U) != 0 ||
         std::string_view("._-+~@%#!^").find(c) != std::string_view::npos;
}

/// True if the text ends with the path, or goes on with a byte that no component holds.
bool begins_with_path(std::string_view text, std::string_view path) {
  return !path.empty() && text.substr(0, path.size()) == path &&
         (text.size() == path.size() || !is_component_byte(text[path.size()]));
}

/// Names may hold signs that usually end a path ("o'neil"), so those are stepped over.
bool ends_every_path(char c) {
  return c == '\0' || c == '\n' || c == ' ' || c == '\t' || c == ':' || c == ';';
}

/// The closing brace would end the placeholder, and a percent sign would be read as the start of a
/// code.
std::string encode_name(std::string_view name) {
  std::string out;
  for (const char c : name) {
    if (c == '{' || c == '}' || c == '%')
      out += fmt::format("%{:02x}", static_cast<unsigned>(c));
    else
      out.push_back(c);
  }
  return out;
}

std::optional<unsigned> hex_value(std::string_view digits) {
  // Two lower-case digits are the one spelling, so that equal texts are equal templates.
  if (digits.size() != 2) return std::nullopt;
  unsigned value = 0;
  for (const char c : digits) {
    unsigned digit = 0;
    if (c >= '0' && c <= '9')
      digit = static_cast<unsigned>(c - '0');
    else if (c >= 'a' && c <= 'f')
      digit = static_cast<unsigned>(c - 'a') + 10;
    else
      return std::nullopt;
    value = value * 16 + digit;
  }
  return value;
}

std::string decode_name(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      // A percent sign without a code behind it stands for itself.
      if (const auto value = hex_value(text.substr(i + 1, 2))) {
        out.push_back(static_cast<char>(*value));
        i += 2;
        continue;
      }
    }
    out.push_back(text[i]);
  }
  return out;
}

/// Elsewhere a list stands in the domain's directory under its name, wherever it is here.
std::string list_placeholder(std::string_view name) { return fmt::format("{{domain}}/{}", name); }

bool is_plain_placeholder(std::string_view name) {
  constexpr std::array<std::string_view, 5> names{"vpopmail", "qmail", "ezmlm", "autorespond",
                                                  "domain"};
  for (const auto known : names)
    if (name == known) return true;
  return false;
}

/// Calls `literal(text)` and `placeholder(name, offset)` for the parts of a template and
/// `problem(offset, what)` for what is neither.
template <class Literal, class Placeholder, class Problem>
void scan(std::string_view text, Literal literal, Placeholder placeholder, Problem problem) {
  std::size_t at = 0;
  while (at < text.size()) {
    const auto brace = text.find_first_of("{}", at);
    literal(text.substr(at, brace == std::string_view::npos ? brace : brace - at));
    if (brace == std::string_view::npos) return;
    // A doubled brace is a literal one, whichever of the two it is.
    const bool doubled = brace + 1 < text.size() && text[brace + 1] == text[brace];
    if (doubled) {
      literal(text.substr(brace, 1));
      at = brace + 2;
      continue;
    }
    // A closing brace that nothing opened has no end, and is as much of a problem as one that
    // nothing closes.
    const auto end = text[brace] == '{' ? text.find('}', brace) : std::string_view::npos;
    if (end == std::string_view::npos) {
      problem(brace, fmt::format("a lone \"{}\" (a literal brace is doubled)", text[brace]));
      at = brace + 1;
      continue;
    }
    placeholder(text.substr(brace + 1, end - brace - 1), brace);
    at = end + 1;
  }
}

bool is_known_placeholder(std::string_view name) {
  if (name.substr(0, k_mailbox_prefix.size()) == k_mailbox_prefix)
    return name.size() > k_mailbox_prefix.size();
  if (name.substr(0, k_byte.size()) == k_byte)
    return hex_value(name.substr(k_byte.size())).has_value();
  return is_plain_placeholder(name);
}

}  // namespace

std::string Paths::list_directory(const std::string& name) const {
  const auto elsewhere = lists.find(name);
  return elsewhere == lists.end() ? domain + "/" + name : elsewhere->second;
}

std::string mailbox_placeholder(std::string_view name) {
  return fmt::format("{{{}{}}}", k_mailbox_prefix, encode_name(name));
}

Templater::Templater(const Paths& paths, PlaceFinder place_of)
    : paths_(paths), place_of_(std::move(place_of)) {
  for (const auto& [name, home] : paths.homes) by_home_.emplace(home, name);
  // Without a server to ask, only spellings can be compared.
  if (!place_of_) return;
  const auto add = [&](const std::string& path, std::string placeholder, bool is_home) {
    if (path.empty()) return;
    // Homes come first, and the first of one place stays: the placeholder that says most.
    if (const auto place = place_of_(path))
      by_place_.emplace(*place, Match{std::move(placeholder), 0, is_home});
  };
  for (const auto& [name, home] : paths.homes) add(home, mailbox_placeholder(name), true);
  for (const auto& [name, path] : paths.lists) add(path, list_placeholder(name), true);
  add(paths.domain, "{domain}", false);
  add(paths.vpopmail, "{vpopmail}", false);
  add(paths.qmail, "{qmail}", false);
  add(paths.autorespond, "{autorespond}", false);
}

bool Templater::is_for_ezmlm(std::string_view behind) const {
  // A directory such as /usr/bin holds many other programs, and is ezmlm's only where the name of
  // one of its programs follows.
  constexpr std::string_view own = "/ezmlm";
  return paths_.ezmlm.ends_with(own) || behind.starts_with("/ezmlm-");
}

Templater::Match Templater::match_at(std::string_view text, std::size_t at) const {
  const auto rest = text.substr(at);
  Match best;
  const auto offer = [&](std::string_view path, std::string placeholder, bool is_home = false) {
    if (begins_with_path(rest, path) && path.size() > best.length)
      best = {std::move(placeholder), path.size(), is_home};
  };
  offer(paths_.vpopmail, "{vpopmail}");
  offer(paths_.qmail, "{qmail}");
  if (begins_with_path(rest, paths_.ezmlm) && is_for_ezmlm(rest.substr(paths_.ezmlm.size())))
    offer(paths_.ezmlm, "{ezmlm}");
  offer(paths_.autorespond, "{autorespond}");
  offer(paths_.domain, "{domain}");
  for (const auto& [name, path] : paths_.lists) offer(path, list_placeholder(name), true);
  // A home is the longest prefix at a component's end that is a key of by_home_; its depth is
  // bounded, so the components of the text are tried rather than all the homes.
  for (std::size_t end = 1; end <= rest.size(); ++end) {
    const bool boundary = end == rest.size() || !is_component_byte(rest[end]);
    if (!boundary) continue;
    if (const auto home = by_home_.find(rest.substr(0, end)); home != by_home_.end())
      offer(home->first, mailbox_placeholder(home->second), true);
    if (end == rest.size() || ends_every_path(rest[end])) break;
  }
  // A home that was found by its spelling is the best answer; anything less may still lead into a
  // home by another name.
  if (place_of_ && !best.is_home)
    if (auto match = match_place(rest); match.length > best.length) return match;
  return best;
}

/// The longest beginning of a path that leads to a known place.
Templater::Match Templater::match_place(std::string_view rest) const {
  Match best;
  const auto is_name = [&](std::size_t at) {
    return at < rest.size() && is_component_byte(rest[at]);
  };
  for (std::size_t end = 0; end < rest.size() && rest[end] == '/';) {
    while (end < rest.size() && rest[end] == '/') ++end;
    if (!is_name(end)) break;
    while (is_name(end)) ++end;
    const auto place = place_of_(std::string(rest.substr(0, end)));
    // Behind what leads nowhere, nothing can lead anywhere.
    if (!place) break;
    if (const auto known = by_place_.find(*place); known != by_place_.end()) {
      best = known->second;
      best.length = end;
    }
  }
  return best;
}

std::string Templater::to_template(std::string_view literal) const {
  std::string out;
  out.reserve(literal.size());
  for (std::size_t at = 0; at < literal.size();) {
    const char c = literal[at];
    // A slash within a name is no beginning of a path: "x/home/..." is relative.
    if (c == '/' && (at == 0 || !is_component_byte(literal[at - 1]))) {
      if (auto match = match_at(literal, at); match.length > 0) {
        out += match.placeholder;
        at += match.length;
        continue;
      }
    }
    // NUL is spelt as a byte too, since TOML cannot hold it.
    const auto length = c == '\0' ? 0 : utf8_length(literal, at);
    if (length == 0) {
      out += fmt::format("{{{}{:02x}}}", k_byte, static_cast<unsigned char>(c));
      ++at;
      continue;
    }
    if (c == '{' || c == '}') out.push_back(c);
    out.append(literal.substr(at, length));
    at += length;
  }
  return out;
}

std::string pathless_template(std::string_view literal) {
  const Paths none;
  return Templater(none).to_template(literal);
}

Result<std::string> expand(std::string_view text, const Paths& paths) {
  std::string out;
  std::optional<Error> error;
  // The first problem is the one to mend.
  const auto set_error = [&](Errc code, std::string what) {
    if (!error) error = Error{code, std::move(what), Scope::item};
  };
  const auto placeholder = [&](std::string_view name, std::size_t) {
    if (name.substr(0, k_mailbox_prefix.size()) == k_mailbox_prefix) {
      const auto mailbox = decode_name(name.substr(k_mailbox_prefix.size()));
      const auto home = paths.homes.find(mailbox);
      // The home may be yet to be made, which callers tell apart by this code.
      if (home == paths.homes.end())
        set_error(Errc::not_found, fmt::format("there is no mailbox \"{}\"", mailbox));
      else
        out += home->second;
    } else if (name.substr(0, k_byte.size()) == k_byte && is_known_placeholder(name)) {
      out.push_back(static_cast<char>(*hex_value(name.substr(k_byte.size()))));
    } else if (name == "vpopmail") {
      out += paths.vpopmail;
    } else if (name == "qmail") {
      out += paths.qmail;
    } else if (name == "ezmlm") {
      out += paths.ezmlm;
    } else if (name == "autorespond") {
      out += paths.autorespond;
    } else if (name == "domain") {
      out += paths.domain;
    } else {
      set_error(Errc::invalid, fmt::format("unknown placeholder {{{}}}", name));
    }
  };
  scan(
      text, [&](std::string_view part) { out.append(part); }, placeholder,
      [&](std::size_t, std::string what) { set_error(Errc::invalid, std::move(what)); });
  if (error) return tl::unexpected<Error>(*error);
  return out;
}

Result<std::string> expand_pathless(std::string_view text) {
  std::string out;
  std::string problem;
  scan(
      text, [&](std::string_view part) { out.append(part); },
      [&](std::string_view name, std::size_t) {
        // Spelt bytes are the only placeholders that need no server to be read.
        if (name.substr(0, k_byte.size()) == k_byte && is_known_placeholder(name))
          out.push_back(static_cast<char>(*hex_value(name.substr(k_byte.size()))));
        else
          problem = fmt::format("{{{}}} cannot stand here", name);
      },
      [&](std::size_t, std::string what) { problem = std::move(what); });
  if (!problem.empty()) return fail(Errc::invalid, problem);
  return out;
}

std::string spell_bytes(std::string_view literal) {
  constexpr std::string_view start = "{byte:";
  std::string out;
  out.reserve(literal.size());
  for (std::size_t at = 0; at < literal.size();) {
    const auto length = literal[at] == '\0' ? 0 : utf8_length(literal, at);
    // A literal text that looks like a spelt byte is spelt itself, or reading would change it.
    if (length == 0 || literal.substr(at, start.size()) == start) {
      out += fmt::format("{{byte:{:02x}}}", static_cast<unsigned char>(literal[at]));
      ++at;
      continue;
    }
    out.append(literal.substr(at, length));
    at += length;
  }
  return out;
}

std::string read_bytes(std::string_view text) {
  constexpr std::string_view start = "{byte:";
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const auto value =
        text.substr(at, start.size()) == start && text.size() > at + 8 && text[at + 8] == '}'
            ? hex_value(text.substr(at + start.size(), 2))
            : std::nullopt;
    out.push_back(value ? static_cast<char>(*value) : text[at]);
    at += value ? start.size() + 3 : 1;
  }
  return out;
}

std::optional<PathInHome> split_home(std::string_view path) {
  constexpr std::string_view start = "{mailbox:";
  // The first closing brace ends the placeholder, since those of a name are written as codes.
  const auto end = path.find("}/");
  if (path.substr(0, start.size()) != start || end == std::string_view::npos) return std::nullopt;
  return PathInHome{decode_name(path.substr(start.size(), end - start.size())),
                    std::string(path.substr(end + 2))};
}

std::vector<TemplateProblem> check_template(std::string_view text) {
  std::vector<TemplateProblem> problems;
  scan(
      text, [](std::string_view) {},
      [&](std::string_view name, std::size_t offset) {
        if (!is_known_placeholder(name))
          problems.push_back({offset, fmt::format("unknown placeholder {{{}}}", name)});
      },
      [&](std::size_t offset, std::string what) {
        problems.push_back({offset, std::move(what)});
      });
  return problems;
}

std::vector<std::string> mailboxes_named(std::string_view text) {
  std::vector<std::string> names;
  scan(
      text, [](std::string_view) {},
      [&](std::string_view name, std::size_t) {
        if (name.substr(0, k_mailbox_prefix.size()) == k_mailbox_prefix)
          names.push_back(decode_name(name.substr(k_mailbox_prefix.size())));
      },
      [](std::size_t, const std::string&) {});
  return names;
}

}  // namespace vstate
