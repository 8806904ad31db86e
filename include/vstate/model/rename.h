/// \file
/// A domain under another name. Its own addresses change in delivery lines, in lists and their
/// configuration, and in the heads of texts that are sent in its name. What a person wrote and what
/// is given to a program stays as it is, and is named.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vstate/model/state.h"

namespace vstate {

/// The domains that get another name, with that.
using Renaming = std::map<DomainName, DomainName>;

/// "OLD=NEW". Fails with `invalid` for what is no pair of two different names.
[[nodiscard]] Result<std::pair<DomainName, DomainName>> parse_renaming(std::string_view text);

/// A place where the old name stands still.
struct KeptName {
  std::string address;  ///< "mailbox.alice.vacation", as --exclude and places name it
  std::string why;
};

struct Renamed {
  State state;
  std::vector<KeptName> kept;
};

/// Gives a domain its other name; one that is not among the keys stays as it is. Renamed back it is
/// what it was, unless it already named the other domain, or spelt its own name in upper case.
/// Archives keep their names. Fails with `invalid` if the new name is an alias domain of it.
[[nodiscard]] Result<Renamed> rename_domain(State, const Renaming&);

/// The name that a domain has then.
[[nodiscard]] const DomainName& renamed(const DomainName&, const Renaming&);

}  // namespace vstate
