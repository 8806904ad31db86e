// A robot is an alias with one line of a certain shape, a directory in upper case and a message in
// it. Only what qmailadmin itself would write is taken for one; anything that a person has bent
// stays an alias with files, which works just the same on the target.

#include "domain/robot.h"

#include <fmt/format.h>

#include "domain/alias.h"
#include "domain/inspection.h"
#include "domain/site.h"
#include "sys/path.h"
#include "vstate/base/text.h"
#include "vstate/model/delivery.h"
#include "vstate/model/template.h"

namespace vstate {

namespace {

/// The arguments of a line as qmailadmin writes it for autorespond: program, seconds, replies,
/// message file, directory.
std::optional<std::vector<std::string>> autorespond_arguments(std::string_view command) {
  // qmailadmin writes no blank behind the bar, its vacation lines have one.
  while (!command.empty() && command.front() == ' ') command.remove_prefix(1);
  std::vector<std::string> words;
  for (const auto word : split(command, ' ')) words.emplace_back(word);
  constexpr std::string_view name = "/autorespond";
  // The program is known by its name, wherever it stands; the placeholder is this server's own
  // autorespond.
  const bool is_placeholder = !words.empty() && words[0] == "{autorespond}";
  const bool is_program = !words.empty() && words[0].size() > name.size() &&
                          words[0].compare(words[0].size() - name.size(), name.size(), name) == 0;
  if (words.size() != 5 || (!is_placeholder && !is_program)) return std::nullopt;
  if (!is_digits(words[1]) || !is_digits(words[2])) return std::nullopt;
  return words;
}

/// A robot as its lines have it, without its message, and the words of the one that runs it.
struct RobotLines {
  Autoresponder robot;
  std::vector<std::string> words;
};

/// nullopt if they do anything else, or more.
std::optional<RobotLines> parse_lines(const DeliveryLines& lines) {
  RobotLines out;
  for (const auto& line : lines) {
    const auto parsed = parse_delivery(line, LineReader::qmail_local, false);
    if (parsed.kind == DeliveryKind::forward) {
      out.robot.copy_to.push_back(line);
      continue;
    }
    if (parsed.kind != DeliveryKind::program || !out.words.empty()) return std::nullopt;
    auto words = autorespond_arguments(parsed.argument);
    if (!words) return std::nullopt;
    out.words = *std::move(words);
  }
  return out.words.empty() ? std::nullopt : std::optional(std::move(out));
}

}  // namespace

bool is_autorespond_counter(std::string_view name) {
  const auto dot = name.find('.');
  return name.size() > 3 && name.front() == 'A' && dot != std::string_view::npos &&
         is_digits(name.substr(1, dot - 1)) && is_digits(name.substr(dot + 1));
}

Result<std::optional<Autoresponder>> as_autoresponder(Inspection& in, const std::string& local,
                                                      const DeliveryLines& lines) {
  const auto none = std::optional<Autoresponder>();
  auto parsed = parse_lines(lines);
  if (!parsed) return none;
  auto& [robot, words] = *parsed;
  // qmailadmin names the directory in upper case; a robot laid out otherwise stays a plain alias.
  const auto name = to_upper(local);
  const auto robot_directory = in.templater->to_template(in.in_domain(name));
  if (words[4] != robot_directory || words[3] != robot_directory + "/message") return none;
  VSTATE_TRY_ASSIGN(const auto found, look_behind(in.files, in.in_domain(name)));
  if (!found.is_directory()) return none;
  VSTATE_TRY_ASSIGN(const auto listing, in.files.list(in.in_domain(name)));
  // Anything else in the directory is a person's work, and a robot could not say it.
  for (const auto& entry : listing) {
    const bool is_file = entry.type == FileInfo::Type::regular;
    if (!is_file || (entry.name != "message" && !is_autorespond_counter(entry.name))) return none;
  }
  const auto message = in.in_domain(name + "/message");
  VSTATE_TRY_ASSIGN(const auto has_message, in.files.exists(message));
  if (!has_message) return none;
  VSTATE_TRY_ASSIGN(const auto text, in.read_text(message, k_inline_text));
  if (!text) return none;
  robot.message = *text;
  robot.seconds = to_number(words[1]).value_or(0);
  robot.replies = to_number(words[2]).value_or(0);
  if (words[0] != "{autorespond}") robot.program = words[0];
  in.express(message);
  for (const auto& entry : listing)
    if (entry.name != "message")
      in.rebuild(in.in_domain(name + "/" + entry.name), "counter of autorespond");
  return std::optional(std::move(robot));
}

Status write_robot(Site& site, const Change<Autoresponder>& change) {
  const auto directory = site.in_domain(to_upper(change.name));
  if (!change.after) {
    // The line goes last: as long as it is there, the next run sees what is left of the robot.
    VSTATE_TRY(site.system.remove_tree(directory));
    return remove_alias(site, change.name);
  }
  const auto& robot = *change.after;
  VSTATE_TRY(site.make_directories(directory));
  const auto path = path_join(directory, "message");
  if (change.before)
    VSTATE_TRY(site.check_undisturbed(path, change.before->message, robot.message));
  VSTATE_TRY_ASSIGN(const auto message, site.expanded(robot.message));
  VSTATE_TRY(site.write(path, message, 0600));
  // The message stands before the line that runs the program on it.
  const auto place = "{domain}/" + pathless_template(to_upper(change.name));
  DeliveryLines lines{fmt::format("|{} {} {} {}/message {}",
                                  robot.program.empty() ? "{autorespond}" : robot.program,
                                  robot.seconds, robot.replies, place, place)};
  lines.insert(lines.end(), robot.copy_to.begin(), robot.copy_to.end());
  return write_alias(site, change.name, lines, 0600);
}

}  // namespace vstate
