/// \file
/// What a server is set to besides its domains: qmail's control files, vpopmail's own settings, and
/// the aliases of qmail/alias. Lines that belong to vpopmail's domains are no part of it.
///
/// Every setting has a file, such as "control.smtproutes", and a key in it; both are the same on
/// every server, as are the values. What such a file is called on a server, and how its text is
/// read, is the matter of src/settings and src/format.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vstate/model/state.h"

namespace vstate {

/// What the keys and values of a file are.
enum class Shape {
  line,      ///< one value, whose key is empty: the first line of the file
  set,       ///< lines, each a key without a value
  map,       ///< KEY:VALUE; of equal keys the last is in force (qmail's constmap.c)
  rules,     ///< the same for tcprules, where the first of equal keys is in force
  pairs,     ///< KEY, blanks, VALUE
  limits,    ///< vpopmail's limits, by their names in the file
  delivery,  ///< "deliver": the lines of a dot-qmail file, each with its newline, as templates; and
             ///< "forwards_only": the file's owner-execute bit
};

/// When a change of a file takes effect.
enum class Effect {
  at_once,
  by_signal,    ///< qmail-send reads it when it gets SIGHUP
  by_restart,   ///< qmail-send, or what starts it, reads it once
  by_compiler,  ///< some program makes the file that counts of it
};

struct SettingFile {
  std::string_view name;  ///< "control.locals"
  Shape shape = Shape::line;
  Effect effect = Effect::at_once;
  bool folds_case = false;  ///< keys are names of hosts: ASCII case does not count
};

/// All files of one name, sorted by it. Those of qmail/alias ("alias.root") are as many as there
/// are.
[[nodiscard]] const std::vector<SettingFile>& setting_files();
/// nullopt for a file that vstate does not know.
[[nodiscard]] std::optional<SettingFile> setting_file(std::string_view name);

inline constexpr std::string_view k_rcpthosts = "control.rcpthosts";
inline constexpr std::string_view k_locals = "control.locals";
inline constexpr std::string_view k_virtualdomains = "control.virtualdomains";
inline constexpr std::string_view k_smtproutes = "control.smtproutes";
inline constexpr std::string_view k_tcp_smtp = "vpopmail.tcp_smtp";
inline constexpr std::string_view k_limits_default = "vpopmail.limits";

/// Whether a file that is there without a key says something that a missing one does not: without
/// rcpthosts every recipient is accepted, without locals `me` is local, without default limits
/// vpopmail's tools refuse to work.
[[nodiscard]] bool is_meant_empty(std::string_view file);

using Settings = std::map<std::string, std::string>;

struct ServerState {
  /// By file. One without a key is there and empty, where that says something (is_meant_empty).
  std::map<std::string, Settings> files;
  /// The addresses of tcp_smtp in the order of their file.
  std::vector<std::string> rule_order;
  std::vector<LeftOut> left_out;

  [[nodiscard]] const std::string* find(std::string_view file, const std::string& key) const;
  /// The server's name, control/me, in lower case; empty if there is none.
  [[nodiscard]] std::string me() const;
  friend bool operator==(const ServerState&, const ServerState&) = default;
};

/// Whether a setting says something of the one machine that has it, and nothing of another: its
/// name, names below it, addresses of hosts other than 127.
[[nodiscard]] bool is_of_one_machine(const ServerState&, const std::string& file,
                                     const std::string& key, const std::string& value);

/// A value for people: without the login that a route may hold.
[[nodiscard]] std::string shown_value(std::string_view file, const std::string& value);

/// Why a key or a value cannot stand in such a file, as its readers would take it for something
/// else; empty if it can.
[[nodiscard]] std::string setting_problem(const SettingFile&, std::string_view key,
                                          std::string_view value);

}  // namespace vstate
