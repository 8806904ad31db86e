// The table of the files that are carried. A file that is not in it is named by a dump and left
// where it is: what its lines mean is not known, and half of a meaning is worse than none.

#include "vstate/model/server_state.h"

#include <algorithm>

#include <fmt/format.h>

#include "vstate/base/text.h"
#include "vstate/model/names.h"

namespace vstate {

namespace {

constexpr auto k_line = Shape::line;
constexpr auto k_set = Shape::set;
constexpr auto k_restart = Effect::by_restart;

/// "192.0.2.1", "10.0.", "[192.0.2.1]", "2001:db8::1", "192.0.2.0-255"; a mere number is none.
bool is_address(std::string_view text) {
  if (text.starts_with('[')) text.remove_prefix(1);
  if (text.empty()) return false;
  const bool is_numeric = text.find_first_not_of("0123456789.-/]") == std::string_view::npos;
  const bool is_hexadecimal =
      text.find_first_not_of("0123456789abcdefABCDEF:./]") == std::string_view::npos;
  return (is_numeric && text.find('.') != std::string_view::npos && is_digits(text.substr(0, 1))) ||
         (is_hexadecimal && std::count(text.begin(), text.end(), ':') > 1);
}

bool is_loopback(std::string_view address) {
  return address.starts_with("127.") || address == "127" || address == "::1";
}

/// The host of "relay:port", "[192.0.2.1]:port", or "relay port".
std::string_view route_host(std::string_view value) {
  if (value.starts_with('[')) return value.substr(0, value.find(']'));
  return value.substr(0, value.find_first_of(": "));
}

std::string_view first_word(std::string_view text) {
  return text.substr(0, text.find_first_of(" \t"));
}

bool is_at_or_below(const std::string& name, const std::string& host) {
  return !host.empty() && (name == host || name.ends_with("." + host));
}

bool has_line_break(std::string_view text) {
  return text.find_first_of(std::string_view("\n\0", 2)) != std::string_view::npos;
}

std::string line_problem(std::string_view text) {
  if (has_line_break(text)) return "holds more than one line, or a NUL";
  if (trim_end(text) != text) return "ends with blanks, which qmail drops";
  return {};
}

bool begins_with_blank(std::string_view text) {
  return text.starts_with(' ') || text.starts_with('\t');
}

/// Of what stands at the end of a line with a key.
std::string end_problem(std::string_view text) {
  return text.ends_with('\r') ? "ends with a carriage return, so it matches nothing" : "";
}

std::string key_problem(const SettingFile& file, std::string_view key) {
  if (auto problem = line_problem(key); !problem.empty()) return problem;
  if (key.starts_with('#')) return "begins with #, which makes it a comment";
  if (begins_with_blank(key)) return "begins with a blank, so it matches nothing";
  const bool has_separator = file.shape == Shape::map || file.shape == Shape::rules;
  // tcprules takes what stands behind the last address for its text; a route's key ends at a colon.
  if (has_separator && key.find(':') != std::string_view::npos) return "holds a colon";
  if (file.shape == Shape::pairs && key.find_first_of(" \t") != std::string_view::npos)
    return "holds a blank";
  const bool may_be_empty = has_separator;
  if (key.empty() && !may_be_empty) return "is empty";
  return {};
}

}  // namespace

const std::vector<SettingFile>& setting_files() {
  static const std::vector<SettingFile> files{
      {"control.badhelo", k_set},
      {"control.badmailfrom", k_set},
      {"control.badmailfromnorelay", k_set},
      {"control.badmailto", k_set},
      {"control.badmailtonorelay", k_set},
      {"control.badrcptto", k_set},
      {"control.bouncefrom", k_line, k_restart},
      {"control.bouncehost", k_line, k_restart},
      {"control.brtlimit", k_line},
      {"control.concurrencyincoming", k_line, k_restart},
      {"control.concurrencylocal", k_line, k_restart},
      {"control.concurrencyremote", k_line, k_restart},
      {"control.databytes", k_line},
      {"control.defaultdelivery", Shape::delivery, k_restart},
      {"control.defaultdomain", k_line},
      {"control.defaulthost", k_line},
      {"control.doublebouncehost", k_line, k_restart},
      {"control.doublebounceto", k_line, k_restart},
      {"control.envnoathost", k_line, k_restart},
      {"control.helohost", k_line},
      {"control.idhost", k_line},
      {"control.localiphost", k_line},
      {k_locals, k_set, Effect::by_signal, true},
      {"control.maxrcpt", k_line},
      {"control.me", k_line, k_restart},
      {"control.percenthack", k_set, k_restart, true},
      {"control.plusdomain", k_line},
      {"control.qmqpservers", k_set},
      {"control.queuelifetime", k_line, k_restart},
      {k_rcpthosts, k_set, Effect::at_once, true},
      {"control.simcontrol", Shape::map, Effect::by_compiler},
      {"control.smtpgreeting", k_line},
      {k_smtproutes, Shape::map, Effect::at_once, true},
      {"control.spfbehavior", k_line},
      {"control.spfexp", k_line},
      {"control.spfguess", k_line},
      {"control.spfrules", k_line},
      {"control.tarpitcount", k_line},
      {"control.tarpitdelay", k_line},
      {"control.timeoutconnect", k_line},
      {"control.timeoutremote", k_line},
      {"control.timeoutsmtpd", k_line},
      {k_virtualdomains, Shape::map, Effect::by_signal, true},
      {"vpopmail.default_domain", k_line},
      {"vpopmail.ip_alias_map", Shape::pairs},
      {k_limits_default, Shape::limits},
      {k_tcp_smtp, Shape::rules, Effect::by_compiler}};
  return files;
}

std::optional<SettingFile> setting_file(std::string_view name) {
  if (name.starts_with("alias.") && name.size() > 6)
    return SettingFile{name, Shape::delivery, Effect::at_once, false};
  const auto& all = setting_files();
  const auto found = std::find_if(all.begin(), all.end(),
                                  [&](const SettingFile& file) { return file.name == name; });
  return found == all.end() ? std::nullopt : std::optional(*found);
}

bool is_meant_empty(std::string_view file) {
  return file == k_rcpthosts || file == k_locals || file == k_limits_default;
}

const std::string* ServerState::find(std::string_view file, const std::string& key) const {
  const auto settings = files.find(std::string(file));
  if (settings == files.end()) return nullptr;
  const auto found = settings->second.find(key);
  return found == settings->second.end() ? nullptr : &found->second;
}

std::string ServerState::me() const {
  const auto* name = find("control.me", "");
  return name == nullptr ? std::string() : to_lower(*name);
}

bool is_of_one_machine(const ServerState& state, const std::string& file, const std::string& key,
                       const std::string& value) {
  const auto known = setting_file(file);
  if (!known) return false;
  const auto me = state.me();
  switch (known->shape) {
    case Shape::line: {
      const auto word = to_lower(first_word(value));
      return file == "control.me" || is_at_or_below(word, me) || is_address(word);
    }
    case Shape::set:
      // A list of senders or hosts that are refused is a decision, whatever it names.
      return known->folds_case && ((!me.empty() && key == me) || is_address(key));
    case Shape::map:
      if (file == k_smtproutes) return is_address(route_host(value));
      return !me.empty() && key == me;
    case Shape::rules:
      return is_address(key) && !is_loopback(key);
    case Shape::pairs:
      return true;
    case Shape::limits:
    case Shape::delivery:
      break;
  }
  return false;
}

std::string shown_value(std::string_view file, const std::string& value) {
  // Patched senders take a user and a password behind the relay.
  const auto blank = value.find_first_of(" \t");
  if (file != k_smtproutes || blank == std::string::npos) return value;
  return value.substr(0, blank) + " with a login (not shown)";
}

std::string setting_problem(const SettingFile& file, std::string_view key, std::string_view value) {
  switch (file.shape) {
    case Shape::line:
      return line_problem(value);
    case Shape::set: {
      auto problem = key_problem(file, key);
      return problem.empty() ? end_problem(key) : problem;
    }
    case Shape::map:
    case Shape::rules:
    case Shape::pairs: {
      if (auto problem = key_problem(file, key); !problem.empty()) return problem;
      if (auto problem = line_problem(value); !problem.empty()) return problem;
      if (file.shape == Shape::pairs && value.empty()) return "has no value";
      if (file.shape == Shape::pairs && begins_with_blank(value))
        return "has a value that begins with a blank, which is dropped";
      return end_problem(value);
    }
    case Shape::limits:
    case Shape::delivery:
      break;
  }
  return {};
}

}  // namespace vstate
