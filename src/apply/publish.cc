// Publication, in the order that never lets qmail accept what it would bounce: users/assign and its
// cdb, virtualdomains, locals, HUP, and rcpthosts last.

#include <fmt/format.h>

#include "executor_impl.h"
#include "vstate/base/text.h"
#include "vstate/format/assign.h"
#include "vstate/format/cdb.h"
#include "vstate/format/control.h"
#include "vstate/format/morercpthosts.h"

namespace vstate {

namespace {
/// vpopmail keeps this many lines in rcpthosts and puts new names into morercpthosts from there on
/// (vpopmail.c:add_domain_assign).
constexpr std::size_t k_rcpthosts_lines = 50;
constexpr unsigned k_control_mode = 0644;
}  // namespace

std::string Executor::control(std::string_view name) const {
  return path_join(path_join(input_.server.qmail_dir, "control"), name);
}

/// Who a qmail file belongs to: whoever it belongs to now, else the owner of its directory.
Ownership Executor::ownership_of(const std::string& path, unsigned mode) const {
  if (const auto info = input_.system.info_followed(path)) return {info->uid, info->gid, mode};
  if (const auto info = input_.system.info_followed(path_parent(path)))
    return {info->uid, info->gid, mode};
  return {0, 0, mode};
}

Status Executor::edit_control(std::string_view name, const std::vector<std::string>& added,
                              const std::vector<std::string>& removed) {
  const auto path = control(name);
  VSTATE_TRY_ASSIGN(const auto lock, system().lock(path + ".lock", ownership_of(path, 0600)));
  VSTATE_TRY_ASSIGN(const auto bytes, system().read_if_there(path));
  auto file = ControlFile::parse(bytes.value_or(""));
  bool is_changed = false;
  for (const auto& line : added) is_changed = file.insert_sorted(line) || is_changed;
  for (const auto& line : removed) {
    // One name may stand there twice, or in another case; qmail takes any of them.
    const auto lines = file.lines();
    for (const auto& entry : lines)
      if (to_lower(trim_end(entry)) == line) is_changed = file.remove(entry) || is_changed;
  }
  // A missing file says something else than an empty one: without locals, control/me is local.
  if (!is_changed && bytes) return {};
  return system().replace_file(path, file.bytes(), ownership_of(path, k_control_mode),
                               Durability::now);
}

Status Executor::write_assign_cdb(const AssignFile& assign) {
  const auto records = assign_records(assign);
  VSTATE_TRY_ASSIGN(const auto bytes, system().read_if_there(input_.server.assign_cdb));
  // Equal content is left alone, whatever program laid its tables out.
  if (const auto found = bytes ? cdb::read(*bytes) : Result<cdb::Records>(cdb::Records{});
      bytes && found && *found == records)
    return {};
  return system().replace_file(input_.server.assign_cdb, cdb::write(records),
                               ownership_of(input_.server.assign_cdb, k_control_mode),
                               Durability::now);
}

Status Executor::edit_assign(const std::function<void(AssignFile&)>& edit) {
  const auto path = path_join(input_.server.qmail_dir, "users/assign");
  // Held over both files: users/cdb.tmp has one name for everybody.
  VSTATE_TRY_ASSIGN(const auto lock, system().lock(path + ".lock", ownership_of(path, 0600)));
  VSTATE_TRY_ASSIGN(const auto bytes, system().read_if_there(path));
  auto file = AssignFile::parse(bytes.value_or(".\n"));
  edit(file);
  const auto text = file.bytes();
  if (!bytes || *bytes != text)
    VSTATE_TRY(
        system().replace_file(path, text, ownership_of(path, k_control_mode), Durability::now));
  return write_assign_cdb(file);
}

Status Executor::publish_assign(const std::vector<const Publish*>& names) {
  return edit_assign([&](AssignFile& file) {
    for (const auto* publish : names) {
      const auto entry =
          domain_entry(publish->name.text(), plan_.domain.text(), std::to_string(owner_.uid),
                       std::to_string(owner_.gid), directory_);
      const auto found = file.find_domain(publish->name.text());
      if (found && *found == entry) continue;
      if (found) file.remove_domain(publish->name.text());
      file.insert_sorted(entry);
    }
  });
}

Status Executor::publish_store(const std::vector<const Publish*>& names) {
  for (const auto* publish : names)
    if (publish->is_alias)
      VSTATE_TRY(input_.store.write_alias_domain(location(), publish->name.text(), true));
  return {};
}

Status Executor::tell_qmail_send() {
  VSTATE_TRY_ASSIGN(const int told, system().hup_qmail_send(input_.server.qmail_dir));
  if (told == 0)
    report_.remarks.emplace_back(
        "qmail-send is not running here; it will read virtualdomains when it starts");
  return {};
}

Status Executor::publish_control(const std::vector<const Publish*>& names) {
  std::vector<std::string> lines, locals;
  for (const auto* publish : names) {
    if (!publish->found.in_virtualdomains)
      lines.push_back(publish->name.text() + ":" + publish->name.text());
    if (publish->found.in_locals) locals.push_back(publish->name.text());
  }
  if (!lines.empty()) VSTATE_TRY(edit_control("virtualdomains", lines, {}));
  if (!locals.empty()) VSTATE_TRY(edit_control("locals", {}, locals));
  return lines.empty() && locals.empty() ? Status() : tell_qmail_send();
}

Status Executor::rebuild_morercpthosts() {
  const auto path = control("morercpthosts");
  VSTATE_TRY_ASSIGN(const auto lock, system().lock(path + ".lock", ownership_of(path, 0600)));
  VSTATE_TRY_ASSIGN(const auto text, system().read(path));
  return system().replace_file(path + ".cdb",
                               cdb::write(morercpthosts_records(ControlFile::parse(text))),
                               ownership_of(path + ".cdb", k_control_mode), Durability::now);
}

Status Executor::publish_rcpthosts(const std::vector<const Publish*>& names) {
  std::vector<std::string> few, more;
  bool is_stale = false;
  VSTATE_TRY_ASSIGN(const auto bytes, system().read_if_there(control("rcpthosts")));
  const auto lines = ControlFile::parse(bytes.value_or("")).line_count();
  for (const auto* publish : names) {
    is_stale = is_stale || !publish->found.in_morercpthosts_cdb;
    if (publish->found.in_rcpthosts) continue;
    (lines + few.size() < k_rcpthosts_lines ? few : more).push_back(publish->name.text());
  }
  if (!more.empty() || is_stale) {
    VSTATE_TRY(edit_control("morercpthosts", more, {}));
    VSTATE_TRY(rebuild_morercpthosts());
  }
  return few.empty() ? Status() : edit_control("rcpthosts", few, {});
}

Status Executor::publish_all() {
  std::vector<const Publish*> names;
  std::vector<const Action*> actions;
  for (const auto& action : plan_.actions)
    if (const auto* publish = std::get_if<Publish>(&action)) {
      names.push_back(publish);
      actions.push_back(&action);
      observer_.on_start(action);
    }
  const auto steps = [&]() -> Status {
    VSTATE_TRY(publish_assign(names));
    VSTATE_TRY(publish_store(names));
    VSTATE_TRY(publish_control(names));
    return publish_rcpthosts(names);
  };
  const auto status = steps();
  for (const auto* action : actions) {
    observer_.on_end(*action, status ? std::string() : status.error().message);
    if (status) {
      ++report_.done;
      done_.insert(address_of(*action));
    } else {
      report_.failures.push_back({address_of(*action), status.error().message});
    }
  }
  if (!status) {
    report_.is_published = false;
    if (status.error().ends_run()) return status;
  }
  return {};
}

Status Executor::unpublish(const std::string& name) {
  VSTATE_TRY_ASSIGN(const bool has_few, system().exists(control("rcpthosts")));
  VSTATE_TRY_ASSIGN(const bool has_more, system().exists(control("morercpthosts")));
  if (has_few) VSTATE_TRY(edit_control("rcpthosts", {}, {name}));
  if (has_more) {
    VSTATE_TRY(edit_control("morercpthosts", {}, {name}));
    VSTATE_TRY(rebuild_morercpthosts());
  }
  VSTATE_TRY(edit_control("virtualdomains", {}, {name + ":" + name}));
  VSTATE_TRY(tell_qmail_send());
  VSTATE_TRY(input_.store.write_alias_domain(location(), name, false));
  return edit_assign([&](AssignFile& file) { file.remove_domain(name); });
}

Status Executor::unpublish_all() {
  return for_each<Unpublish>([&](const Unpublish& alias) { return unpublish(alias.name.text()); });
}

}  // namespace vstate
