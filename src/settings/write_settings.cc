// Each key is looked at once more just before its file is replaced: who edited it since the plan
// was made is not overruled. What is so already is left alone, so that a run that was stopped goes
// on where it was.

#include "settings/write_settings.h"

#include <algorithm>

#include <fmt/format.h>

#include "format/settings_text.h"
#include "qmail/control_editor.h"
#include "settings/places.h"
#include "sys/path.h"
#include "vstate/base/text.h"

namespace vstate {

namespace {

constexpr unsigned k_settings_mode = 0644;

using Change = SettingChange;
using Changes = std::vector<SettingChange>;

Status check_undisturbed(const Change& change, const std::optional<std::string>& now) {
  if (now == change.before || now == change.after) return {};
  return fail(Errc::conflict,
              fmt::format("{}: somebody changed it since the plan was made; run it again",
                          title_of(change)));
}

std::optional<std::string> found_in(const Settings& settings, const std::string& key) {
  const auto found = settings.find(key);
  return found == settings.end() ? std::nullopt : std::optional(found->second);
}

/// The text with the changes; nothing: it has them all.
Result<std::optional<std::string>> edited(const SettingFile& file, const Changes& changes,
                                          const std::optional<std::string>& bytes,
                                          const std::vector<std::string>& rule_order) {
  auto present = bytes ? parse_settings(file, *bytes).values : Settings();
  // What no plan could say, it did not see either.
  std::erase_if(present, [&](const auto& item) {
    return !setting_problem(file, item.first, item.second).empty();
  });
  SettingEdits edits;
  for (const auto& change : changes) {
    if (change.makes_file) continue;
    const auto now = found_in(present, change.key);
    VSTATE_TRY(check_undisturbed(change, now));
    if (now != change.after) edits.emplace(change.key, change.after);
  }
  if (edits.empty() && bytes) return std::optional<std::string>();
  if (file.shape == Shape::line && !edits.empty() && !edits.begin()->second)
    return std::optional<std::string>();  // removed as a whole
  return std::optional(edit_settings(file, bytes.value_or(""), edits, rule_order));
}

Status write_delivery(System& system, const Server& server, const std::string& path,
                      const Changes& changes) {
  VSTATE_TRY_ASSIGN(const auto bytes, system.read_if_there(path));
  VSTATE_TRY_ASSIGN(const auto info, system.look_followed(path));
  const auto paths = paths_of(server);
  const Templater templater(paths);
  auto owner = ownership_of(system, path, info ? info->mode : k_settings_mode);
  std::optional<std::string> text = bytes;
  for (const auto& change : changes) {
    if (change.key == "forwards_only") {
      owner.mode = change.after ? owner.mode | 0100U : owner.mode & ~0100U;
      continue;
    }
    std::optional<std::string> now;
    if (bytes) {
      now.emplace();
      for (const auto line : split_lines(*bytes)) *now += templater.to_template(line) + "\n";
    }
    VSTATE_TRY(check_undisturbed(change, now));
    if (!change.after) return system.remove_file(path);
    VSTATE_TRY_ASSIGN(text, expand(*change.after, paths));
  }
  if (!text || (text == bytes && info && info->mode == owner.mode)) return {};
  const std::string directory(path_parent(path));
  VSTATE_TRY(ensure_directory(system, directory, ownership_of(system, directory, 0755)));
  return system.replace_file(path, *text, owner, Durability::now);
}

Status write_plain(System& system, const SettingFile& file, const std::string& path,
                   const Changes& changes, const std::vector<std::string>& rule_order) {
  VSTATE_TRY_ASSIGN(const auto bytes, system.read_if_there(path));
  VSTATE_TRY_ASSIGN(const auto text, edited(file, changes, bytes, rule_order));
  if (text && text != bytes)
    return system.replace_file(path, *text, ownership_of(system, path, k_settings_mode),
                               Durability::now);
  const bool is_removed = file.shape == Shape::line && bytes && !changes.front().after;
  return is_removed ? system.remove_file(path) : Status();
}

Status remove_rcpthosts(System& system, ControlEditor& control,
                        const std::vector<std::string>& names) {
  VSTATE_TRY_ASSIGN(const bool has_few, system.exists(control.path_of("rcpthosts")));
  VSTATE_TRY_ASSIGN(const bool has_more, system.exists(control.path_of("morercpthosts")));
  // An edit would make a missing file, and a missing one says something else than an empty one.
  if (has_few) VSTATE_TRY(control.edit_lines("rcpthosts", {}, names));
  if (!has_more) return {};
  VSTATE_TRY(control.edit_lines("morercpthosts", {}, names));
  return control.rebuild_morercpthosts();
}

/// Names that come go where vpopmail would put them; names that go may be in either file.
Status write_rcpthosts(System& system, ControlEditor& control, const Changes& changes) {
  std::vector<std::string> added, removed;
  for (const auto& change : changes)
    if (!change.makes_file) (change.after ? added : removed).push_back(change.key);
  if (!removed.empty()) VSTATE_TRY(remove_rcpthosts(system, control, removed));
  if (!added.empty()) return control.add_rcpthosts(added, false);
  return removed.empty() ? control.edit_lines("rcpthosts", {}, {}) : Status();
}

}  // namespace

Status write_settings(System& system, const Server& server, const std::string& name,
                      const Changes& changes, const std::vector<std::string>& rule_order) {
  const auto file = setting_file(name);
  VSTATE_ASSERT(file && !changes.empty());
  VSTATE_TRY_ASSIGN(const auto path, path_of_settings(system, server, name));
  if (file->shape == Shape::delivery) return write_delivery(system, server, path, changes);
  ControlEditor control(system, server.qmail_dir);
  if (name == k_rcpthosts) return write_rcpthosts(system, control, changes);
  if (name != k_virtualdomains && name != k_locals)
    return write_plain(system, *file, path, changes, rule_order);
  return control.edit(path_name(path), [&](const std::optional<std::string>& bytes) {
    return edited(*file, changes, bytes, rule_order);
  });
}

}  // namespace vstate
