// The questions that every kind of `Files` answers alike. They stand on the virtual ones of
// files.h, so that a new kind of server has to bring only those; the difference between "not there"
// and "cannot tell" is made in one place.

#include "sys/files.h"
#include "sys/path.h"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace vstate {

namespace {

/// What is not there as nullopt, all other failures as they are.
template <class Value>
Result<std::optional<Value>> if_there(Result<Value> found) {
  if (found) return std::optional<Value>(*std::move(found));
  if (found.error().code == Errc::not_found) return std::nullopt;
  return propagate(std::move(found));
}

}  // namespace

// The order of a file system is an accident, and differs between two servers that hold the same.
// All output that depends on a listing is made from the sorted one.
Result<std::vector<DirEntry>> Directory::list() const {
  std::vector<DirEntry> entries;
  VSTATE_TRY(read_names([&](const char* name, FileInfo::Type type) {
    entries.push_back({name, type});
  }));
  std::sort(entries.begin(), entries.end(),
            [](const DirEntry& one, const DirEntry& other) { return one.name < other.name; });
  return entries;
}

Result<std::optional<std::string>> Files::read_if_there(std::string_view path) const {
  return if_there(read(path));
}

Result<std::optional<FileInfo>> Files::look(std::string_view path) const {
  return if_there(info(path));
}

Result<std::optional<FileInfo>> Files::look_followed(std::string_view path) const {
  return if_there(info_followed(path));
}

// A link that leads nowhere does not exist by this question, as it does not for a program that
// opens it.
Result<bool> Files::exists(std::string_view path) const {
  VSTATE_TRY_ASSIGN(const auto found, look_followed(path));
  return found.has_value();
}

// Any x bit will do here: which of them counts depends on who runs the program, and
// sys/permission.h knows that.
std::optional<Identity> ReachedAs::find(std::string_view path) const {
  for (const auto& [place, as] : places_)
    if (is_within(path, place)) return as;
  return std::nullopt;
}

Result<std::vector<std::optional<FileInfo>>> Files::look_again(
    const std::vector<std::string>& paths) const {
  std::vector<std::optional<FileInfo>> found;
  for (const auto& path : paths) {
    VSTATE_TRY_ASSIGN(const auto info, look_followed(path));
    found.push_back(info);
  }
  return found;
}

Result<std::string> read_all(OpenFile& file) {
  std::string bytes;
  std::array<char, 65536> part;
  while (true) {
    VSTATE_TRY_ASSIGN(const auto count, file.read(part));
    if (count == 0) return bytes;
    bytes.append(part.data(), count);
  }
}

Result<bool> is_executable(const Files& files, std::string_view path) {
  VSTATE_TRY_ASSIGN(const auto found, files.look_followed(path));
  return found && found->is_regular() && (found->mode & 0111U) != 0;
}

Result<std::vector<DirEntry>> Files::list(std::string_view path) const {
  VSTATE_TRY_ASSIGN(const auto directory, open_directory(path));
  return directory->list();
}

Result<std::string> resolve(const Files& files, std::string_view path) {
  VSTATE_TRY_ASSIGN(auto way, files.way_of(path));
  return std::move(way.path);
}

std::optional<SystemAccount> find_in_passwd(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    // A last line may lack its newline; then all of the rest is the line.
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    // A passwd line has seven fields. The shell, the last one, is not needed, so a line that stops
    // after the home is still taken; more fields than seven are not looked at.
    std::array<std::string_view, 7> fields;
    std::size_t count = 0;
    for (auto rest = line; count < fields.size(); ++count) {
      fields[count] = rest.substr(0, rest.find(':'));
      if (fields[count].size() == rest.size()) {
        ++count;
        break;
      }
      rest.remove_prefix(fields[count].size() + 1);
    }
    if (count < 6 || fields[0] != name) continue;
    return SystemAccount{
        static_cast<std::uint32_t>(std::strtoul(std::string(fields[2]).c_str(), nullptr, 10)),
        static_cast<std::uint32_t>(std::strtoul(std::string(fields[3]).c_str(), nullptr, 10)),
        std::string(fields[5])};
  }
  return std::nullopt;
}

Result<std::optional<SystemAccount>> find_in_passwd(const Files& files, std::string_view name) {
  VSTATE_TRY_ASSIGN(const auto text, files.read_if_there("/etc/passwd"));
  return text ? find_in_passwd(*text, name) : std::nullopt;
}

}  // namespace vstate
