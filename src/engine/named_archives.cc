// Each archive has the name by which the file's reader keeps its place, so that an error about it
// can point at its line.

#include "engine/named_archives.h"

#include <fmt/format.h>

namespace vstate::engine {

std::vector<NamedArchive> archives_of(const State& state) {
  std::vector<NamedArchive> out;
  // The order is that of the State, so that reports come in the order of the file.
  for (const auto& [name, mailbox] : state.mailboxes)
    if (mailbox.mail)
      out.push_back({.box = {Box::Kind::mailbox, name.text()},
                     .subject = "mailbox." + name.text() + ".mail",
                     .archive = &*mailbox.mail});
  for (const auto& [name, list] : state.lists)
    if (list.archive)
      out.push_back({.box = {Box::Kind::list, name.text()},
                     .subject = "list." + name.text() + ".archive",
                     .archive = &*list.archive});
  if (state.archive)
    out.push_back(
        {.box = {Box::Kind::files, ""}, .subject = "domain.archive", .archive = &*state.archive});
  return out;
}

std::vector<NamedPart> parts_of(const NamedArchive& named) {
  // The archive itself is the part without a number; increments count from 0, as in the file.
  std::vector<NamedPart> out{{named.subject, named.archive}};
  const auto& increments = named.archive->increments;
  for (std::size_t i = 0; i < increments.size(); ++i)
    out.push_back({fmt::format("{}.increments[{}]", named.subject, i), &increments[i]});
  return out;
}

}  // namespace vstate::engine
