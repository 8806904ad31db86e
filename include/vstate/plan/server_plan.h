/// \file
/// What an apply of server.toml would do to one server, key by key. Like a domain's plan it is
/// data: it is made without reading a file, and prints.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "vstate/model/selection.h"
#include "vstate/model/server.h"
#include "vstate/model/server_state.h"
#include "vstate/plan/memory.h"
#include "vstate/plan/plan.h"

namespace vstate {

/// One setting that comes, changes, or goes.
struct SettingChange {
  std::string file, key;
  std::optional<std::string> before, after;
  bool makes_file = false;  ///< the file itself, without a key; `after` is empty
};
/// "control/smtproutes .example.net", for people.
[[nodiscard]] std::string title_of(const SettingChange&);
/// "server.control.smtproutes", as --only and --exclude match it.
[[nodiscard]] std::string address_of(const SettingChange&);
[[nodiscard]] Verb verb_of(const SettingChange&);

struct ServerPlan {
  std::string server_line;
  std::vector<std::string> evidence;
  /// In the order of execution: what mail is delivered by first, then virtualdomains and locals,
  /// and rcpthosts last. Changes of one file stand together.
  std::vector<SettingChange> changes;
  std::vector<Note> notes;
  std::vector<std::string> problems;  ///< what forbids the apply, before anything is written
  std::size_t left_out = 0;           ///< by --only and --exclude
  MemoryUpdate memory;                ///< once all of it is done
  [[nodiscard]] bool is_empty() const { return changes.empty(); }
};
[[nodiscard]] Summary summary_of(const ServerPlan&);

struct ServerPlanOptions {
  bool prune = false;  ///< remove what the last apply wrote and the file has no more
  bool overwrite = false;
  std::uint64_t max_delete = 0;     ///< so many settings may go, however many there are
  bool takes_machine_keys = false;  ///< what is of one machine too (model/server_state.h)
  Selection selection = {};
};

/// What only the target can tell.
struct ServerFacts {
  /// A setting of the file that is here, or will be, and whose mail does not arrive.
  struct Obstacle {
    std::string file, key, what;
  };
  std::set<std::string> served;      ///< names of vpopmail's domains here
  std::set<std::string> uncompiled;  ///< names that only the text of morercpthosts has
  std::string implied_local;         ///< what is local while locals is missing
  std::vector<std::string> remarks;  ///< of the inspection
  std::vector<Obstacle> obstacles;
  std::map<std::string, std::string>
      links;                ///< files of the State that are links here, and where to
  std::string stale_rules;  ///< why tcp_smtp is not in force as it stands; empty: it is
};

struct ServerPlanInput {
  const ServerState& desired;
  const ServerState& actual;
  const Server& server;
  const ServerFacts& facts;
  ServerPlanOptions options;
  Memory memory = {};
};

/// Pure: the same input gives the same plan. Three sides are compared, as for domains
/// (plan/memory.h): what a person changed on the server since the last apply is kept.
[[nodiscard]] ServerPlan make_server_plan(const ServerPlanInput&);

/// "vpopmail 5.6 cdb, /home/vpopmail; qmail /var/qmail"
[[nodiscard]] std::string server_line_of(const Server&);

}  // namespace vstate
