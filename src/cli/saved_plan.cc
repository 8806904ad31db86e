#include "cli/saved_plan.h"

#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/host_file.h"

namespace vstate::cli {

namespace {
using Json = nlohmann::ordered_json;
constexpr int k_version = 2;
constexpr const char* k_version_key = "vstate_plan";
}  // namespace

Status save_plan(const std::string& path, const CommonOptions& common,
                 const PlanOptionsText& options, const std::vector<DomainFile>& files,
                 const std::vector<Json>& plans) {
  Json out;
  out[k_version_key] = k_version;
  out["root"] = common.root;
  out["mail"] = options.mail.empty() ? "" : std::filesystem::absolute(options.mail).string();
  out["only"] = common.selection.only;
  out["exclude"] = common.selection.exclude;
  out["prune"] = options.prune;
  out["overwrite"] = options.overwrite;
  out["alter"] = options.alter;
  out["max_delete"] = options.max_delete;
  out["convert"] = options.convert;
  out["files"] = Json::array();
  for (std::size_t i = 0; i < files.size(); ++i)
    out["files"].push_back({{"name", std::filesystem::absolute(options.files[i]).string()},
                            {"sha256", files[i].digest},
                            {"plan", plans[i]}});
  return write_host_file(path, out.dump(2) + "\n");
}

Result<std::optional<SavedPlan>> load_plan(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return std::optional<SavedPlan>();
  VSTATE_TRY_ASSIGN(const auto text, read_host_file(path));
  // A domain file is TOML and cannot begin with a brace.
  if (text.empty() || text.front() != '{') return std::optional<SavedPlan>();
  const auto damaged = [&] {
    return fail(Errc::invalid, fmt::format("{}: is not a plan saved by vstate; plan again", path));
  };
  // What is deeper than any plan is not built: taking it down again would run out of stack.
  constexpr int most_levels = 64;
  bool is_deep = false;
  const auto json = Json::parse(
      text,
      [&](int depth, Json::parse_event_t, const Json&) {
        is_deep = is_deep || depth > most_levels;
        return depth <= most_levels;
      },
      false);
  if (is_deep || json.is_discarded() || !json.contains(k_version_key)) return damaged();
  if (json[k_version_key] != k_version)
    return fail(Errc::unsupported,
                fmt::format("{}: was saved by another version of vstate; plan again", path));
  SavedPlan plan;
  // Every access below throws on a type that a person's edit may have left.
  try {
    plan.root = json.at("root");
    plan.mail = json.at("mail");
    plan.selection.only = json.at("only").get<std::vector<std::string>>();
    plan.selection.exclude = json.at("exclude").get<std::vector<std::string>>();
    plan.prune = json.at("prune");
    plan.overwrite = json.at("overwrite");
    plan.alter = json.value("alter", false);
    plan.max_delete = json.value("max_delete", std::uint64_t{0});
    plan.convert = json.value("convert", "");
    for (const auto& item : json.at("files")) {
      plan.files.push_back(item.at("name"));
      plan.digests.push_back(item.at("sha256"));
      plan.plans.push_back(item.at("plan").dump());
    }
  } catch (const Json::exception&) {
    return damaged();
  }
  return std::optional(std::move(plan));
}

std::string staleness(const SavedPlan& saved, std::size_t index, const DomainFile& file,
                      const Json& now) {
  if (saved.digests[index] != file.digest)
    return fmt::format("{}: the file changed since the plan was made; plan again", file.name);
  if (saved.plans[index] != now.dump())
    return fmt::format("{}: the server changed since the plan was made; plan again",
                       file.state.name.text());
  return {};
}

}  // namespace vstate::cli
