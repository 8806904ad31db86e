// A domain's directory with anything in it. Each section begins with a line: PATH, PATH/ for a
// directory, or PATH -> TARGET; what follows is a file's content. A section that begins with "@" is
// what the back-end has of alice: a line each of hash, gecos, quota, flags, last login and from
// where.

#include "archive/tar_reader.h"
#include "fuzz.h"
#include "support/memory_server.h"
#include "sys/path.h"
#include "vstate/base/text.h"
#include "vstate/document/document.h"
#include "vstate/document/secrets.h"

using namespace vstate;

namespace {

/// Whether a path can be made: nothing but directories stands on the way. What a back-end keeps in
/// files is not there, since this one has none.
bool can_be_made(const test::MemoryServer& server, const std::string& path) {
  const auto parts = split(path, '/');
  if (is_kept_name(parts.front()) && parts.front() != ".qmail-default") return false;
  std::string at = test::MemoryServer::in_domain("");
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) at += '/';
    at += parts[i];
    const auto info = server.files.info(at);
    if (info && (i + 1 < parts.size()) != info->is_directory()) return false;
  }
  return true;
}

std::string_view without_nul(std::string_view text) { return text.substr(0, text.find('\0')); }

void set_account(test::MemoryServer& server, fuzz::Input& input) {
  for (auto& account : server.tables.accounts) {
    if (account.name != "alice") continue;
    account.password = Secret(std::string(without_nul(input.line())));
    account.gecos = without_nul(input.line());
    account.quota = without_nul(input.line());
    account.flags = to_number(input.line()).value_or(0);
  }
  const auto at = std::chrono::seconds(to_number(input.line()).value_or(0) / 2);
  server.tables.logins["alice"] = {
      {std::chrono::sys_seconds(at), std::string(without_nul(input.line()))}, "lastauth"};
}

}  // namespace

VSTATE_FUZZ_TARGET(inspection) {
  fuzz::Input input(bytes);
  test::MemoryServer server;
  constexpr int most_files = 40;
  for (int i = 0; i < most_files && !input.is_empty(); ++i) {
    fuzz::Input section(input.section());
    const auto line = section.line();
    if (line == "@") {
      set_account(server, section);
      continue;
    }
    constexpr std::string_view arrow = " -> ";
    const auto link = line.find(arrow);
    const auto checked = mail::checked_path(line.substr(0, link));
    if (!checked || checked->empty() || checked->find('\0') != std::string::npos ||
        !can_be_made(server, *checked))
      continue;
    const auto path = test::MemoryServer::in_domain(*checked);
    if (link != std::string_view::npos) {
      const std::string target(line.substr(link + arrow.size()));
      if (!target.empty() && target.find('\0') == std::string::npos) server.link(path, target);
    } else if (line.ends_with('/')) {
      server.directory(path);
    } else {
      server.file(path, section.rest());
    }
  }

  const auto seen = server.inspect();
  VSTATE_ASSERT(seen && seen->state);
  const auto& state = *seen->state;
  Diagnostics diagnostics;
  const auto again = document::read(document::write(state), "x.toml", diagnostics);
  VSTATE_ASSERT(again && *again == state);
  const auto split = document::write_split(state);
  auto whole = document::read(split.open, "open.toml", diagnostics);
  VSTATE_ASSERT(whole && document::add_secrets(*whole, split.secrets, "s.toml", {}, diagnostics));
  VSTATE_ASSERT(*whole == state);
}
