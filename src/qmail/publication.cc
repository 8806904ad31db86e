// Publication follows one order: users/assign and its cdb, the store's own list, virtualdomains and
// locals with the HUP, and rcpthosts last. vpopmail itself writes rcpthosts before qmail-send knows
// the domain, and mail that comes in between is taken for remote. Every file is edited under the
// lock that vpopmail's tools take, read again under it, and changed in no line but those meant.

#include "qmail/publication.h"

#include <algorithm>

#include <fmt/format.h>

#include "format/assign.h"
#include "format/cdb.h"
#include "format/control.h"
#include "format/morercpthosts.h"
#include "qmail/signal.h"
#include "sys/path.h"
#include "vstate/base/text.h"

namespace vstate {

namespace {
/// vpopmail keeps this many lines in rcpthosts and puts new names into morercpthosts from there on
/// (vpopmail.c:add_domain_assign).
constexpr std::size_t k_rcpthosts_lines = 50;
constexpr unsigned k_control_mode = 0644;
}  // namespace

std::string Publisher::control(std::string_view name) const {
  return path_join(path_join(server_.qmail_dir, "control"), name);
}

/// Who a qmail file belongs to: whoever it belongs to now, else the owner of its directory.
Ownership Publisher::ownership_of(const std::string& path, unsigned mode) const {
  if (const auto info = system_.info_followed(path)) return {info->uid, info->gid, mode};
  if (const auto info = system_.info_followed(path_parent(path)))
    return {info->uid, info->gid, mode};
  return {0, 0, mode};
}

Status Publisher::edit_control(std::string_view name, const std::vector<std::string>& added,
                               const std::vector<std::string>& removed) {
  // The lock comes before the reading: what another tool wrote before it was taken must not be
  // lost.
  const auto path = control(name);
  VSTATE_TRY_ASSIGN(const auto lock, system_.lock(path + ".lock", ownership_of(path, 0600)));
  VSTATE_TRY_ASSIGN(const auto bytes, system_.read_if_there(path));
  auto file = ControlFile::parse(bytes.value_or(""));
  bool is_changed = false;
  for (const auto& line : added) is_changed = file.insert_sorted(line) || is_changed;
  for (const auto& line : removed) {
    // One name may stand there twice, or in another case; qmail takes any of them.
    const auto lines = file.lines();
    // The list is a copy, since lines are removed from the file while it is gone through.
    for (const auto& entry : lines)
      if (to_lower(trim_end(entry)) == line) is_changed = file.remove(entry) || is_changed;
  }
  // A missing file says something else than an empty one: without locals, control/me is local.
  if (!is_changed && bytes) return {};
  return system_.replace_file(path, file.bytes(), ownership_of(path, k_control_mode),
                              Durability::now);
}

Result<bool> Publisher::is_in_control(const std::string& file, const std::string& name) {
  VSTATE_TRY_ASSIGN(const auto bytes, system_.read_if_there(control(file)));
  const auto lines = ControlFile::parse(bytes.value_or("")).lines();
  return std::any_of(lines.begin(), lines.end(),
                     [&](const auto& line) { return to_lower(trim_end(line)) == name; });
}

Status Publisher::write_assign_cdb(const AssignFile& assign) {
  const auto records = assign_records(assign);
  VSTATE_TRY_ASSIGN(const auto bytes, system_.read_if_there(server_.assign_cdb));
  // Equal content is left alone, whatever program laid its tables out.
  // A damaged index reads as no records and is made anew.
  if (const auto found = bytes ? cdb::read(*bytes) : Result<cdb::Records>(cdb::Records{});
      bytes && found && *found == records)
    return {};
  return system_.replace_file(server_.assign_cdb, cdb::write(records),
                              ownership_of(server_.assign_cdb, k_control_mode), Durability::now);
}

Status Publisher::edit_assign(const std::function<void(AssignFile&)>& edit) {
  const auto path = path_join(server_.qmail_dir, "users/assign");
  // Held over both files: users/cdb.tmp has one name for everybody.
  VSTATE_TRY_ASSIGN(const auto lock, system_.lock(path + ".lock", ownership_of(path, 0600)));
  VSTATE_TRY_ASSIGN(const auto bytes, system_.read_if_there(path));
  // A server without any domain may lack the file; an empty one would have the "." line.
  auto file = AssignFile::parse(bytes.value_or(".\n"));
  edit(file);
  const auto text = file.bytes();
  // Without a change the text stays as it is, but its cdb is compared all the same: a run may have
  // stopped between the two.
  if (!bytes || *bytes != text)
    VSTATE_TRY(
        system_.replace_file(path, text, ownership_of(path, k_control_mode), Durability::now));
  return write_assign_cdb(file);
}

Status Publisher::publish_assign(const Names& names) {
  // All names go in with one edit, since the whole file and its cdb are written each time.
  return edit_assign([&](AssignFile& file) {
    for (const auto& [publish, domain] : names) {
      const auto entry =
          domain_entry(publish->name.text(), domain.name.text(), std::to_string(domain.owner.uid),
                       std::to_string(domain.owner.gid), domain.directory);
      const auto found = file.find_domain(publish->name.text());
      if (found && *found == entry) continue;
      // An older line with the same key would stay in force, as the first of equal keys.
      if (found) file.remove_domain(publish->name.text());
      file.insert_sorted(entry);
    }
  });
}

Status Publisher::publish_store(const Names& names) {
  for (const auto& [publish, domain] : names)
    if (publish->is_alias)
      VSTATE_TRY(store_.aliases().write_domain(domain, publish->name.text(), true));
  return {};
}

Status Publisher::tell_qmail_send() {
  VSTATE_TRY_ASSIGN(const int told, hup_qmail_send(system_, server_.qmail_dir));
  // This is no error: qmail may be stopped for the move.
  if (told == 0)
    remark_ = "qmail-send is not running here; it will read virtualdomains when it starts";
  return {};
}

Status Publisher::publish_control(const Names& names) {
  std::vector<std::string> lines, locals;
  for (const auto& [publish, domain] : names) {
    if (!publish->found.in_virtualdomains)
      lines.push_back(publish->name.text() + ":" + publish->name.text());
    // An alias domain that is new here nobody has looked up.
    VSTATE_TRY_ASSIGN(const bool is_listed, is_in_control("locals", publish->name.text()));
    if (publish->found.in_locals || is_listed) locals.push_back(publish->name.text());
  }
  // virtualdomains comes before locals, so that no moment exists in which the domain is in neither
  // and its mail is sent out.
  if (!lines.empty()) VSTATE_TRY(edit_control("virtualdomains", lines, {}));
  if (!locals.empty()) VSTATE_TRY(edit_control("locals", {}, locals));
  // qmail-send has both files in memory; it reads them again when it is told, and only if they
  // changed is it told.
  return lines.empty() && locals.empty() ? Status() : tell_qmail_send();
}

Status Publisher::rebuild_morercpthosts() {
  const auto path = control("morercpthosts");
  // The lock is that of the text, so that the text cannot change while its compiled form is made.
  VSTATE_TRY_ASSIGN(const auto lock, system_.lock(path + ".lock", ownership_of(path, 0600)));
  VSTATE_TRY_ASSIGN(const auto text, system_.read(path));
  return system_.replace_file(path + ".cdb",
                              cdb::write(morercpthosts_records(ControlFile::parse(text))),
                              ownership_of(path + ".cdb", k_control_mode), Durability::now);
}

Status Publisher::publish_rcpthosts(const Names& names) {
  std::vector<std::string> few, more;
  bool is_stale = false;
  VSTATE_TRY_ASSIGN(const auto bytes, system_.read_if_there(control("rcpthosts")));
  const auto lines = ControlFile::parse(bytes.value_or("")).line_count();
  for (const auto& [publish, domain] : names) {
    // A name may stand in the text and not in the cdb, where a run stopped between them;
    // qmail-smtpd reads the cdb alone.
    is_stale = is_stale || !publish->found.in_morercpthosts_cdb;
    if (publish->found.in_rcpthosts) continue;
    // vpopmail counts lines of every kind, comments included, so the count here is of all lines.
    (lines + few.size() < k_rcpthosts_lines ? few : more).push_back(publish->name.text());
  }
  if (!more.empty() || is_stale) {
    VSTATE_TRY(edit_control("morercpthosts", more, {}));
    VSTATE_TRY(rebuild_morercpthosts());
  }
  return few.empty() ? Status() : edit_control("rcpthosts", few, {});
}

Status Publisher::publish(const Names& names) {
  VSTATE_TRY(publish_assign(names));
  VSTATE_TRY(publish_store(names));
  VSTATE_TRY(publish_control(names));
  return publish_rcpthosts(names);
}

Status Publisher::unpublish(const DomainLocation& domain, const std::string& name) {
  // A missing rcpthosts means that every recipient is accepted, so none may be created here by
  // editing it.
  VSTATE_TRY_ASSIGN(const bool has_few, system_.exists(control("rcpthosts")));
  VSTATE_TRY_ASSIGN(const bool has_more, system_.exists(control("morercpthosts")));
  // First no more mail is accepted, then none is routed here, and the name itself goes last.
  if (has_few) VSTATE_TRY(edit_control("rcpthosts", {}, {name}));
  if (has_more) {
    VSTATE_TRY(edit_control("morercpthosts", {}, {name}));
    VSTATE_TRY(rebuild_morercpthosts());
  }
  VSTATE_TRY(edit_control("virtualdomains", {}, {name + ":" + name}));
  VSTATE_TRY(tell_qmail_send());
  VSTATE_TRY(store_.aliases().write_domain(domain, name, false));
  return edit_assign([&](AssignFile& file) { file.remove_domain(name); });
}

}  // namespace vstate
