/// \file
/// Patterns of --only and --exclude that match nothing are likely misspelt, and what they were to
/// leave out would come along: they are an error before anything is done. It is enough that one
/// matches in one of the files, or of the domains on a server, where it may keep something from
/// --prune.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/domain_file.h"
#include "engine/session.h"

namespace vstate::engine {

/// Where patterns are looked for besides files.
struct SearchedServer {
  Session& session;
  std::vector<DomainName> domains;
};

/// Fails with `invalid` and one line for each pattern that matches nothing in all of these; `where`
/// tells people what they are: "example.toml". A server is inspected only for patterns that the
/// files do not have.
Status check_patterns(const Selection&, std::string_view where,
                      const std::vector<const DomainFile*>& files,
                      const std::vector<SearchedServer>& servers);

/// The same for files and, unless the session is null, their domains on a server. Patterns over
/// settings are not looked for (server_settings.h:without_settings); any other is an error where
/// there are settings alone.
Status check_patterns(const Selection&, Session*, const std::vector<DomainFile>&,
                      const std::vector<ServerFile>& = {});

}  // namespace vstate::engine
