#include "vstate/model/fields.h"

#include <algorithm>
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

void add(Fields& fields, std::string name, std::string value) {
  if (!value.empty()) fields.push_back({std::move(name), std::move(value), false});
}

std::string login_text(const LastLogin& login) {
  return login.from.empty() ? to_utc_text(login.at)
                            : fmt::format("{} from {}", to_utc_text(login.at), login.from);
}

std::string sublist_title(const std::string& directory) {
  if (directory.empty()) return "subscribers";
  if (directory == "mod") return "moderators";
  return directory;
}

}  // namespace

std::string to_utc_text(std::int64_t seconds) {
  const auto time = static_cast<std::time_t>(seconds);
  std::tm parts{};
  gmtime_r(&time, &parts);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}Z", parts);
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
  add(fields, "gecos", mailbox.gecos);
  add(fields, "quota", to_text(mailbox.quota));
  fields.push_back({"password", scheme_of(mailbox.password), true});
  if (mailbox.clear_password) fields.push_back({"clear_password", "set", true});
  if (mailbox.is_apop) add(fields, "apop", "yes");
  add(fields, "disable", join(denials_of(mailbox.flags), ", "));
  add(fields, "flags", join(other_flags_of(mailbox.flags), ", "));
  add(fields, "deliver", lines_text(mailbox.deliver));
  if (mailbox.vacation) add(fields, "vacation", short_text(*mailbox.vacation));
  if (mailbox.last_login) {
    const bool never = mailbox.last_login->from == "0.0.0.0";
    add(fields, never ? "created" : "last_login",
        never ? to_utc_text(mailbox.last_login->at) : login_text(*mailbox.last_login));
  }
  return fields;
}

Fields fields_of(const Alias& alias) {
  Fields fields{{"deliver", lines_text(alias.deliver), false}};
  if (alias.forwards_only) add(fields, "forwards_only", "yes");
  return fields;
}

Fields fields_of(const Autoresponder& robot) {
  Fields fields{{"message", short_text(robot.message), false}};
  add(fields, "copy_to", lines_text(robot.copy_to));
  add(fields, "limit", fmt::format("{} in {} s", robot.replies, robot.seconds));
  add(fields, "program", robot.program);
  return fields;
}

Fields fields_of(const List& list) {
  Fields fields;
  for (const auto& [directory, addresses] : list.addresses)
    add(fields, sublist_title(directory), std::to_string(addresses.size()));
  add(fields, "options", join({list.options.begin(), list.options.end()}, ", "));
  for (const auto& [name, text] : list.files) add(fields, "files." + name, short_text(text));
  fields.push_back({"key", "set", true});
  std::vector<std::string> links;
  for (const auto& [suffix, target] : list.links) links.push_back(suffix + " -> " + target);
  add(fields, "links", join(links, ", "));
  return fields;
}

Fields fields_of(const File& file) {
  switch (file.kind) {
    case File::Kind::directory:
      return {{"directory", fmt::format("{:04o}", file.mode), false}};
    case File::Kind::link:
      return {{"target", file.content, false}};
    case File::Kind::text:
      return {{"content", short_text(file.content), false},
              {"mode", fmt::format("{:04o}", file.mode), false}};
    case File::Kind::bytes:
      return {{"content", human_bytes(file.content.size()), false},
              {"mode", fmt::format("{:04o}", file.mode), false}};
  }
  return {};
}

Fields fields_of(const Limits& limits) {
  Fields fields;
  for (const auto& name : limit_names())
    if (const auto found = limits.find(std::string(name.file_key)); found != limits.end())
      add(fields, std::string(name.document_key), std::to_string(found->second));
  return fields;
}

Fields fields_of(const DeliveryLines& lines) { return {{"deliver", lines_text(lines), false}}; }

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
    if (old_value != field.value || is_secretly_changed(field.name))
      changes.push_back({field.name, old_value, field.value, field.is_sensitive});
  }
  for (const auto& field : before)
    if (value_in(after, field.name) == nullptr)
      changes.push_back({field.name, field.value, "", field.is_sensitive});
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
