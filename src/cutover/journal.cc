// The lines of a control file may hold any bytes, and JSON holds text: each byte stands there as
// the character of its number, which for ASCII is the byte itself.

#include "cutover/journal.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cutover/control.h"
#include "vstate/model/template.h"

namespace vstate::cutover {

namespace {

using Json = nlohmann::ordered_json;

constexpr int k_version = 1;
constexpr std::string_view k_prefix = ".vstate-cutover-", k_suffix = ".json";
constexpr std::array k_stages{std::pair{Journal::Stage::begun, "begun"},
                              std::pair{Journal::Stage::done, "done"},
                              std::pair{Journal::Stage::undoing, "undoing"}};

Json to_json(const std::optional<std::string>& line) {
  return line ? Json(spell_bytes(*line)) : Json(nullptr);
}

std::optional<std::string> line_from(const Json& json) {
  if (json.is_null()) return std::nullopt;
  return read_bytes(json.get<std::string>());
}

Json to_json(const LineEdit& edit) {
  return {{"does", edit.kind == LineEdit::Kind::add ? "add" : "remove"},
          {"line", spell_bytes(edit.line)},
          {"index", edit.index},
          {"previous", to_json(edit.previous)},
          {"next", to_json(edit.next)},
          {"lacked_newline", edit.lacked_newline}};
}

LineEdit edit_from(const Json& json) {
  const auto line = read_bytes(json.at("line").get<std::string>());
  if (line.find('\n') != std::string::npos) throw std::out_of_range("line");
  return {.kind = json.at("does") == "add" ? LineEdit::Kind::add : LineEdit::Kind::remove,
          .line = line,
          .index = json.at("index"),
          .previous = line_from(json.at("previous")),
          .next = line_from(json.at("next")),
          .lacked_newline = json.at("lacked_newline")};
}

Json to_json(const std::map<ControlName, FileRecord>& files) {
  Json out = Json::array();
  for (const auto& [name, record] : files) {
    Json edits = Json::array();
    for (const auto& edit : record.edits) edits.push_back(to_json(edit));
    out.push_back(
        {{"file", to_text(name)}, {"was_made", record.was_made}, {"edits", std::move(edits)}});
  }
  return out;
}

std::map<ControlName, FileRecord> files_from(const Json& json) {
  std::map<ControlName, FileRecord> out;
  for (const auto& item : json) {
    const auto name = parse_control_name(item.at("file").get<std::string>());
    auto& record = out[name.value()];
    record.was_made = item.at("was_made");
    for (const auto& edit : item.at("edits")) record.edits.push_back(edit_from(edit));
  }
  return out;
}

/// Throws what a person's edit may make it throw.
Journal journal_from(const Json& json) {
  if (json.at("vstate_cutover") != k_version) throw std::out_of_range("vstate_cutover");
  const auto stage = std::find_if(k_stages.begin(), k_stages.end(),
                                  [&](const auto& one) { return json.at("stage") == one.second; });
  if (stage == k_stages.end()) throw std::out_of_range("stage");
  return {
      .domain = DomainName::parse(json.at("domain").get<std::string>()).value(),
      .to = json.at("to"),
      .names = json.at("names").get<std::vector<std::string>>(),
      .began = std::chrono::sys_seconds(std::chrono::seconds(json.at("began").get<long long>())),
      .stage = stage->first,
      .is_told = json.at("is_told"),
      .files = files_from(json.at("files"))};
}

}  // namespace

bool Journal::has_edits() const {
  return std::any_of(files.begin(), files.end(), [](const auto& file) {
    return file.second.was_made || !file.second.edits.empty();
  });
}

std::string to_json(const Journal& journal) {
  const auto stage = std::find_if(k_stages.begin(), k_stages.end(),
                                  [&](const auto& one) { return one.first == journal.stage; });
  const Json out{{"vstate_cutover", k_version},
                 {"domain", journal.domain.text()},
                 {"to", journal.to},
                 {"names", journal.names},
                 {"began", journal.began.time_since_epoch().count()},
                 {"stage", stage->second},
                 {"is_told", journal.is_told},
                 {"files", to_json(journal.files)}};
  return out.dump(2) + "\n";
}

Result<Journal> parse_journal(const std::string& text, const std::string& path) {
  try {
    return journal_from(Json::parse(text));
  } catch (const std::exception&) {
    return fail(Errc::invalid,
                fmt::format("{}: is not what a cutover wrote; what was changed is not known from "
                            "it. Look at the control files, and move it away",
                            path));
  }
}

Journals::Journals(System& system, const Server& server)
    : system_(system), directory_(path_join(server.qmail_dir, "control")) {}

std::string Journals::path_of(const DomainName& domain) const {
  return path_join(directory_, fmt::format("{}{}{}", k_prefix, domain.text(), k_suffix));
}

Result<std::map<DomainName, Journal>> Journals::load() const {
  std::map<DomainName, Journal> out;
  VSTATE_TRY_ASSIGN(const auto entries, system_.list(directory_));
  for (const auto& entry : entries) {
    if (!entry.name.starts_with(k_prefix) || !entry.name.ends_with(k_suffix)) continue;
    const auto path = path_join(directory_, entry.name);
    VSTATE_TRY_ASSIGN(const auto text, system_.read(path));
    VSTATE_TRY_ASSIGN(auto journal, parse_journal(text, path));
    if (path != path_of(journal.domain))
      return fail(Errc::invalid, fmt::format("{}: is about {}", path, journal.domain.text()));
    auto domain = journal.domain;
    out.emplace(std::move(domain), std::move(journal));
  }
  return out;
}

Status Journals::keep(const Journal& journal) {
  constexpr unsigned private_mode = 0600;
  return system_.replace_file(path_of(journal.domain), to_json(journal),
                              {geteuid(), getegid(), private_mode}, Durability::now);
}

Status Journals::remove_left_over() {
  VSTATE_TRY_ASSIGN(const auto entries, system_.list(directory_));
  for (const auto& entry : entries)
    if (is_temporary(entry.name) && entry.name.find(k_prefix) != std::string::npos)
      VSTATE_TRY(system_.remove_file(path_join(directory_, entry.name)));
  return {};
}

Status Journals::remove(const DomainName& domain) {
  return remove_for_good(system_, path_of(domain));
}

}  // namespace vstate::cutover
