#include <algorithm>

#include <fmt/format.h>

#include "inspector_impl.h"
#include "vstate/base/text.h"
#include "vstate/format/limits_file.h"
#include "vstate/model/delivery.h"

namespace vstate {

namespace {

constexpr std::string_view k_prefix = ".qmail-";

/// The arguments of a line as qmailadmin writes it for autorespond: program, seconds, replies,
/// message file, directory.
std::optional<std::vector<std::string>> autorespond_arguments(std::string_view command) {
  while (!command.empty() && command.front() == ' ') command.remove_prefix(1);
  std::vector<std::string> words;
  for (const auto word : split(command, ' ')) words.emplace_back(word);
  constexpr std::string_view name = "/autorespond";
  const bool is_placeholder = !words.empty() && words[0] == "{autorespond}";
  const bool is_program = !words.empty() && words[0].size() > name.size() &&
                          words[0].compare(words[0].size() - name.size(), name.size(), name) == 0;
  if (words.size() != 5 || (!is_placeholder && !is_program)) return std::nullopt;
  if (!is_digits(words[1]) || !is_digits(words[2])) return std::nullopt;
  return words;
}

}  // namespace

Result<DeliveryLines> Inspector::read_lines(const std::string& path) {
  VSTATE_TRY_ASSIGN(const auto bytes, system_.read(path, std::size_t{1} << 22));
  DeliveryLines lines;
  for (const auto line : split_lines(bytes)) lines.push_back(templater_->to_template(line));
  return lines;
}

Status Inspector::read_limits() {
  VSTATE_TRY_ASSIGN(state().limits, store_.read_limits(location()));
  return state().limits ? Status() : remark_default_limits();
}

/// A domain without limits of its own has those of its server, which another server need not have.
Status Inspector::remark_default_limits() {
  const auto path = path_join(server_.vpopmail_dir, "etc/vlimits.default");
  VSTATE_TRY_ASSIGN(const auto bytes, system_.read_if_there(path));
  const auto limits = parse_limits(bytes.value_or(""));
  if (!limits) return tl::unexpected<Error>(limits.error().in(path));
  std::vector<std::string> shown;
  for (const auto& [name, value] : *limits) shown.push_back(fmt::format("{} {}", name, value));
  if (!shown.empty())
    remark(
        fmt::format("has no limits of its own; those of this server apply: {}", join(shown, ", ")));
  return {};
}

Status Inspector::read_default() {
  const auto path = in_domain(".qmail-default");
  if (!system_.exists(path)) {
    remark(".qmail-default is missing: no mailbox of this domain receives mail");
    return {};
  }
  VSTATE_TRY_ASSIGN(state().default_delivery, read_lines(path));
  express(path);
  return {};
}

std::optional<Autoresponder> Inspector::as_autoresponder(const std::string& local,
                                                         const DeliveryLines& lines) {
  Autoresponder robot;
  std::optional<std::vector<std::string>> words;
  for (const auto& line : lines) {
    const auto parsed = parse_delivery(line, LineReader::qmail_local, false);
    if (parsed.kind == DeliveryKind::forward) {
      robot.copy_to.push_back(line);
      continue;
    }
    if (parsed.kind != DeliveryKind::program || words) return std::nullopt;
    words = autorespond_arguments(parsed.argument);
    if (!words) return std::nullopt;
  }
  if (!words) return std::nullopt;
  // qmailadmin names the directory in upper case; a robot laid out otherwise stays a plain alias.
  const auto name = to_upper(local);
  const auto robot_directory = templater_->to_template(in_domain(name));
  if ((*words)[4] != robot_directory || (*words)[3] != robot_directory + "/message")
    return std::nullopt;
  const auto listing = system_.list(in_domain(name));
  if (!listing) return std::nullopt;
  for (const auto& entry : *listing) {
    const bool is_file = entry.type == FileInfo::Type::regular;
    if (!is_file || (entry.name != "message" && !is_autorespond_counter(entry.name)))
      return std::nullopt;
  }
  const auto message = in_domain(name + "/message");
  auto text = read_text(message, k_inline_text);
  if (!text || !*text) return std::nullopt;
  robot.message = **text;
  robot.seconds = to_number((*words)[1]).value_or(0);
  robot.replies = to_number((*words)[2]).value_or(0);
  if ((*words)[0] != "{autorespond}") robot.program = (*words)[0];
  express(message);
  for (const auto& entry : *listing)
    if (entry.name != "message")
      rebuild(in_domain(name + "/" + entry.name), "counter of autorespond");
  return robot;
}

Status Inspector::read_alias(const std::string& file_name, const std::string& local) {
  const auto path = in_domain(file_name);
  const auto name = AliasName::parse(local);
  if (!name || dot_qmail_name(local) != file_name) {
    remark(fmt::format("{} is never selected by mail; it is carried as a plain file", file_name));
    return {};
  }
  VSTATE_TRY_ASSIGN(auto lines, read_lines(path));
  express(path);
  if (auto robot = as_autoresponder(local, lines)) {
    state().autoresponders.emplace(*name, *std::move(robot));
    return {};
  }
  VSTATE_TRY_ASSIGN(const auto info, system_.info(path));
  state().alias.emplace(*name, Alias{std::move(lines), (info.mode & 0100U) != 0});
  return {};
}

Status Inspector::read_aliases() {
  for (const auto& entry : entries_) {
    if (entry.name.rfind(k_prefix, 0) != 0 || entry.name == ".qmail-default") continue;
    if (entry.type != FileInfo::Type::regular || is_claimed(in_domain(entry.name))) continue;
    const auto local = replace_all(entry.name.substr(k_prefix.size()), ":", ".");
    VSTATE_TRY(read_alias(entry.name, local));
  }
  return {};
}

Status Inspector::read_alias_rows() {
  VSTATE_TRY_ASSIGN(auto rows, store_.read_alias_rows(location()));
  if (rows.empty()) return {};
  if (!state().default_delivery || !runs_vdelivermail(*state().default_delivery)) {
    remark(
        fmt::format("{} aliases in the table valias never take effect, since .qmail-default does "
                    "not run vdelivermail; they are not carried",
                    rows.size()));
    return {};
  }
  for (const auto& [local, literal] : rows) {
    const auto name = AliasName::parse(local);
    if (!name || name->text() != local) {
      remark(
          fmt::format("the rows of {} in the table valias never take effect; they are not carried",
                      visible(local)));
      continue;
    }
    const auto answers = names_that_answer(local);
    const auto file = std::find_if(answers.begin(), answers.end(), [&](const std::string& answer) {
      return system_.info(in_domain(dot_qmail_name(answer))).has_value();
    });
    if (file != answers.end()) {
      remark(
          fmt::format("the rows of {} in the table valias never take effect, since {} answers "
                      "first; they are not carried",
                      local, dot_qmail_name(*file)));
      continue;
    }
    DeliveryLines lines;
    for (const auto& line : literal) lines.push_back(templater_->to_template(line));
    if (local.ends_with("-default") && runs_program(lines))
      remark(
          fmt::format("{} is rows of valias that run a program; as a .qmail file it has another "
                      "$DEFAULT",
                      local));
    out_.alias_rows.emplace(local, literal);
    if (auto robot = as_autoresponder(local, lines))
      state().autoresponders.emplace(*name, *std::move(robot));
    else
      state().alias.emplace(*name, Alias{std::move(lines), false});
  }
  return {};
}

}  // namespace vstate
