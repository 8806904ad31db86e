/// \file
/// A plan as JSON (schemas/plan.schema.json) and as text. The text is made from the JSON, so that
/// the two cannot disagree.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "vstate/plan/plan.h"
#include "vstate/plan/server_plan.h"

namespace vstate::view {

/// Format version 2. Fields are only ever added within a version; readers ignore unknown ones.
[[nodiscard]] nlohmann::ordered_json to_json(const Plan&);
/// The plan of a server's settings; it has "document": "server", and no domain.
[[nodiscard]] nlohmann::ordered_json to_json(const ServerPlan&);

struct TextOptions {
  bool color = false;
  /// With the evidence of detection, each row in full, and the legend of signs.
  bool verbose = false;
  bool unicode = true;  ///< arrows and "…"; otherwise "->" and "..."
  /// Columns of the terminal that it is for; 0: not for one, and nothing is cut or folded.
  std::size_t width = 0;
  /// Only what a person has to decide on stands between head and summary: warnings, conflicts, and
  /// what is deleted. `verbose` overrides it.
  bool brief = false;
  std::string locale = {};  ///< whose columns (Ruler); empty: the environment's
};
/// The plan for a person; ends with the summary line or "Nothing to do". A mailbox and the mail
/// that is copied into it are one row. Of more than 100 rows of one sign and kind the first 20
/// stand there and the number of the others; what is deleted, warnings, and conflicts always stand
/// there all, and whole.
[[nodiscard]] std::string to_text(const nlohmann::ordered_json& plan, const TextOptions&);

/// "Adds 301 mailboxes, 2 lists; changes 1 mailbox."; empty if nothing is added, changed, or
/// deleted.
[[nodiscard]] std::string sums_line(const nlohmann::ordered_json& plan);
/// "Plan: 4 to add, 1 to change, 0 to delete; ...": scripts search for this line.
[[nodiscard]] std::string summary_line(const nlohmann::ordered_json& plan);

}  // namespace vstate::view
