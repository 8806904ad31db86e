// Nobody knows all files that patches and filters of twenty years have put beside qmail's own. A
// name is looked for as a word, whatever the file is: a line too much costs a look, and one too few
// costs mail.

#include "qmail/mentions.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "sys/path.h"
#include "vstate/base/text.h"
#include "vstate/model/server_state.h"

namespace vstate {

namespace {

constexpr std::size_t k_largest_mentions = std::size_t{1} << 20;

/// Publication, which is compared by itself; locks, compiled files, keys, leftovers.
bool is_no_text(std::string_view name) {
  constexpr std::array<std::string_view, 4> publication{"rcpthosts", "morercpthosts",
                                                        "virtualdomains", "locals"};
  constexpr std::array<std::string_view, 5> endings{".lock", ".cdb", ".tmp", ".pem", ".key"};
  return std::find(publication.begin(), publication.end(), name) != publication.end() ||
         is_temporary(name) || std::any_of(endings.begin(), endings.end(), [&](auto ending) {
           return name.ends_with(ending);
         });
}

bool holds_keys(std::string_view name) {
  constexpr std::array<std::string_view, 4> names{"domainkeys", "dkim", "dkimkeys", "signatures"};
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// The names of hosts in a line, in lower case: words of letters, digits, "-" and ".".
std::vector<std::string> hosts_in(std::string_view line) {
  std::vector<std::string> hosts;
  const auto is_of_host = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.';
  };
  std::size_t at = 0;
  while (at < line.size()) {
    const auto start = at;
    while (at < line.size() && is_of_host(line[at])) ++at;
    auto word = line.substr(start, at - start);
    // ".example.com" is about what is below example.com, and so is of interest to it.
    while (word.starts_with('.')) word.remove_prefix(1);
    while (word.ends_with('.')) word.remove_suffix(1);
    if (!word.empty()) hosts.push_back(to_lower(word));
    if (at == start) ++at;
  }
  return hosts;
}

/// "example.com", also of "example.com.pem".
std::string host_of_file(std::string_view name) {
  for (const std::string_view ending : {".pem", ".key", ".private", ".public", ".pub", ".txt"})
    if (name.ends_with(ending)) name.remove_suffix(ending.size());
  return to_lower(name);
}

}  // namespace

void Mentions::take_file(std::string_view name, std::string_view bytes) {
  const bool is_carried = setting_file("control." + std::string(name)).has_value();
  for (const auto raw : split_lines(bytes)) {
    const auto line = trim_end(raw);
    if (line.empty() || line.front() == '#') continue;
    // A route may end with a login.
    const auto shown = shown_value("control." + std::string(name), std::string(line));
    const auto text =
        fmt::format("control/{} has \"{}\"; {}", name, shown,
                    is_carried ? "server.toml carries it (dump --server)"
                               : "it is no part of the domain's file: take it along by hand");
    for (const auto& host : hosts_in(line)) {
      auto& lines = by_name_[host];
      if (lines.empty() || lines.back() != text) lines.push_back(text);
    }
  }
}

Status Mentions::take_keys(const Files& files, const std::string& directory,
                           const std::string& shown) {
  const auto entries = files.list(directory);
  if (!entries && entries.error().code == Errc::not_found) return {};
  if (!entries) return propagate(entries);
  for (const auto& entry : *entries)
    by_name_[host_of_file(entry.name)].push_back(
        fmt::format("{}/{} is there for it, such as keys that sign its mail; take it along by "
                    "hand, with its owner and mode",
                    shown, entry.name));
  return {};
}

Result<Mentions> Mentions::load(const Files& files, const Server& server,
                                std::vector<std::string>& blemishes) {
  Mentions out;
  const auto control = path_join(server.qmail_dir, "control");
  const auto note = [&](const std::string& name, const Status& looked) {
    if (looked || looked.error().code == Errc::not_found) return;
    blemishes.push_back(
        fmt::format("whether {} names a domain is not known: {}", name, looked.error().message));
  };
  const auto entries = files.list(control);
  // A server without it is told so by what reads its files.
  if (!entries && entries.error().code == Errc::not_found) return out;
  if (!entries) return propagate(entries);
  for (const auto& entry : *entries) {
    const auto path = path_join(control, entry.name), shown = "control/" + entry.name;
    if (holds_keys(entry.name) && entry.type != FileInfo::Type::regular) {
      note(shown, out.take_keys(files, path, shown));
    } else if (entry.type == FileInfo::Type::regular && !is_no_text(entry.name)) {
      const auto bytes = files.read(path, k_largest_mentions);
      if (bytes) out.take_file(entry.name, *bytes);
      if (!bytes) note(shown, tl::unexpected<Error>(bytes.error()));
    }
  }
  note("/etc/domainkeys", out.take_keys(files, "/etc/domainkeys", "/etc/domainkeys"));
  return out;
}

std::vector<std::string> Mentions::of(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? std::vector<std::string>() : found->second;
}

}  // namespace vstate
