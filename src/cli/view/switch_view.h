/// \file
/// What a person sees of a switch.
#pragma once

#include <string>
#include <string_view>

#include "cli/console.h"
#include "cutover/cutover.h"

namespace vstate::cli {

/// Each line that is changed, and what is in the way.
[[nodiscard]] std::string text_of(const cutover::SwitchPlan&, std::string_view title);
[[nodiscard]] std::string text_of(const cutover::DomainStatus&);
/// What a person has to do where qmail-send was not told.
void say_told(const Console&, cutover::Told);

}  // namespace vstate::cli
