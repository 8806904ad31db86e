/// \file
/// What a dump says to a person, on standard error, each line with the domain's name.
#pragma once

#include "cli/console.h"
#include "dump/dump.h"

namespace vstate::cli {

/// Of a dump whose file was written here.
void show_dump(const Console&, const DomainName&, const engine::DumpReport&);
/// The same without the counts of a file that is not written here.
void show_source(const Console&, const DomainName&, const engine::DumpReport&);
void show_change_of_source(const DomainName&);
/// Of all domains of a server: which of them are not vpopmail's, so that nobody takes what follows
/// for the whole server.
void say_what_is_left_alone(const Console&, const engine::Session&);
/// Of a copy that went on to the target.
void show_changed_while_copied();

}  // namespace vstate::cli
