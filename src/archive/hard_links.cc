// Archives of vstate hold no hard links, but a tar that somebody made by hand may. A link's bytes
// are those of a file that came before it, and a tar cannot be read backwards: what is linked to is
// set aside once, and read from there. An archive without hard links never comes here.

#include "archive/hard_links.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace vstate::mail {

Result<std::unique_ptr<HardLinks>> HardLinks::gather(const std::string& archive,
                                                     ExtractLimits limits) {
  auto out = std::make_unique<HardLinks>();
  // Unnamed, so that nothing is left of it however the program ends.
  out->spool_.reset(std::tmpfile());
  if (!out->spool_) return fail_errno("temporary file", "cannot create");
  {
    VSTATE_TRY_ASSIGN(auto reader, Reader::open(archive, limits, Reader::Links::as_found));
    VSTATE_TRY(out->gather_names(reader));
  }
  // The archive is read twice, since a link stands behind the file that it names.
  VSTATE_TRY_ASSIGN(auto reader, Reader::open(archive, limits, Reader::Links::as_found));
  VSTATE_TRY(out->gather_contents(reader));
  return out;
}

Status HardLinks::gather_names(Reader& reader) {
  while (true) {
    VSTATE_TRY_ASSIGN(const bool is_there, reader.next());
    if (!is_there) return {};
    // A place for its content; what the name stands for comes with the next pass.
    if (!reader.entry().hard_link.empty())
      by_name_.try_emplace(hash_name(reader.entry().hard_link));
  }
}

Status HardLinks::gather_contents(Reader& reader) {
  std::uint64_t end = 0;
  while (true) {
    VSTATE_TRY_ASSIGN(const bool is_there, reader.next());
    if (!is_there) break;
    const auto& entry = reader.entry();
    const auto wanted = by_name_.find(hash_name(entry.path));
    if (entry.kind != EntryKind::regular || wanted == by_name_.end()) continue;
    if (!entry.hard_link.empty()) {
      // A link that other links name: its content is that of the file behind it.
      if (auto content = find(entry.hard_link, entry.number)) {
        content->number = entry.number;
        wanted->second = content;
      }
      continue;
    }
    // Where a name comes again, its last bytes count.
    wanted->second = Content{entry.number, end, entry.size};
    end += entry.size;
    VSTATE_TRY(reader.read([&](std::string_view part) -> Status {
      if (std::fwrite(part.data(), 1, part.size(), spool_.get()) != part.size())
        return fail_errno("temporary file", "cannot write");
      return {};
    }));
  }
  if (std::fflush(spool_.get()) != 0) return fail_errno("temporary file", "cannot write");
  return {};
}

/// A link to what comes later would not be resolved by tar either.
std::optional<HardLinks::Content> HardLinks::find(std::string_view path,
                                                  std::uint32_t before) const {
  const auto found = by_name_.find(hash_name(path));
  if (found == by_name_.end() || !found->second || found->second->number >= before)
    return std::nullopt;
  return found->second;
}

Status HardLinks::read(const Content& content, const Sink& sink) const {
  std::array<char, 65536> buffer{};
  std::uint64_t done = 0;
  while (done < content.size) {
    const auto wanted =
        static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), content.size - done));
    // pread(2) has no position of its own, so a second reader cannot disturb this one.
    const auto count =
        pread(fileno(spool_.get()), buffer.data(), wanted, static_cast<off_t>(content.at + done));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return fail_errno("temporary file", "cannot read");
    VSTATE_TRY(sink({buffer.data(), static_cast<std::size_t>(count)}));
    done += static_cast<std::uint64_t>(count);
  }
  return {};
}

}  // namespace vstate::mail
