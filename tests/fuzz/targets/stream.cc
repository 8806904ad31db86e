// The stream of a dump, as the reader of a pull gets it. An input that begins with "members" is a
// list of them, each a line "KIND MODE STAMP PATH" and a section with its bytes or target, and
// their digests are right, as a server can make them that lies in all else. Any other input is the
// stream itself.

#include "archive/stream.h"

#include <fcntl.h>
#include <unistd.h>

#include "archive/chained_digest.h"
#include "archive/tar_reader.h"
#include "archive/tar_writer.h"
#include "fuzz.h"
#include "vstate/base/text.h"

using namespace vstate;

namespace {

/// Takes all, and looks at every path.
class CheckingSink final : public RemoteSink {
 public:
  Result<bool> wants_message(const std::string& path) override {
    check(path);
    return true;
  }
  bool wants_file(const std::string& path, std::uint64_t) override {
    check(path);
    return true;
  }
  Status take(const TreeEntry& entry, Content& content) override {
    check(entry.path);
    VSTATE_ASSERT(entry.mode <= 0777U);
    if (entry.is_scoped) VSTATE_ASSERT(mail::as_message(entry.path).has_value());
    // Every other file is left unread, and one is refused.
    if (++taken_ % 7 == 0) return fail(Errc::io, "refused");
    if (entry.kind != EntryKind::regular || taken_ % 2 == 0) return {};
    std::uint64_t size = 0;
    const auto status = content.read([&](std::string_view part) -> Status {
      size += part.size();
      return {};
    });
    if (status) VSTATE_ASSERT(size == entry.size);
    return status;
  }
  Status forget_unseen() override { return {}; }
  Status finish() override { return {}; }
  void expect_repeated(std::vector<NameHash>) override {}
  Status restate(const NameHash&, const std::string& path) override {
    check(path);
    return {};
  }
  Status forget(const NameHash&) override { return {}; }
  void expect_no_more() override {}

 private:
  static void check(const std::string& path) {
    VSTATE_ASSERT(!path.empty() && mail::checked_path(path) == path);
  }
  unsigned taken_ = 0;
};

/// The stream of the members that the input lists.
std::string members_stream(fuzz::Input& input) {
  const fuzz::MemoryFile file("");
  auto tar = mail::TarWriter::open(file.descriptor(), "x");
  VSTATE_ASSERT(tar.has_value());
  mail::ChainedDigest digest;
  while (!input.is_empty()) {
    fuzz::Input section(input.section());
    const auto line = section.line();
    const auto words = split(line, ' ');
    constexpr std::size_t in_front = 3;
    if (words.size() <= in_front) continue;
    TreeEntry entry;
    entry.path = line.substr(words[0].size() + words[1].size() + words[2].size() + in_front);
    entry.mode = static_cast<unsigned>(to_number(words[1]).value_or(0)) & 07777U;
    entry.stamp = to_number(words[2]).value_or(0);
    const std::string bytes(section.rest());
    entry.kind = words[0] == "d"   ? EntryKind::directory
                 : words[0] == "l" ? EntryKind::link
                                   : EntryKind::regular;
    if (entry.path.empty() || entry.path.find('\0') != std::string::npos) continue;
    if (entry.kind == EntryKind::link) {
      entry.target = bytes;
      entry.size = bytes.size();
      if (bytes.empty() || bytes.find('\0') != std::string::npos) continue;
    }
    if (entry.kind == EntryKind::regular) entry.size = bytes.size();
    digest.begin(entry);
    if (entry.kind == EntryKind::regular) entry.size += mail::ChainedDigest::k_length;
    // A name that no tar can hold ends it.
    if (!(*tar)->stamped_header(entry)) break;
    if (entry.kind != EntryKind::regular) continue;
    digest.bytes(bytes);
    VSTATE_ASSERT((*tar)->data(bytes + digest.finish()).has_value());
  }
  (void)(*tar)->close();
  return file.bytes();
}

void read_stream(const std::string& bytes) {
  static const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
  auto reader = StreamReader::open(nothing, bytes, std::chrono::seconds(5));
  if (!reader || !(*reader)->read_document()) return;
  while (true) {
    const auto box = (*reader)->next_box();
    if (!box || !*box) return;
    VSTATE_ASSERT((*box)->name.find('/') == std::string::npos);
    CheckingSink sink;
    const auto status = (*reader)->fill(sink);
    if (!status && status.error().ends_run()) return;
  }
}

}  // namespace

VSTATE_FUZZ_TARGET(stream) {
  fuzz::Input input(bytes);
  if (!bytes.starts_with("members\n")) return read_stream(std::string(bytes));
  (void)input.line();
  read_stream(members_stream(input));
}
