/// \file
/// What both directions of the switch have in common.
#pragma once

#include "cutover/cutover.h"

namespace vstate::cutover {

/// An empty part of the plan for each chosen domain.
[[nodiscard]] SwitchPlan begin_plan(const Journaled&);
[[nodiscard]] DomainSwitch& part_of(SwitchPlan&, const DomainName&);

/// Loads the journals, and chooses those that are named; all for no names. `not_found` for a name
/// without one.
[[nodiscard]] Result<Journaled> chosen_journals(Switchboard&, const std::vector<DomainName>&);

/// Says to qmail-send that virtualdomains and locals changed.
[[nodiscard]] Result<Told> tell_qmail_send(Switchboard&);

/// Drops the edits of a record that are not to be seen in the file: a stopped run did not come to
/// make them, or somebody took them back.
void drop_unmade(FileRecord&, const EditableLines&);

}  // namespace vstate::cutover
