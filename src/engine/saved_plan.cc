// A saved plan names its files and what was planned, and holds neither values nor secrets. To carry
// it out, everything is read and planned again; only if that gives the same digest is it done. So a
// stale plan can do no harm, whatever happened in between.

#include "engine/saved_plan.h"

#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "host/host_file.h"
#include "vstate/plan/fingerprint.h"

namespace vstate::engine {

namespace {

using Json = nlohmann::ordered_json;

constexpr int k_version = 5;
constexpr const char* k_version_key = "vstate_plan";

std::string absolute(const std::string& path) {
  // Relative names would mean other files when the plan is carried out elsewhere.
  return path.empty() ? path : std::filesystem::absolute(path).string();
}

/// Returns nullopt for what is no JSON, and for what is deeper than any plan: taking that down
/// again would run out of stack.
std::optional<Json> parse(const std::string& text) {
  constexpr int most_levels = 64;
  bool is_deep = false;
  auto json = Json::parse(
      text,
      [&](int depth, Json::parse_event_t, const Json&) {
        is_deep = is_deep || depth > most_levels;
        return depth <= most_levels;
      },
      false);
  if (is_deep || json.is_discarded()) return std::nullopt;
  return json;
}

SavedPlan::File file_from_json(const Json& json) {
  return {
      .name = json.at("name"), .digest = json.at("sha256"), .fingerprint = json.at("plan_sha256")};
}

/// Throws Json::exception on a type that a person's edit may have left.
SavedPlan from_json(const Json& json) {
  SavedPlan plan;
  // No member has a default: a plan that lacks one was not written by this version.
  plan.root = json.at("root");
  plan.mail = json.at("mail");
  plan.secrets = json.at("secrets");
  auto& options = plan.options;
  options.selection.only = json.at("only").get<std::vector<std::string>>();
  options.selection.exclude = json.at("exclude").get<std::vector<std::string>>();
  for (const auto& pair : json.at("rename")) {
    auto parsed = parse_renaming(pair.get<std::string>());
    plan.renaming.insert(std::move(parsed).value());
  }
  options.prune = json.at("prune");
  options.overwrite = json.at("overwrite");
  options.alter = json.at("alter");
  options.max_delete = json.at("max_delete");
  options.to_dovecot = json.at("to_dovecot");
  for (const auto& item : json.at("files")) plan.files.push_back(file_from_json(item));
  if (const auto& settings = json.at("settings"); !settings.is_null())
    plan.settings = file_from_json(settings);
  plan.takes_machine_keys = json.at("take_machine_keys");
  return plan;
}

std::vector<std::string> texts_of(const Renaming& renaming) {
  std::vector<std::string> texts;
  for (const auto& [from, to] : renaming)
    texts.push_back(fmt::format("{}={}", from.text(), to.text()));
  return texts;
}

Json to_json(const SavedPlan::File& file) {
  return {
      {"name", absolute(file.name)}, {"sha256", file.digest}, {"plan_sha256", file.fingerprint}};
}

Json to_json(const SavedPlan& plan) {
  const auto& options = plan.options;
  Json out{{k_version_key, k_version},
           {"root", plan.root},
           {"mail", absolute(plan.mail)},
           {"secrets", absolute(plan.secrets)},
           {"only", options.selection.only},
           {"exclude", options.selection.exclude},
           {"rename", texts_of(plan.renaming)},
           {"prune", options.prune},
           {"overwrite", options.overwrite},
           {"alter", options.alter},
           {"max_delete", options.max_delete},
           {"to_dovecot", options.to_dovecot},
           {"take_machine_keys", plan.takes_machine_keys},
           {"settings", plan.settings ? to_json(*plan.settings) : Json()},
           {"files", Json::array()}};
  for (const auto& file : plan.files) out["files"].push_back(to_json(file));
  return out;
}

}  // namespace

std::string to_text(const SavedPlan& plan) { return to_json(plan).dump(2) + "\n"; }

Status save_plan(const std::string& path, const SavedPlan& plan) {
  return write_host_file(path, to_text(plan));
}

Result<std::optional<SavedPlan>> load_plan(const std::string& path) {
  std::error_code ignored;
  // A pipe or "-" is a domain file, and could be read only once.
  if (!std::filesystem::is_regular_file(path, ignored)) return std::nullopt;
  VSTATE_TRY_ASSIGN(const auto text, read_host_file(path));
  return parse_plan(text, path);
}

Result<std::optional<SavedPlan>> parse_plan(const std::string& text, const std::string& path) {
  // A domain file is TOML and cannot begin with a brace.
  if (text.empty() || text.front() != '{') return std::nullopt;
  const auto damaged = [&] {
    return fail(Errc::invalid, fmt::format("{}: is not a plan saved by vstate; plan again", path));
  };
  const auto json = parse(text);
  if (!json || !json->contains(k_version_key)) return damaged();
  if (json->at(k_version_key) != k_version)
    return fail(Errc::unsupported,
                fmt::format("{}: was saved by another version of vstate; plan again", path));
  // The library throws where a member is missing or has another type.
  try {
    return std::optional(from_json(*json));
  } catch (const std::exception&) {
    return damaged();
  }
}

namespace {

std::string staleness_of(const SavedPlan::File& saved, const SavedPlan::File& now,
                         const std::string& subject) {
  if (saved.digest != now.digest)
    return fmt::format("{}: the file changed since the plan was made; plan again", now.name);
  if (saved.fingerprint != now.fingerprint)
    return fmt::format("{}: the server changed since the plan was made; plan again", subject);
  return {};
}

}  // namespace

std::string staleness(const SavedPlan& saved, std::size_t index, const DomainFile& file,
                      const Plan& now) {
  return staleness_of(saved.files[index], {file.name, file.digest, fingerprint_of(now)},
                      file.state.name.text());
}

std::string staleness(const SavedPlan& saved, const ServerFile& file, const ServerPlan& now) {
  VSTATE_ASSERT(saved.settings.has_value());
  return staleness_of(*saved.settings, {file.name, file.digest, fingerprint_of(now)},
                      "its settings");
}

}  // namespace vstate::engine
