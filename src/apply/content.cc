// Limits, files, aliases, autoresponders, the catch-all, and archives.

#include <algorithm>

#include <fmt/format.h>

#include "apply/executor.h"
#include "vstate/base/text.h"
#include "vstate/model/delivery.h"

namespace vstate {

Status Executor::apply_change(const Change<Limits>& change) {
  return input_.store.write_limits(location(), change.before, change.after);
}

Result<std::string> Executor::file_path(const std::string& name) const {
  VSTATE_TRY_ASSIGN(const auto path, expanded(name));
  return path.starts_with('/') ? path : path_join(directory_, path);
}

Status Executor::apply_change(const Change<File>& change) {
  VSTATE_TRY_ASSIGN(const auto path, file_path(change.name));
  if (change.before && change.before->kind == File::Kind::text)
    if (!change.after || change.after->kind == File::Kind::text)
      VSTATE_TRY(
          check_undisturbed(path, change.before->content,
                            change.after ? std::optional(change.after->content) : std::nullopt));
  if (!change.after)
    return change.before->kind == File::Kind::directory ? system().remove_directory(path)
                                                        : system().remove_file(path);
  VSTATE_TRY(make_directories(std::string(path_parent(path))));
  const auto& file = *change.after;
  switch (file.kind) {
    case File::Kind::directory: {
      VSTATE_TRY_ASSIGN(const bool is_made, system().make_directory(path, owned(file.mode)));
      return is_made ? Status() : system().set_mode(path, file.mode);
    }
    case File::Kind::link: {
      VSTATE_TRY_ASSIGN(const auto target, expanded(file.content));
      return system().replace_link(path, target, owned(0777));
    }
    case File::Kind::text: {
      VSTATE_TRY_ASSIGN(const auto text, expanded(file.content));
      return write(path, text, file.mode);
    }
    case File::Kind::bytes:
      return write(path, file.content, file.mode);
  }
  return {};
}

/// Rows count for nothing unless the catch-all runs vdelivermail and no file answers before them,
/// be it the alias's own or that of a shorter name with "-default".
bool Executor::rows_are_asked(const std::string& name) const {
  const auto& desired = input_.desired;
  if (desired.default_delivery && !runs_vdelivermail(*desired.default_delivery)) return false;
  const auto answers = names_that_answer(name);
  return std::none_of(answers.begin(), answers.end(), [&](const std::string& answer) {
    const auto alias = AliasName::parse(answer);
    const bool is_wanted = answer != name && alias && desired.alias.contains(*alias);
    const bool is_list =
        std::any_of(desired.lists.begin(), desired.lists.end(), [&](const auto& list) {
          const auto& start = list.first.text();
          return answer.starts_with(start) &&
                 list.second.links.contains(answer.substr(start.size()));
        });
    // What cannot be looked at may answer.
    const auto file = input_.system.look(in_domain(dot_qmail_name(answer)));
    return is_wanted || is_list || !file || file->has_value();
  });
}

Status Executor::write_alias(const std::string& name, const DeliveryLines& lines, unsigned mode) {
  const auto path = in_domain(dot_qmail_name(name));
  std::vector<std::string> literal;
  for (const auto& line : lines) {
    VSTATE_TRY_ASSIGN(literal.emplace_back(), expanded(line));
  }
  const auto rows = input_.actual.alias_rows.find(name);
  const bool has_rows = rows != input_.actual.alias_rows.end();
  const auto before = has_rows ? rows->second : std::vector<std::string>();
  bool becomes_rows = mode == 0600 && rows_are_asked(name);
  if (becomes_rows) {
    VSTATE_TRY_ASSIGN(becomes_rows, input_.store.takes_alias_rows(location(), name, literal));
  }
  if (becomes_rows) return input_.store.write_alias_rows(location(), name, before, literal);
  // The file answers first, so rows that are left by a stop in between do no harm.
  VSTATE_TRY(write(path, join_lines(literal), mode));
  return has_rows ? input_.store.write_alias_rows(location(), name, before, {}) : Status();
}

Status Executor::remove_alias(const std::string& name) {
  const auto rows = input_.actual.alias_rows.find(name);
  if (rows != input_.actual.alias_rows.end())
    return input_.store.write_alias_rows(location(), name, rows->second, {});
  return system().remove_file(in_domain(dot_qmail_name(name)));
}

Status Executor::apply_change(const Change<Alias>& change) {
  const auto lines_of = [](const std::optional<Alias>& alias) {
    return alias ? std::optional(alias->deliver) : std::nullopt;
  };
  if (!input_.actual.alias_rows.contains(change.name))
    VSTATE_TRY(check_lines_undisturbed(in_domain(dot_qmail_name(change.name)),
                                       lines_of(change.before), lines_of(change.after)));
  if (!change.after) return remove_alias(change.name);
  return write_alias(change.name, change.after->deliver, change.after->forwards_only ? 0700 : 0600);
}

Status Executor::apply_change(const Change<Autoresponder>& change) {
  const auto directory = in_domain(to_upper(change.name));
  if (!change.after) {
    // The line goes last: as long as it is there, the next run sees what is left of the robot.
    VSTATE_TRY(system().remove_tree(directory));
    return remove_alias(change.name);
  }
  const auto& robot = *change.after;
  VSTATE_TRY(make_directories(directory));
  const auto path = path_join(directory, "message");
  if (change.before) VSTATE_TRY(check_undisturbed(path, change.before->message, robot.message));
  VSTATE_TRY_ASSIGN(const auto message, expanded(robot.message));
  VSTATE_TRY(write(path, message, 0600));
  // The message stands before the line that runs the program on it.
  DeliveryLines lines{fmt::format("|{} {} {} {{domain}}/{}/message {{domain}}/{}",
                                  robot.program.empty() ? "{autorespond}" : robot.program,
                                  robot.seconds, robot.replies, to_upper(change.name),
                                  to_upper(change.name))};
  lines.insert(lines.end(), robot.copy_to.begin(), robot.copy_to.end());
  return write_alias(change.name, lines, 0600);
}

Status Executor::apply_change(const Change<DeliveryLines>& change) {
  VSTATE_TRY(check_lines_undisturbed(in_domain(".qmail-default"), change.before, change.after));
  return write_lines(in_domain(".qmail-default"), *change.after, 0600);
}

}  // namespace vstate
