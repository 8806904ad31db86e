/// \file
/// Patterns of --only and --exclude that match nothing are likely misspelt, and what they were to
/// leave out would come along: they are an error, before anything is done. It is enough that one
/// matches in one of the files, or of the domains on a server, where it may keep something from
/// --prune.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/session.h"

namespace vstate::cli {

/// Where patterns are looked for, besides files.
struct SearchedServer {
  Session& session;
  std::vector<DomainName> domains;
};

/// A line for each pattern that matches nothing in all of these; `where` says to people what they
/// are: "example.toml". A server is inspected only for patterns that the files do not have.
[[nodiscard]] Result<std::vector<std::string>> misspelt_patterns(
    const Selection&, std::string_view where, const std::vector<const DomainFile*>& files,
    const std::vector<SearchedServer>& servers);

/// The same for files and, unless it is null, their domains on a server.
[[nodiscard]] Result<std::vector<std::string>> misspelt_patterns(const Selection&, Session*,
                                                                 const std::vector<DomainFile>&);

/// "--exclude" and so on told as errors: false if there were any.
[[nodiscard]] bool are_spelt_well(const Result<std::vector<std::string>>& misspelt);

}  // namespace vstate::cli
