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
#include "sys/path.h"
#include "vstate/base/text.h"

namespace vstate {

namespace {
constexpr unsigned k_control_mode = 0644;
}  // namespace

Result<bool> Publisher::is_in_control(const std::string& file, const std::string& name) {
  VSTATE_TRY_ASSIGN(const auto bytes, system_.read_if_there(control_.path_of(file)));
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
                              ownership_of(system_, server_.assign_cdb, k_control_mode),
                              Durability::now);
}

Status Publisher::edit_assign(const std::function<void(AssignFile&)>& edit) {
  const auto path = path_join(server_.qmail_dir, "users/assign");
  // Held over both files: users/cdb.tmp has one name for everybody.
  VSTATE_TRY_ASSIGN(const auto lock,
                    system_.lock(path + ".lock", ownership_of(system_, path, 0600)));
  VSTATE_TRY_ASSIGN(const auto bytes, system_.read_if_there(path));
  // A server without any domain may lack the file; an empty one would have the "." line.
  auto file = AssignFile::parse(bytes.value_or(".\n"));
  edit(file);
  const auto text = file.bytes();
  // Without a change the text stays as it is, but its cdb is compared all the same: a run may have
  // stopped between the two.
  if (!bytes || *bytes != text)
    VSTATE_TRY(system_.replace_file(path, text, ownership_of(system_, path, k_control_mode),
                                    Durability::now));
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
  VSTATE_TRY_ASSIGN(const bool is_told, control_.tell_qmail_send());
  // This is no error: qmail may be stopped for the move.
  if (!is_told)
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
  if (!lines.empty()) VSTATE_TRY(control_.edit_lines("virtualdomains", lines, {}));
  if (!locals.empty()) VSTATE_TRY(control_.edit_lines("locals", {}, locals));
  // qmail-send has both files in memory; it reads them again when it is told, and only if they
  // changed is it told.
  return lines.empty() && locals.empty() ? Status() : tell_qmail_send();
}

Status Publisher::publish_rcpthosts(const Names& names) {
  std::vector<std::string> lacking;
  bool is_stale = false;
  for (const auto& [publish, domain] : names) {
    // A name may stand in the text and not in the cdb, where a run stopped between them;
    // qmail-smtpd reads the cdb alone.
    is_stale = is_stale || !publish->found.in_morercpthosts_cdb;
    if (!publish->found.in_rcpthosts) lacking.push_back(publish->name.text());
  }
  return control_.add_rcpthosts(lacking, is_stale);
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
  VSTATE_TRY_ASSIGN(const bool has_few, system_.exists(control_.path_of("rcpthosts")));
  VSTATE_TRY_ASSIGN(const bool has_more, system_.exists(control_.path_of("morercpthosts")));
  // First no more mail is accepted, then none is routed here, and the name itself goes last.
  if (has_few) VSTATE_TRY(control_.edit_lines("rcpthosts", {}, {name}));
  if (has_more) {
    VSTATE_TRY(control_.edit_lines("morercpthosts", {}, {name}));
    VSTATE_TRY(control_.rebuild_morercpthosts());
  }
  VSTATE_TRY(control_.edit_lines("virtualdomains", {}, {name + ":" + name}));
  VSTATE_TRY(tell_qmail_send());
  VSTATE_TRY(store_.aliases().write_domain(domain, name, false));
  return edit_assign([&](AssignFile& file) { file.remove_domain(name); });
}

}  // namespace vstate
