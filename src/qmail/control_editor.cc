// The lock comes before the reading: what another tool wrote before it was taken must not be lost.
// A file is replaced by rename and only if it changes, so that a run that finds everything in its
// place writes nothing.

#include "qmail/control_editor.h"

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
constexpr unsigned k_control_file_mode = 0644;
}  // namespace

Ownership ownership_of(const Files& files, const std::string& path, unsigned mode) {
  if (const auto info = files.info_followed(path)) return {info->uid, info->gid, mode};
  if (const auto info = files.info_followed(path_parent(path))) return {info->uid, info->gid, mode};
  return {0, 0, mode};
}

std::string ControlEditor::path_of(std::string_view name) const {
  return path_join(path_join(qmail_dir_, "control"), name);
}

Status ControlEditor::edit(std::string_view name, const Edit& edit) {
  const auto path = path_of(name);
  VSTATE_TRY_ASSIGN(const auto lock,
                    system_.lock(path + ".lock", ownership_of(system_, path, 0600)));
  VSTATE_TRY_ASSIGN(const auto bytes, system_.read_if_there(path));
  VSTATE_TRY_ASSIGN(const auto text, edit(bytes));
  if (!text || text == bytes) return {};
  return system_.replace_file(path, *text, ownership_of(system_, path, k_control_file_mode),
                              Durability::now);
}

Status ControlEditor::edit_lines(std::string_view name, const std::vector<std::string>& added,
                                 const std::vector<std::string>& removed) {
  return edit(name,
              [&](const std::optional<std::string>& bytes) -> Result<std::optional<std::string>> {
                auto file = ControlFile::parse(bytes.value_or(""));
                bool is_changed = false;
                for (const auto& line : added) is_changed = file.insert_sorted(line) || is_changed;
                for (const auto& line : removed) {
                  // One name may stand there twice, or in another case; qmail takes any of them.
                  const auto lines = file.lines();
                  // The list is a copy, since lines are removed from the file while it is gone
                  // through.
                  for (const auto& entry : lines)
                    if (to_lower(trim_end(entry)) == line)
                      is_changed = file.remove(entry) || is_changed;
                }
                // A missing file says something else than an empty one: without locals, control/me
                // is local.
                if (!is_changed && bytes) return std::optional<std::string>();
                return std::optional(file.bytes());
              });
}

Status ControlEditor::rebuild_morercpthosts() {
  const auto path = path_of("morercpthosts");
  // The lock is that of the text, so that the text cannot change while its compiled form is made.
  VSTATE_TRY_ASSIGN(const auto lock,
                    system_.lock(path + ".lock", ownership_of(system_, path, 0600)));
  VSTATE_TRY_ASSIGN(const auto text, system_.read(path));
  return system_.replace_file(
      path + ".cdb", cdb::write(morercpthosts_records(ControlFile::parse(text))),
      ownership_of(system_, path + ".cdb", k_control_file_mode), Durability::now);
}

Status ControlEditor::add_rcpthosts(const std::vector<std::string>& names, bool is_stale) {
  std::vector<std::string> few, more;
  VSTATE_TRY_ASSIGN(const auto bytes, system_.read_if_there(path_of("rcpthosts")));
  const auto lines = ControlFile::parse(bytes.value_or("")).line_count();
  // vpopmail counts lines of every kind, comments included, so the count here is of all lines.
  for (const auto& name : names)
    (lines + few.size() < k_rcpthosts_lines ? few : more).push_back(name);
  if (!more.empty() || is_stale) {
    VSTATE_TRY(edit_lines("morercpthosts", more, {}));
    VSTATE_TRY(rebuild_morercpthosts());
  }
  return few.empty() ? Status() : edit_lines("rcpthosts", few, {});
}

Result<bool> ControlEditor::tell_qmail_send() {
  VSTATE_TRY_ASSIGN(const int told, hup_qmail_send(system_, qmail_dir_));
  return told > 0;
}

}  // namespace vstate
