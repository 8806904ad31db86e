// An alias is a .qmail-NAME file to qmail-local, or rows of `valias` to vdelivermail, and the two
// readers differ. Reading gives the same lines for both, so that servers of either kind dump alike;
// writing chooses rows only where they mean the same and are asked at all.

#include <algorithm>

#include <fmt/format.h>

#include "domain/alias.h"
#include "domain/delivery_file.h"
#include "domain/inspection.h"
#include "domain/robot.h"
#include "domain/site.h"
#include "format/limits_file.h"
#include "sys/path.h"
#include "vstate/base/text.h"
#include "vstate/model/delivery.h"

namespace vstate {

namespace {

Status take_alias(Inspection& in, const AliasName& name, DeliveryLines lines, bool forwards_only) {
  // A robot is an alias with lines of a certain shape, so each alias is tried for it first.
  VSTATE_TRY_ASSIGN(auto robot, as_autoresponder(in, name.text(), lines));
  if (robot)
    in.state().autoresponders.emplace(name, *std::move(robot));
  else
    in.state().alias.emplace(name, Alias{std::move(lines), forwards_only});
  return {};
}

Status read_alias(Inspection& in, const DirEntry& entry, const std::string& local) {
  const auto path = in.in_domain(entry.name);
  const auto name = AliasName::parse(local);
  // Upper case, or a dot where ":" stands for it, makes a name that qmail-local never looks for.
  if (!name || dot_qmail_name(local) != entry.name) {
    in.remark(fmt::format("{}: {}; it is carried as a plain file", visible(entry.name),
                          name ? "mail never selects it" : name.error().message));
    return {};
  }
  VSTATE_TRY_ASSIGN(const auto file, delivery_file(in, entry, path));
  if (!file) return {};
  if (file->size > (std::size_t{1} << 22)) {
    in.remark(fmt::format("{} is larger than 4 MiB; it is carried as a plain file", entry.name));
    return {};
  }
  // The link itself would mean nothing on the target, while what mail gets from it are the lines
  // behind it.
  if (entry.type == FileInfo::Type::link)
    in.remark(fmt::format("{} is a link to {}; it is carried as an alias with the same lines",
                          entry.name,
                          visible(in.files.link_target(path).value_or("another file"))));
  if ((file->mode & 0002U) != 0)
    in.remark(fmt::format(
        "{} is writable for everybody, so qmail-local defers its mail here; where it is "
        "made anew, it delivers",
        entry.name));
  VSTATE_TRY_ASSIGN(auto lines, read_lines(in, path));
  return lines ? take_alias(in, *name, *std::move(lines), (file->mode & 0100U) != 0) : Status();
}

Status read_rows_of(Inspection& in, const std::string& local,
                    const std::vector<std::string>& literal) {
  const auto name = AliasName::parse(local);
  if (!name || name->text() != local) {
    in.remark(
        fmt::format("the rows of {} in the table valias never take effect; they are not carried",
                    visible(local)));
    return {};
  }
  // Files come first: qmail-local starts vdelivermail only from .qmail-default.
  for (const auto& answer : names_that_answer(local)) {
    VSTATE_TRY_ASSIGN(const auto file, in.files.look(in.in_domain(dot_qmail_name(answer))));
    if (!file) continue;
    in.remark(
        fmt::format("the rows of {} in the table valias never take effect, since {} answers "
                    "first; they are not carried",
                    local, dot_qmail_name(answer)));
    return {};
  }
  DeliveryLines lines;
  for (std::string_view line : literal) {
    // A row is one line, however it was pasted.
    while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
    if (line.find_first_of(std::string_view("\n\0", 2)) != std::string_view::npos) {
      // vdelivermail's reading of such a row is not that of a file with two lines, so it cannot be
      // said in either way.
      in.leave_out("alias." + spell_bytes(local),
                   "a row of it in the table valias holds more than one line");
      return {};
    }
    if (line.size() < literal[lines.size()].size())
      in.remark(fmt::format(
          "a row of {} in the table valias ends with a line end, which is not carried", local));
    lines.push_back(in.templater->to_template(line));
  }
  if (local.ends_with("-default") && runs_program(lines))
    in.remark(
        fmt::format("{} is rows of valias that run a program; as a .qmail file it has another "
                    "$DEFAULT",
                    local));
  // The literal rows are what a later change compares with and replaces.
  in.out.alias_rows.emplace(local, literal);
  return take_alias(in, *name, std::move(lines), false);
}

/// Rows count for nothing unless the catch-all runs vdelivermail and no file answers before them,
/// be it the alias's own or that of a shorter name with "-default".
bool rows_are_asked(Site& site, const std::string& name) {
  const auto& desired = site.desired;
  if (desired.default_delivery && !runs_vdelivermail(*desired.default_delivery)) return false;
  const auto answers = names_that_answer(name);
  return std::none_of(answers.begin(), answers.end(), [&](const std::string& answer) {
    const auto alias = AliasName::parse(answer);
    // The plan's own files are not there yet, so it is asked for them as well as the disk.
    const bool is_wanted = answer != name && alias && desired.alias.contains(*alias);
    const bool is_list =
        std::any_of(desired.lists.begin(), desired.lists.end(), [&](const auto& list) {
          const auto& start = list.first.text();
          return answer.starts_with(start) &&
                 list.second.links.contains(answer.substr(start.size()));
        });
    // What cannot be looked at may answer.
    const auto file = site.system.look(site.in_domain(dot_qmail_name(answer)));
    return is_wanted || is_list || !file || file->has_value();
  });
}

}  // namespace

Status read_default(Inspection& in) {
  const auto entry = std::find_if(in.entries.begin(), in.entries.end(), [](const DirEntry& item) {
    return item.name == ".qmail-default";
  });
  if (entry == in.entries.end()) {
    in.remark(".qmail-default is missing: no mailbox of this domain receives mail");
    return {};
  }
  const auto path = in.in_domain(entry->name);
  VSTATE_TRY_ASSIGN(const auto file, delivery_file(in, *entry, path));
  if (!file) return {};
  VSTATE_TRY_ASSIGN(in.state().default_delivery, read_lines(in, path));
  return {};
}

Status read_aliases(Inspection& in) {
  for (const auto& entry : in.entries) {
    const auto local = alias_of_dot_qmail(entry.name);
    if (!local || entry.name == ".qmail-default") continue;
    const bool is_file =
        entry.type == FileInfo::Type::regular || entry.type == FileInfo::Type::link;
    // A list has claimed the links that make it answer.
    if (!is_file || in.is_claimed(in.in_domain(entry.name))) continue;
    VSTATE_TRY(read_alias(in, entry, *local));
  }
  return {};
}

Status read_alias_rows(Inspection& in) {
  VSTATE_TRY_ASSIGN(auto rows, in.store.aliases().read_rows(in.location()));
  if (rows.empty()) return {};
  if (!in.state().default_delivery || !runs_vdelivermail(*in.state().default_delivery)) {
    in.remark(
        fmt::format("{} aliases in the table valias never take effect, since .qmail-default does "
                    "not run vdelivermail; they are not carried",
                    rows.size()));
    return {};
  }
  for (const auto& [local, literal] : rows) VSTATE_TRY(read_rows_of(in, local, literal));
  return {};
}

Status write_alias(Site& site, const std::string& name, const DeliveryLines& lines, unsigned mode) {
  const auto path = site.in_domain(dot_qmail_name(name));
  std::vector<std::string> literal;
  for (const auto& line : lines) {
    VSTATE_TRY_ASSIGN(literal.emplace_back(), site.expanded(line));
  }
  const auto rows = site.actual.alias_rows.find(name);
  const bool has_rows = rows != site.actual.alias_rows.end();
  const auto before = has_rows ? rows->second : std::vector<std::string>();
  // Rows have no mode, so an alias that may only forward needs a file.
  bool becomes_rows = mode == 0600 && rows_are_asked(site, name);
  if (becomes_rows) {
    VSTATE_TRY_ASSIGN(becomes_rows,
                      site.store.aliases().takes_rows(site.location(), name, literal));
  }
  if (becomes_rows) return site.store.aliases().write_rows(site.location(), name, before, literal);
  // The file answers first, so rows that are left by a stop in between do no harm.
  VSTATE_TRY(site.write(path, join_lines(literal), mode));
  return has_rows ? site.store.aliases().write_rows(site.location(), name, before, {}) : Status();
}

Status remove_alias(Site& site, const std::string& name) {
  const auto rows = site.actual.alias_rows.find(name);
  if (rows != site.actual.alias_rows.end())
    return site.store.aliases().write_rows(site.location(), name, rows->second, {});
  return site.system.remove_file(site.in_domain(dot_qmail_name(name)));
}

Status change_alias(Site& site, const Change<Alias>& change) {
  const auto lines_of = [](const std::optional<Alias>& alias) {
    return alias ? std::optional(alias->deliver) : std::nullopt;
  };
  // Rows are compared by the store in the statement that changes them; a file has no lock, and is
  // looked at here.
  if (!site.actual.alias_rows.contains(change.name))
    VSTATE_TRY(site.check_lines_undisturbed(site.in_domain(dot_qmail_name(change.name)),
                                            lines_of(change.before), lines_of(change.after)));
  if (!change.after) return remove_alias(site, change.name);
  return write_alias(site, change.name, change.after->deliver,
                     change.after->forwards_only ? 0700 : 0600);
}

Status write_default(Site& site, const Change<DeliveryLines>& change) {
  VSTATE_TRY(
      site.check_lines_undisturbed(site.in_domain(".qmail-default"), change.before, change.after));
  VSTATE_TRY_ASSIGN(const auto text, site.literal_lines(*change.after));
  // An empty one has qmail-local put the mail of everybody into one file, and is what a loss of
  // power would leave; the next run would take it for somebody's wish.
  return replace_unless_same(site.system, site.in_domain(".qmail-default"), text, site.owned(0600),
                             Durability::now);
}

}  // namespace vstate
