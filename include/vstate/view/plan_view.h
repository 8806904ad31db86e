/// \file
/// A plan as JSON (schemas/plan.schema.json) and as text. The text is made from the JSON, so that
/// the two cannot disagree.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "vstate/plan/plan.h"

namespace vstate::view {

/// Format version 1. Fields are only ever added within a version; readers ignore unknown ones.
[[nodiscard]] nlohmann::ordered_json to_json(const Plan&);

struct TextOptions {
  bool color = false;
  bool verbose = false;  ///< with the evidence of detection and the legend of signs
  bool unicode = true;   ///< arrows; otherwise "->"
};
/// The plan for a person; ends with the summary line or "Nothing to do".
[[nodiscard]] std::string to_text(const nlohmann::ordered_json& plan, const TextOptions&);

/// "Plan: 4 to add, 1 to change, 0 to delete; ...": scripts search for this line.
[[nodiscard]] std::string summary_line(const nlohmann::ordered_json& plan);

}  // namespace vstate::view
