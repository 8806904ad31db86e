#include <algorithm>

#include <fmt/format.h>

#include "format/limits_file.h"
#include "inspect/inspector.h"
#include "sys/path.h"
#include "vstate/base/text.h"
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

Result<std::optional<DeliveryLines>> Inspector::read_lines(const std::string& path) {
  constexpr std::size_t longest = std::size_t{1} << 22;
  VSTATE_TRY_ASSIGN(const auto bytes, read_listed(path, longest));
  if (!bytes && !out_.has_changed)
    leave_out("file." + spell_bytes(relative(path)),
              "it is larger than 4 MiB, which no delivery file is; it is not carried");
  if (!bytes) {
    rebuild(path, "it cannot be read as a delivery file");
    return std::optional<DeliveryLines>();
  }
  DeliveryLines lines;
  for (const auto line : split_lines(*bytes)) lines.push_back(templater_->to_template(line));
  express(path);
  return std::optional(std::move(lines));
}

Result<std::optional<FileInfo>> Inspector::delivery_file(const DirEntry& entry,
                                                         const std::string& path) {
  if (entry.type != FileInfo::Type::regular && entry.type != FileInfo::Type::link)
    return std::optional<FileInfo>();
  VSTATE_TRY_ASSIGN(auto behind, look_behind(files_, path));
  if (entry.type == FileInfo::Type::regular) {
    if (behind.info) return behind.info;
    // If another comes in its place, that is for the next look.
    out_.has_changed = true;
    rebuild(path, "gone while it was read");
    return std::optional<FileInfo>();
  }
  // Where a link leads is its owner's doing; what it leads to is what mail gets.
  if (behind.is_directory()) return std::optional<FileInfo>();
  if (behind.info && behind.info->is_regular()) {
    const auto bytes = files_.read(path, 0);
    if (bytes || bytes.error().code == Errc::unsupported) return behind.info;
    if (bytes.error().code != Errc::denied) return tl::unexpected<Error>(bytes.error());
    behind.why = "which cannot be read";
  }
  VSTATE_TRY_ASSIGN(const auto target, files_.link_target(path));
  leave_out("file." + spell_bytes(relative(path)),
            fmt::format("it is a link to {}, {}", visible(target), behind.why));
  express(path);
  return std::optional<FileInfo>();
}

Status Inspector::read_limits() {
  VSTATE_TRY_ASSIGN(state().limits, store_.read_limits(location()));
  return state().limits ? Status() : remark_default_limits();
}

/// A domain without limits of its own has those of its server, which another server need not have.
Status Inspector::remark_default_limits() {
  const auto path = path_join(server_.vpopmail_dir, "etc/vlimits.default");
  VSTATE_TRY_ASSIGN(const auto bytes, files_.read_if_there(path));
  const auto text = parse_limits(bytes.value_or(""));
  for (const auto& blemish : text.blemishes) remark(fmt::format("{}: {}", path, blemish));
  std::vector<std::string> shown;
  for (const auto& [name, value] : text.limits) shown.push_back(fmt::format("{} {}", name, value));
  if (!shown.empty())
    remark(
        fmt::format("has no limits of its own; those of this server apply: {}", join(shown, ", ")));
  return {};
}

Status Inspector::read_default() {
  const auto entry = std::find_if(entries_.begin(), entries_.end(), [](const DirEntry& item) {
    return item.name == ".qmail-default";
  });
  if (entry == entries_.end()) {
    remark(".qmail-default is missing: no mailbox of this domain receives mail");
    return {};
  }
  const auto path = in_domain(entry->name);
  VSTATE_TRY_ASSIGN(const auto file, delivery_file(*entry, path));
  if (!file) return {};
  VSTATE_TRY_ASSIGN(state().default_delivery, read_lines(path));
  return {};
}

Result<std::optional<Autoresponder>> Inspector::as_autoresponder(const std::string& local,
                                                                 const DeliveryLines& lines) {
  const auto none = std::optional<Autoresponder>();
  Autoresponder robot;
  std::optional<std::vector<std::string>> words;
  for (const auto& line : lines) {
    const auto parsed = parse_delivery(line, LineReader::qmail_local, false);
    if (parsed.kind == DeliveryKind::forward) {
      robot.copy_to.push_back(line);
      continue;
    }
    if (parsed.kind != DeliveryKind::program || words) return none;
    words = autorespond_arguments(parsed.argument);
    if (!words) return none;
  }
  if (!words) return none;
  // qmailadmin names the directory in upper case; a robot laid out otherwise stays a plain alias.
  const auto name = to_upper(local);
  const auto robot_directory = templater_->to_template(in_domain(name));
  if ((*words)[4] != robot_directory || (*words)[3] != robot_directory + "/message") return none;
  VSTATE_TRY_ASSIGN(const auto found, look_behind(files_, in_domain(name)));
  if (!found.is_directory()) return none;
  VSTATE_TRY_ASSIGN(const auto listing, files_.list(in_domain(name)));
  for (const auto& entry : listing) {
    const bool is_file = entry.type == FileInfo::Type::regular;
    if (!is_file || (entry.name != "message" && !is_autorespond_counter(entry.name))) return none;
  }
  const auto message = in_domain(name + "/message");
  VSTATE_TRY_ASSIGN(const auto has_message, files_.exists(message));
  if (!has_message) return none;
  VSTATE_TRY_ASSIGN(const auto text, read_text(message, k_inline_text));
  if (!text) return none;
  robot.message = *text;
  robot.seconds = to_number((*words)[1]).value_or(0);
  robot.replies = to_number((*words)[2]).value_or(0);
  if ((*words)[0] != "{autorespond}") robot.program = (*words)[0];
  express(message);
  for (const auto& entry : listing)
    if (entry.name != "message")
      rebuild(in_domain(name + "/" + entry.name), "counter of autorespond");
  return std::optional(std::move(robot));
}

Status Inspector::take_alias(const AliasName& name, DeliveryLines lines, bool forwards_only) {
  VSTATE_TRY_ASSIGN(auto robot, as_autoresponder(name.text(), lines));
  if (robot)
    state().autoresponders.emplace(name, *std::move(robot));
  else
    state().alias.emplace(name, Alias{std::move(lines), forwards_only});
  return {};
}

Status Inspector::read_alias(const DirEntry& entry, const std::string& local) {
  const auto path = in_domain(entry.name);
  const auto name = AliasName::parse(local);
  if (!name || dot_qmail_name(local) != entry.name) {
    remark(fmt::format("{}: {}; it is carried as a plain file", visible(entry.name),
                       name ? "mail never selects it" : name.error().message));
    return {};
  }
  VSTATE_TRY_ASSIGN(const auto file, delivery_file(entry, path));
  if (!file) return {};
  if (file->size > (std::size_t{1} << 22)) {
    remark(fmt::format("{} is larger than 4 MiB; it is carried as a plain file", entry.name));
    return {};
  }
  if (entry.type == FileInfo::Type::link)
    remark(fmt::format("{} is a link to {}; it is carried as an alias with the same lines",
                       entry.name, visible(files_.link_target(path).value_or("another file"))));
  if ((file->mode & 0002U) != 0)
    remark(fmt::format(
        "{} is writable for everybody, so qmail-local defers its mail here; where it is "
        "made anew, it delivers",
        entry.name));
  VSTATE_TRY_ASSIGN(auto lines, read_lines(path));
  return lines ? take_alias(*name, *std::move(lines), (file->mode & 0100U) != 0) : Status();
}

Status Inspector::read_aliases() {
  for (const auto& entry : entries_) {
    if (entry.name.rfind(k_prefix, 0) != 0 || entry.name == ".qmail-default") continue;
    const bool is_file =
        entry.type == FileInfo::Type::regular || entry.type == FileInfo::Type::link;
    if (!is_file || is_claimed(in_domain(entry.name))) continue;
    const auto local = replace_all(entry.name.substr(k_prefix.size()), ":", ".");
    VSTATE_TRY(read_alias(entry, local));
  }
  return {};
}

Status Inspector::read_rows_of(const std::string& local, const std::vector<std::string>& literal) {
  const auto name = AliasName::parse(local);
  if (!name || name->text() != local) {
    remark(fmt::format("the rows of {} in the table valias never take effect; they are not carried",
                       visible(local)));
    return {};
  }
  for (const auto& answer : names_that_answer(local)) {
    VSTATE_TRY_ASSIGN(const auto file, files_.look(in_domain(dot_qmail_name(answer))));
    if (!file) continue;
    remark(
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
      leave_out("alias." + spell_bytes(local),
                "a row of it in the table valias holds more than one line");
      return {};
    }
    if (line.size() < literal[lines.size()].size())
      remark(fmt::format(
          "a row of {} in the table valias ends with a line end, which is not carried", local));
    lines.push_back(templater_->to_template(line));
  }
  if (local.ends_with("-default") && runs_program(lines))
    remark(
        fmt::format("{} is rows of valias that run a program; as a .qmail file it has another "
                    "$DEFAULT",
                    local));
  out_.alias_rows.emplace(local, literal);
  return take_alias(*name, std::move(lines), false);
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
  for (const auto& [local, literal] : rows) VSTATE_TRY(read_rows_of(local, literal));
  return {};
}

}  // namespace vstate
