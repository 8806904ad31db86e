/// \file
/// What a cutover changed in a server's control files, kept beside them: what it takes to finish
/// one that was stopped, to show it, and to take it back. One file a domain,
/// control/.vstate-cutover-DOMAIN.json, for root alone; qmail's programs read no such name.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cutover/relay_lines.h"
#include "format/line_edits.h"
#include "sys/system.h"
#include "vstate/model/names.h"
#include "vstate/model/server.h"

namespace vstate::cutover {

/// What was changed in one file.
struct FileRecord {
  bool was_made = false;  ///< it was not there before
  std::vector<LineEdit> edits;
  friend bool operator==(const FileRecord&, const FileRecord&) = default;
};

struct Journal {
  enum class Stage {
    begun,    ///< some of it may be done
    done,     ///< mail leaves
    undoing,  ///< some of it may be taken back
  };
  DomainName domain;
  std::string to;
  std::vector<std::string> names;  ///< the domain and its alias domains, in lower case
  std::chrono::sys_seconds began{};
  Stage stage = Stage::begun;
  /// False: qmail-send may still work by virtualdomains and locals as they were.
  bool is_told = false;
  std::map<ControlName, FileRecord> files = {};

  [[nodiscard]] bool has_edits() const;
};

[[nodiscard]] std::string to_json(const Journal&);
/// Fails with `invalid` and `path` for what no such file holds.
[[nodiscard]] Result<Journal> parse_journal(const std::string& text, const std::string& path);

/// The journals of a server.
class Journals {
 public:
  Journals(System& system, const Server& server);
  /// All that are there, by domain.
  [[nodiscard]] Result<std::map<DomainName, Journal>> load() const;
  /// On the disk when it returns.
  Status keep(const Journal&);
  Status remove(const DomainName&);
  /// Removes the temporaries of a stopped run.
  Status remove_left_over();

 private:
  [[nodiscard]] std::string path_of(const DomainName&) const;
  System& system_;
  std::string directory_;
};

}  // namespace vstate::cutover
