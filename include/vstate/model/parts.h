/// \file
/// A value cut into the smallest parts that a person changes by itself, each with its exact text, a
/// secret with its SHA-256: what a three-way comparison (plan/memory.h) looks at, and takes from
/// one side or the other.
#pragma once

#include <map>
#include <string>

#include "vstate/model/state.h"

namespace vstate {

/// Name -> exact text; a digest for what is a secret. What changes by itself (a last login, mail)
/// is no part. A name that one value has and another lacks is a part that is absent there.
using Parts = std::map<std::string, std::string>;

[[nodiscard]] Parts parts_of(const Mailbox&);
[[nodiscard]] Parts parts_of(const Alias&);
[[nodiscard]] Parts parts_of(const Autoresponder&);
/// "address/SUB/ADDRESS" for each address (SUB is empty for subscribers), "file/NAME", "link/NAME",
/// "option/NAME", and "key".
[[nodiscard]] Parts parts_of(const List&);
[[nodiscard]] Parts parts_of(const File&);
[[nodiscard]] Parts parts_of(const Limits&);
[[nodiscard]] Parts parts_of(const DeliveryLines&);

/// parts_of() of both is the same, without making them.
[[nodiscard]] bool have_same_parts(const Mailbox&, const Mailbox&);

/// Makes one part of `into` as `from` has it, absent if it is absent there.
void take_part(Mailbox& into, const Mailbox& from, const std::string& part);
void take_part(Alias& into, const Alias& from, const std::string& part);
void take_part(Autoresponder& into, const Autoresponder& from, const std::string& part);
void take_part(List& into, const List& from, const std::string& part);
void take_part(File& into, const File& from, const std::string& part);
void take_part(Limits& into, const Limits& from, const std::string& part);
void take_part(DeliveryLines& into, const DeliveryLines& from, const std::string& part);

/// The part in words for a plan: "address b@example.org of moderators".
[[nodiscard]] std::string part_title(const std::string& part);

}  // namespace vstate
