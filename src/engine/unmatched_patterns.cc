// A pattern that matches nothing is likely misspelt, and what it was to leave out would come along.
// So before a run begins, all patterns are looked for in the files, and those that are not there on
// the server.

#include "engine/unmatched_patterns.h"

#include <algorithm>

#include <fmt/format.h>

namespace vstate::engine {

namespace {

/// The patterns that matched nothing in all places that were looked at.
class Unmatched {
 public:
  explicit Unmatched(const Selection& selection) : patterns_(selection.only) {
    patterns_.insert(patterns_.end(), selection.exclude.begin(), selection.exclude.end());
  }
  [[nodiscard]] const std::vector<std::string>& patterns() const { return patterns_; }
  /// Another place was looked at, and these matched nothing there.
  void keep(const std::vector<std::string>& unmatched) {
    // What has matched once is fine, wherever that was.
    std::erase_if(patterns_, [&](const std::string& pattern) {
      return std::find(unmatched.begin(), unmatched.end(), pattern) == unmatched.end();
    });
  }

 private:
  std::vector<std::string> patterns_;
};

Status look_in(const SearchedServer& server, const Selection& selection, Unmatched& unmatched) {
  auto& session = server.session;
  for (const auto& name : server.domains) {
    // An inspection takes its time, and is spared when nothing is left to look for.
    if (unmatched.patterns().empty()) return {};
    const auto found = inspect(session, name, selection);
    // The command reports what is wrong with a domain once it comes to it.
    if (found)
      unmatched.keep(found->unmatched);
    else if (found.error().ends_run())
      return propagate(found);
  }
  return {};
}

}  // namespace

Status check_patterns(const Selection& selection, std::string_view where,
                      const std::vector<const DomainFile*>& files,
                      const std::vector<SearchedServer>& servers) {
  Unmatched unmatched(selection);
  for (const auto* file : files) unmatched.keep(file->unmatched);
  for (const auto& server : servers) VSTATE_TRY(look_in(server, selection, unmatched));
  if (unmatched.patterns().empty()) return {};
  std::vector<std::string> lines;
  for (const auto& pattern : unmatched.patterns())
    lines.push_back(fmt::format(
        "nothing in {} is called \"{}\"; addresses are like mailbox.NAME, mail.NAME, alias.NAME, "
        "list.NAME",
        where, pattern));
  return fail_lines(Errc::invalid, lines);
}

Status check_patterns(const Selection& given, Session* session,
                      const std::vector<DomainFile>& files,
                      const std::vector<ServerFile>& settings) {
  const auto selection = settings.empty() ? given : without_settings(given, settings);
  if (files.empty() && !settings.empty() && !selection.is_of_all())
    return fail(Errc::invalid,
                fmt::format("nothing in {} is called \"{}\"; addresses are like "
                            "server.control.locals, server.alias.root",
                            settings.front().name,
                            (selection.only.empty() ? selection.exclude : selection.only).front()));
  if (files.empty()) return {};
  auto where = files.size() == 1 ? files.front().name : std::string("the files");
  std::vector<const DomainFile*> pointers;
  std::vector<SearchedServer> servers;
  if (session != nullptr) {
    servers.push_back({*session, {}});
    where += " or on this server";
  }
  for (const auto& file : files) {
    pointers.push_back(&file);
    if (session != nullptr) servers.front().domains.push_back(file.state.name);
  }
  return check_patterns(selection, where, pointers, servers);
}

}  // namespace vstate::engine
