// The index saves a repeated dump from reading its own archives. It is a help and no truth: where
// it does not fit the archives that it names, it is left aside and the dump begins with a whole
// archive, which costs time and nothing else.

#include "archive/index.h"

#include <sys/stat.h>

#include <algorithm>

#include <fmt/format.h>

#include "maildir/numbers.h"
#include "vstate/base/text.h"

namespace vstate {

namespace {

constexpr std::string_view k_title = "vstate-index 1\n";

std::optional<std::uint64_t> size_of(const std::string& path) {
  struct stat st {};
  if (stat(path.c_str(), &st) != 0 || !S_ISREG(st.st_mode)) return std::nullopt;
  return static_cast<std::uint64_t>(st.st_size);
}

/// A part whose file is missing or has another size is none: somebody has moved or replaced it.
std::optional<ArchivePart> parse_part(std::string_view line, const std::string& root) {
  constexpr std::size_t fields_before_path = 4;
  // The path comes last, since it may hold blanks.
  std::vector<std::string_view> fields;
  while (fields.size() < fields_before_path) {
    const auto blank = line.find(' ');
    if (blank == std::string_view::npos) return std::nullopt;
    fields.push_back(line.substr(0, blank));
    line.remove_prefix(blank + 1);
  }
  const auto messages = to_number(fields[1]), bytes = to_number(fields[2]);
  const auto size = to_number(fields[3]);
  if (!messages || !bytes || !size || size_of(path_join(root, line)) != size) return std::nullopt;
  return ArchivePart{std::string(line), *messages, *bytes, std::string(fields[0])};
}

}  // namespace

Result<std::string> to_bytes(const IndexFile& index, const std::string& root) {
  std::string out(k_title);
  Status status;
  index.archive.for_each([&](const ArchivePart& part) {
    const auto path = path_join(root, part.archive);
    const auto size = size_of(path);
    if (!size) status = fail_errno(path, "cannot stat");
    out += fmt::format("{} {} {} {} {}\n", part.sha256, part.messages, part.bytes, size.value_or(0),
                       part.archive);
  });
  if (!status) return propagate(status);
  // An empty line ends the archives; from there on the bytes have a fixed width.
  out += "\n";
  for (const auto& entry : index.entries) mail::append_entry(out, entry);
  return out;
}

/// An index that cannot be used costs one whole archive, so nothing in it is an error.
std::optional<IndexFile> parse_index(std::string_view bytes, const std::string& root) {
  if (!bytes.starts_with(k_title)) return std::nullopt;
  bytes.remove_prefix(k_title.size());
  IndexFile index;
  bool has_archive = false;
  while (true) {
    const auto end = bytes.find('\n');
    if (end == std::string_view::npos) return std::nullopt;
    const auto line = bytes.substr(0, end);
    bytes.remove_prefix(end + 1);
    if (line.empty()) break;
    auto part = parse_part(line, root);
    if (!part) return std::nullopt;
    if (!std::exchange(has_archive, true))
      static_cast<ArchivePart&>(index.archive) = *std::move(part);
    else
      index.archive.increments.push_back(*std::move(part));
  }
  // A length that is no whole number of entries means that the file was cut off.
  if (!has_archive || bytes.size() % mail::k_entry_bytes != 0) return std::nullopt;
  index.entries.reserve(bytes.size() / mail::k_entry_bytes);
  for (; !bytes.empty(); bytes.remove_prefix(mail::k_entry_bytes))
    index.entries.push_back(mail::entry_of(bytes));
  // The memory that is made of it searches by key.
  const auto by_key = [](const auto& a, const auto& b) { return a.key < b.key; };
  if (!std::is_sorted(index.entries.begin(), index.entries.end(), by_key)) return std::nullopt;
  return index;
}

}  // namespace vstate
