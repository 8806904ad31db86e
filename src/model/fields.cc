// Values as lists of named fields, from which plans, JSON and differences are made: nothing else
// decides what of a value is shown. A secret's field has words about it and never its bytes, so
// that no view can print what it does not get.

#include "model/fields.h"

#include <algorithm>
#include <chrono>
#include <ctime>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "vstate/base/text.h"

namespace vstate {

namespace {

std::string lines_text(const DeliveryLines& lines) { return join(lines, "; "); }

/// Long or multi-line text is told by its size: a plan is read, not searched.
std::string short_text(std::string_view text) {
  if (text.find('\n') == std::string_view::npos && text.size() <= 60) return std::string(text);
  const auto lines = split_lines(text).size();
  return fmt::format("{} line{}, {} bytes", lines, lines == 1 ? "" : "s", text.size());
}

/// A value without words is not there.
void add(Fields& fields, std::string name, std::string value, FieldData data) {
  if (value.empty()) return;
  fields.push_back({.name = std::move(name),
                    .value = std::move(value),
                    .is_sensitive = false,
                    .data = std::move(data)});
}

void add_text(Fields& fields, std::string name, std::string text) {
  add(fields, std::move(name), text, text);
}

void add_number(Fields& fields, std::string name, std::int64_t number) {
  add(fields, std::move(name), std::to_string(number), number);
}

/// Only a claim that holds is a field, so that two values without it are alike.
void add_claim(Fields& fields, std::string name) { add(fields, std::move(name), "yes", true); }

void add_list(Fields& fields, std::string name, const std::vector<std::string>& list,
              std::string_view separator = ", ") {
  add(fields, std::move(name), join(list, separator), list);
}

void add_secret(Fields& fields, std::string name, std::string shown) {
  fields.push_back(
      {.name = std::move(name), .value = std::move(shown), .is_sensitive = true, .data = {}});
}

/// Lines that are none are a value, too.
void add_lines(Fields& fields, std::string name, const DeliveryLines& lines) {
  fields.push_back(
      {.name = std::move(name), .value = lines_text(lines), .is_sensitive = false, .data = lines});
}

FieldData data_of(const Quota& quota) {
  std::map<std::string, std::int64_t> out;
  if (quota.bytes > 0) out["bytes"] = static_cast<std::int64_t>(quota.bytes);
  if (quota.messages > 0) out["messages"] = static_cast<std::int64_t>(quota.messages);
  return out;
}

std::string login_text(const LastLogin& login) {
  return login.from.empty() ? to_utc_text(login.at)
                            : fmt::format("{} from {}", to_utc_text(login.at), login.from);
}

std::string sublist_title(const std::string& directory) {
  // ezmlm's directory names are not what people call the addresses in them.
  if (directory.empty()) return "subscribers";
  if (directory == "mod") return "moderators";
  return directory;
}

}  // namespace

std::string to_utc_text(std::chrono::sys_seconds at) {
  const auto time = static_cast<std::time_t>(at.time_since_epoch().count());
  std::tm parts{};
  // In UTC, since two servers may be in different time zones.
  gmtime_r(&time, &parts);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}Z", parts);
}

bool has_utc_text(std::chrono::sys_seconds at) {
  using namespace std::chrono;
  constexpr sys_seconds first = sys_days(year(0) / January / 1);
  constexpr sys_seconds behind = sys_days(year(10000) / January / 1);
  return at >= first && at < behind;
}

std::string to_text(const Quota& quota) {
  if (quota.is_unlimited()) return "none";
  std::string out;
  if (quota.bytes > 0) out = human_bytes(quota.bytes);
  if (quota.messages > 0)
    out += fmt::format("{}{} messages", out.empty() ? "" : " / ", with_thousands(quota.messages));
  return out;
}

Fields fields_of(const Mailbox& mailbox) {
  Fields fields;
  // The order of these lines is the order in which a person reads the fields.
  add_text(fields, "gecos", mailbox.gecos);
  add(fields, "quota", to_text(mailbox.quota), data_of(mailbox.quota));
  add_secret(fields, "password", scheme_of(mailbox.password));
  // Only that there is one is said.
  if (mailbox.clear_password) add_secret(fields, "clear_password", "set");
  if (mailbox.is_apop) add_claim(fields, "apop");
  // Denials and other flags are one word of bits on the server, and two things to people.
  add_list(fields, "disable", denials_of(mailbox.flags));
  add_list(fields, "flags", other_flags_of(mailbox.flags));
  add_list(fields, "deliver", mailbox.deliver, "; ");
  if (mailbox.vacation) add_text(fields, "vacation", short_text(*mailbox.vacation));
  if (mailbox.last_login) {
    // vpopmail writes this address when it makes an account, so the time is that of its creation.
    const bool never = mailbox.last_login->from == "0.0.0.0";
    add_text(fields, never ? "created" : "last_login",
             never ? to_utc_text(mailbox.last_login->at) : login_text(*mailbox.last_login));
  }
  return fields;
}

Fields fields_of(const Alias& alias) {
  Fields fields;
  add_lines(fields, "deliver", alias.deliver);
  if (alias.forwards_only) add_claim(fields, "forwards_only");
  return fields;
}

Fields fields_of(const Autoresponder& robot) {
  const auto message = short_text(robot.message);
  // The message is a field even where it is empty: a robot without one is worth seeing.
  Fields fields{{.name = "message", .value = message, .is_sensitive = false, .data = message}};
  add_list(fields, "copy_to", robot.copy_to, "; ");
  add(fields, "limit", fmt::format("{} in {} s", robot.replies, robot.seconds),
      std::map<std::string, std::int64_t>{{"replies", robot.replies}, {"seconds", robot.seconds}});
  add_text(fields, "program", robot.program);
  return fields;
}

Fields fields_of(const List& list) {
  Fields fields;
  // Addresses are counted: which of them come and go is shown by whoever compares two lists.
  for (const auto& [directory, addresses] : list.addresses)
    add_number(fields, sublist_title(directory), static_cast<std::int64_t>(addresses.size()));
  add_list(fields, "options", {list.options.begin(), list.options.end()});
  for (const auto& [name, text] : list.files) add_text(fields, "files." + name, short_text(text));
  add_secret(fields, "key", "set");
  std::vector<std::string> links;
  for (const auto& [suffix, target] : list.links)
    links.push_back(fmt::format("{} -> {}", suffix, target));
  add_list(fields, "links", links);
  return fields;
}

Fields fields_of(const File& file) {
  const auto mode = fmt::format("{:04o}", file.mode);
  const auto text = [](std::string name, const std::string& value) {
    return Field{.name = std::move(name), .value = value, .is_sensitive = false, .data = value};
  };
  switch (file.kind) {
    case File::Kind::directory:
      return {text("directory", mode)};
    case File::Kind::link:
      return {text("target", file.content)};
    case File::Kind::text:
      return {text("content", short_text(file.content)), text("mode", mode)};
    case File::Kind::bytes:
      return {text("content", human_bytes(file.content.size())), text("mode", mode)};
  }
  return {};
}

Fields fields_of(const Limits& limits) {
  Fields fields;
  for (const auto& name : limit_names())
    // The table's order is that of vpopmail's own file.
    if (const auto found = limits.find(std::string(name.file_key)); found != limits.end())
      add_number(fields, std::string(name.document_key), found->second);
  return fields;
}

Fields fields_of(const DeliveryLines& lines) {
  Fields fields;
  add_lines(fields, "deliver", lines);
  return fields;
}

std::vector<FieldChange> changed_fields(const Fields& before, const Fields& after,
                                        const std::vector<std::string>& secret_changed) {
  const auto value_in = [](const Fields& fields, const std::string& name) -> const Field* {
    for (const auto& field : fields)
      if (field.name == name) return &field;
    return nullptr;
  };
  const auto is_secretly_changed = [&](const std::string& name) {
    return std::find(secret_changed.begin(), secret_changed.end(), name) != secret_changed.end();
  };
  std::vector<FieldChange> changes;
  for (const auto& field : after) {
    const Field* old = value_in(before, field.name);
    const std::string old_value = old != nullptr ? old->value : "";
    // Two secrets look alike in words; that they differ is told by whoever could compare them.
    if (old_value != field.value || is_secretly_changed(field.name))
      changes.push_back({.name = field.name,
                         .before = old_value,
                         .after = field.value,
                         .is_sensitive = field.is_sensitive,
                         .before_data = old != nullptr ? std::optional(old->data) : std::nullopt,
                         .after_data = field.data});
  }
  // Fields that are gone come after those that are there, whatever place they had.
  for (const auto& field : before)
    if (value_in(after, field.name) == nullptr)
      changes.push_back({.name = field.name,
                         .before = field.value,
                         .after = "",
                         .is_sensitive = field.is_sensitive,
                         .before_data = field.data,
                         .after_data = std::nullopt});
  return changes;
}

std::vector<std::string> changed_secrets(const Mailbox& before, const Mailbox& after) {
  std::vector<std::string> names;
  if (before.password != after.password) names.emplace_back("password");
  if (before.clear_password != after.clear_password) names.emplace_back("clear_password");
  return names;
}

std::vector<std::string> changed_secrets(const List& before, const List& after) {
  if (before.key != after.key) return {"key"};
  return {};
}

}  // namespace vstate
