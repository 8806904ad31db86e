// A record is two domain files in a JSON object, so that it is read by the reader of domain files
// and checked by it. It is written before the first change: a run that was stopped can be taken
// back as far as it came.

#include "engine/run/rollback_record.h"

#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "vstate/base/text.h"
#include "vstate/document/document.h"

namespace vstate::engine {

namespace {

using Json = nlohmann::ordered_json;

constexpr const char* k_directory = "/var/lib/vstate/runs";
constexpr int k_record_version = 1;
constexpr std::int64_t k_kept_runs = 500;

std::string record_path(std::int64_t run) { return fmt::format("{}/{}.json", k_directory, run); }

/// The actions on one state, one after the other.
class Applying {
 public:
  explicit Applying(State& state) : state_(state) {}

  void operator()(const Change<Limits>& change) { state_.limits = change.after; }
  void operator()(const Change<DeliveryLines>& change) { state_.default_delivery = change.after; }
  void operator()(const Change<Mailbox>& change) { set<MailboxName>(state_.mailboxes, change); }
  void operator()(const Change<Alias>& change) { set<AliasName>(state_.alias, change); }
  void operator()(const Change<Autoresponder>& change) {
    set<AliasName>(state_.autoresponders, change);
  }
  void operator()(const Change<List>& change) { set<AliasName>(state_.lists, change); }
  void operator()(const Change<File>& change) {
    if (change.after)
      state_.files.insert_or_assign(change.name, *change.after);
    else
      state_.files.erase(change.name);
  }
  void operator()(const Publish& publish) {
    if (publish.is_alias) state_.aliases.insert(publish.name);
  }
  void operator()(const Unpublish& unpublish) { state_.aliases.erase(unpublish.name); }
  /// What moves mail, or mends what no file describes.
  template <class Other>
  void operator()(const Other&) {}

 private:
  template <class Name, class Value>
  static void set(std::map<Name, Value>& values, const Change<Value>& change) {
    const auto name = Name::parse(change.name);
    if (!name) return;
    if (change.after)
      values.insert_or_assign(*name, *change.after);
    else
      values.erase(*name);
  }

  State& state_;
};

/// Archives are of another place and time.
State without_mail(State state) {
  state.archive.reset();
  state.left_out.clear();
  for (auto& [name, mailbox] : state.mailboxes) mailbox.mail.reset();
  for (auto& [name, list] : state.lists) list.archive.reset();
  return state;
}

std::optional<State> read_state(const Json& text, const std::string& path) {
  Diagnostics diagnostics;
  return document::read(text.get<std::string>(), path, diagnostics);
}

Result<RunRecord> record_from(const Json& json, std::int64_t run, const std::string& path) {
  const auto& before = json.at("before");
  auto after = read_state(json.at("after"), path);
  auto found = before.is_null() ? std::nullopt : read_state(before, path);
  if (json.at("vstate_run") != k_record_version || !after || found.has_value() == before.is_null())
    throw std::out_of_range("vstate_run");
  return RunRecord{.run = run, .before = std::move(found), .after = *std::move(after)};
}

}  // namespace

State state_after(const Plan& plan, const State* before) {
  State state = before == nullptr ? State(plan.domain) : *before;
  Applying applying(state);
  for (const auto& action : plan.actions) std::visit(applying, action);
  return state;
}

bool changes_configuration(const Plan& plan) {
  for (const auto& action : plan.actions)
    if (!std::holds_alternative<CopyArchive>(action) && !std::holds_alternative<CopyFeed>(action) &&
        !std::holds_alternative<ConvertMail>(action) && !std::holds_alternative<Repair>(action))
      return true;
  return false;
}

Status keep_record(System& system, std::int64_t run, const State* before, const State& after) {
  const Ownership owned{geteuid(), getegid(), 0700};
  VSTATE_TRY(ensure_directory(system, k_directory, owned));
  const Json json{
      {"vstate_run", k_record_version},
      {"before", before == nullptr ? Json(nullptr) : Json(document::write(without_mail(*before)))},
      {"after", document::write(without_mail(after))}};
  return system.replace_file(record_path(run), json.dump(1) + "\n", {owned.uid, owned.gid, 0600},
                             Durability::now);
}

Status forget_past_records(System& system, std::int64_t newest) {
  VSTATE_TRY_ASSIGN(const bool is_there, system.exists(k_directory));
  if (!is_there) return {};
  VSTATE_TRY_ASSIGN(const auto entries, system.list(k_directory));
  for (const auto& entry : entries) {
    const auto number = to_number(std::string_view(entry.name).substr(0, entry.name.find('.')));
    const bool is_past = number && static_cast<std::int64_t>(*number) <= newest - k_kept_runs;
    // A temporary is of a run that was stopped: this one holds the lock.
    if (is_past || is_temporary(entry.name))
      VSTATE_TRY(system.remove_file(path_join(k_directory, entry.name)));
  }
  return {};
}

Result<RunRecord> load_record(const Files& files, std::int64_t run) {
  const auto path = record_path(run);
  VSTATE_TRY_ASSIGN(const auto text, files.read_if_there(path));
  if (!text)
    return fail(Errc::not_found,
                fmt::format("run {}: nothing is kept of it; vstate history lists runs, and only "
                            "the newest that changed configuration can be taken back",
                            run));
  try {
    return record_from(Json::parse(*text), run, path);
  } catch (const std::exception&) {
    return fail(Errc::invalid, fmt::format("{}: is damaged", path));
  }
}

}  // namespace vstate::engine
