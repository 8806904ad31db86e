// What qmail and vpopmail believe about domains, read once for all of them. Each file is remembered
// by the version that was read, so that a run over many domains can tell when somebody edits it
// meanwhile. Damage in a compiled file stops nothing: it can be made anew from its text, and is
// named.

#include "qmail/qmail_files.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "format/cdb.h"
#include "sys/far_side.h"
#include "sys/path.h"
#include "vstate/base/text.h"

namespace vstate {

namespace {

std::uint32_t id_of(const std::string& text) {
  return static_cast<std::uint32_t>(to_number(text).value_or(0));
}

std::optional<PlaceId> place_of(const Files& system, const std::string& directory) {
  const auto found = system.look_followed(directory);
  // A directory that cannot be looked at is no proof that two are the same.
  if (!found || !*found) return std::nullopt;
  return PlaceId{(*found)->device, (*found)->inode};
}

/// Lower-case keys of a control file.
std::set<std::string, std::less<>> keys_of(const ControlFile& file) {
  std::set<std::string, std::less<>> keys;
  for (const auto& entry : file.entries()) keys.insert(to_lower(entry));
  return keys;
}

/// Of several lines that lead to one directory, the one that is called like the directory is the
/// domain; where none is, the first is taken.
void settle_names_of_one_place(const Files& system, const std::vector<AssignedDomain*>& names) {
  const auto resolved = resolve(system, names.front()->directory);
  const auto is_called_so = [&](const AssignedDomain* domain) {
    return resolved && path_name(*resolved) == domain->name;
  };
  auto real = std::find_if(names.begin(), names.end(), is_called_so);
  if (real == names.end()) real = names.begin();
  for (auto* domain : names) {
    if (domain == *real) continue;
    domain->kind = AssignedDomain::Kind::alias;
    domain->real = (*real)->name;
  }
}

}  // namespace

// ".." stays: what it means depends on links, and only the file system can say.
std::string clean_path(std::string_view path) {
  std::string out;
  for (const auto part : split(path, '/'))
    if (!part.empty() && part != ".") out.append("/").append(part);
  return out.empty() && !path.empty() ? "/" : out;
}

bool is_same_directory(const Files& system, const std::string& one, const std::string& other) {
  const auto here = clean_path(one), there = clean_path(other);
  if (here == there) return true;
  const auto place = place_of(system, here);
  return place && place == place_of(system, there);
}

Result<QmailFiles> QmailFiles::load(const Files& system, const Server& server) {
  QmailFiles out;
  const auto gathered = gather(
      system, {{{path_join(server.qmail_dir, "users"), path_join(server.qmail_dir, "control")}}});
  VSTATE_TRY(out.load_assign(system, server));
  VSTATE_TRY(out.load_control(system, server));
  VSTATE_TRY_ASSIGN(out.mentions_, Mentions::load(system, server, out.blemishes_));
  return out;
}

Result<QmailFiles::Version> QmailFiles::version_of(const Files& system, const std::string& path) {
  VSTATE_TRY_ASSIGN(const auto info, system.look_followed(path));
  if (!info) return Version{};
  return Version{info->device, info->inode, info->size, info->changed};
}

Result<std::optional<std::string>> QmailFiles::read(const Files& system, const std::string& path) {
  // The version first: what is replaced in between is read anew the next time.
  VSTATE_TRY_ASSIGN(files_[path], version_of(system, path));
  return system.read_if_there(path);
}

Result<bool> QmailFiles::is_current(const Files& system) const {
  if (const auto* far = system.far_side()) {
    std::vector<std::string> paths;
    for (const auto& [path, version] : files_) paths.push_back(path);
    far->expect(paths);
  }
  for (const auto& [path, version] : files_) {
    VSTATE_TRY_ASSIGN(const auto now, version_of(system, path));
    if (now != version) return false;
  }
  return true;
}

Status QmailFiles::load_assign(const Files& system, const Server& server) {
  const auto path = path_join(server.qmail_dir, "users/assign");
  VSTATE_TRY_ASSIGN(const auto bytes, read(system, path));
  if (bytes) assign_ = AssignFile::parse(*bytes);
  // One bad line makes qmail-newu refuse all of the file, so every later domain would fail because
  // of it.
  for (const auto& item : assign_.blemishes())
    blemishes_.push_back(
        fmt::format("{}: line {}: {}; qmail-newu refuses the file until it is mended", path,
                    item.line, item.what));
  for (const auto& [name, entry] : assign_.domains()) {
    by_name_.emplace(name, domains_.size());
    domains_.push_back({name,
                        AssignedDomain::Kind::domain,
                        to_lower(entry.user),
                        clean_path(entry.home),
                        {id_of(entry.uid), id_of(entry.gid)}});
  }
  settle_kinds(system);
  // vpopmail can make a domain anywhere (vadddomain -d). Those that lie elsewhere are few, and are
  // gathered here so that bounds for links need not go through all domains.
  std::copy_if(domains_.begin(), domains_.end(), std::back_inserter(outside_),
               [below = server.domains_dir + "/"](const AssignedDomain& domain) {
                 return !domain.directory.starts_with(below);
               });
  for (std::size_t i = 0; i < domains_.size(); ++i)
    if (domains_[i].kind == AssignedDomain::Kind::alias) by_real_[domains_[i].real].push_back(i);
  VSTATE_TRY_ASSIGN(const auto cdb_bytes, read(system, server.assign_cdb));
  for (const auto& [key, data] : records_of(cdb_bytes.value_or(""), server.assign_cdb)) {
    auto entry = entry_of_record(key, data);
    if (!entry || !entry->key.ends_with('-')) continue;
    const auto name = entry->key.substr(0, entry->key.size() - 1);
    // vpopmail's tools and qmail go by users/cdb alone, so a name that only it has is still live.
    if (find(name) == nullptr) stale_[to_lower(entry->user)].push_back(name);
    // The first of equal keys is the one that look-ups see.
    cdb_.emplace(name, *std::move(entry));
  }
  return {};
}

/// An index is made of its text, so a damaged one holds up nothing here: what it should have is
/// missing in it.
cdb::Records QmailFiles::records_of(const std::string& bytes, const std::string& path) {
  if (bytes.empty()) return {};
  auto records = cdb::read(bytes);
  if (records) return *std::move(records);
  blemishes_.push_back(fmt::format("{}: {}; the next apply that publishes makes it anew", path,
                                   records.error().message));
  return {};
}

/// vpopmail writes the real domain into the line of its alias domain. A line that an administrator
/// wrote, or old vpopmail with its links between directories, is told by the place that it leads
/// to.
void QmailFiles::settle_kinds(const Files& system) {
  using Kind = AssignedDomain::Kind;
  if (const auto* far = system.far_side()) {
    std::vector<std::string> directories;
    for (const auto& domain : domains_) directories.push_back(domain.directory);
    far->expect(directories);
  }
  std::map<PlaceId, std::vector<AssignedDomain*>> own;  // lines that name themselves
  for (auto& domain : domains_) {
    if (domain.real != domain.name) continue;
    if (const auto place = place_of(system, domain.directory)) own[*place].push_back(&domain);
  }
  for (const auto& [place, names] : own) {
    if (names.size() > 1) settle_names_of_one_place(system, names);
  }
  for (auto& domain : domains_) {
    if (domain.real == domain.name || domain.kind == Kind::alias) continue;
    // The second field names no domain that leads to the same directory, so the line belongs to
    // another program.
    const auto* user = find(domain.real);
    if (user == nullptr || !is_same_directory(system, user->directory, domain.directory)) {
      domain.kind = Kind::foreign;
      continue;
    }
    domain.kind = Kind::alias;
    // An alias of an alias belongs to the domain at the end.
    if (user->kind == Kind::alias) domain.real = user->real;
  }
}

Status QmailFiles::load_control(const Files& system, const Server& server) {
  const auto control = path_join(server.qmail_dir, "control");
  const auto read_control = [&](std::string_view name) {
    return read(system, path_join(control, name));
  };
  VSTATE_TRY_ASSIGN(const auto virtualdomains, read_control("virtualdomains"));
  for (const auto& line : ControlFile::parse(virtualdomains.value_or("")).entries()) {
    const auto colon = line.find(':');
    if (colon == std::string::npos) continue;
    const auto key = to_lower(line.substr(0, colon));
    // Of equal keys the last is in force (constmap.c), and the assignment leaves that one.
    virtual_[key] = line.substr(colon + 1);
    prepended_[to_lower(line.substr(colon + 1))].push_back(line);
    by_host_[key.substr(key.rfind('@') + 1)].push_back(line);
  }
  VSTATE_TRY_ASSIGN(const auto locals, read_control("locals"));
  if (locals) {
    locals_ = keys_of(ControlFile::parse(*locals));
  } else {
    // Without the file, control/me is the one local name.
    VSTATE_TRY_ASSIGN(const auto me, read_control("me"));
    const auto file = ControlFile::parse(me.value_or(""));
    if (file.line_count() > 0) locals_ = {to_lower(trim_end(file.lines().front()))};
  }
  VSTATE_TRY_ASSIGN(const auto rcpthosts, read_control("rcpthosts"));
  // An empty file refuses all, a missing one accepts all; only the second is an open relay.
  has_rcpthosts_ = rcpthosts.has_value();
  rcpthosts_ = keys_of(ControlFile::parse(rcpthosts.value_or("")));
  VSTATE_TRY_ASSIGN(const auto more, read_control("morercpthosts"));
  morercpthosts_ = keys_of(ControlFile::parse(more.value_or("")));
  VSTATE_TRY_ASSIGN(const auto more_cdb, read_control("morercpthosts.cdb"));
  for (const auto& [key, data] :
       records_of(more_cdb.value_or(""), path_join(control, "morercpthosts.cdb")))
    morercpthosts_cdb_.insert(key);
  return {};
}

const AssignedDomain* QmailFiles::find(std::string_view name) const {
  const auto found = by_name_.find(to_lower(name));
  return found == by_name_.end() ? nullptr : &domains_[found->second];
}

std::vector<std::string> QmailFiles::aliases_of(std::string_view real) const {
  std::vector<std::string> names;
  if (const auto found = by_real_.find(real); found != by_real_.end())
    for (const auto i : found->second) names.push_back(domains_[i].name);
  return names;
}

std::vector<std::string> QmailFiles::stale_names_of(std::string_view real) const {
  const auto found = stale_.find(real);
  return found == stale_.end() ? std::vector<std::string>() : found->second;
}

Publication QmailFiles::publication_of(const Files& system, const std::string& name,
                                       const std::string& real,
                                       const std::string& directory) const {
  Publication place;
  const auto is_right = [&](const std::string& user, const std::string& home) {
    // vpopmail knows an alias domain by the user; a line with its own name works too where both
    // lead to one directory.
    return !directory.empty() && (to_lower(user) == real || to_lower(user) == name) &&
           is_same_directory(system, home, directory);
  };
  const auto* assigned = find(name);
  place.in_assign = assigned != nullptr && assigned->kind != AssignedDomain::Kind::foreign &&
                    assigned->real == real && is_right(real, assigned->directory);
  const auto record = cdb_.find(name);
  place.in_assign_cdb = record != cdb_.end() && is_right(record->second.user, record->second.home);
  const auto prepended = virtual_.find(name);
  // A line that prepends something else takes the mail to somebody else, so it counts as missing.
  place.in_virtualdomains = prepended != virtual_.end() && to_lower(prepended->second) == name;
  place.in_locals = locals_.contains(name);
  const bool in_few = rcpthosts_.contains(name), in_more = morercpthosts_.contains(name);
  place.in_rcpthosts = in_few || in_more;
  // Only a name that morercpthosts alone has needs the compiled file.
  place.in_morercpthosts_cdb = !in_more || in_few || morercpthosts_cdb_.contains(name);
  return place;
}

std::vector<std::string> QmailFiles::hand_made_lines_for(std::string_view real) const {
  std::vector<std::string> names = aliases_of(real), lines;
  names.insert(names.begin(), std::string(real));
  const auto take = [&](const auto& map, const std::string& name) {
    const auto found = map.find(name);
    if (found == map.end()) return;
    const auto usual = fmt::format("{}:{}", name, name);
    for (const auto& line : found->second) {
      const auto lower = to_lower(line);
      const bool is_vpopmails = lower == usual && find(name) != nullptr;
      const bool is_said = std::find(lines.begin(), lines.end(), line) != lines.end();
      if (!is_vpopmails && !is_said) lines.push_back(line);
    }
  };
  for (const auto& name : names) {
    take(prepended_, name);  // another host's mail that comes here
    take(by_host_, name);    // this name's mail that goes elsewhere, or one address of it
  }
  return lines;
}

}  // namespace vstate
