#include "apply/apply.h"

#include <fmt/format.h>

#include "apply/executor.h"
#include "sys/handle.h"
#include "vstate/base/text.h"

namespace vstate {

Result<std::string> Executor::expanded(std::string_view text) const { return expand(text, paths_); }

Status Executor::write(const std::string& path, std::string_view bytes, unsigned mode) {
  const auto now = system().read_if_there(path);
  if (now && *now && **now == bytes) {
    VSTATE_TRY_ASSIGN(const auto info, system().info(path));
    if (info.is_regular() && info.mode == mode) return {};
  }
  return system().replace_file(path, bytes, owned(mode), Durability::batch);
}

Status Executor::make_directories(const std::string& path) {
  if (path.size() <= directory_.size()) return {};
  VSTATE_TRY_ASSIGN(const bool is_there, system().exists(path));
  if (is_there) return {};
  VSTATE_TRY(make_directories(std::string(path_parent(path))));
  VSTATE_TRY(system().ensure_directory(path, owned(0700)));
  return {};
}

Status Executor::check_undisturbed(const std::string& path,
                                   const std::optional<std::string>& before,
                                   const std::optional<std::string>& after) {
  // A last newline is no difference to any program that reads such a file.
  const auto ended = [](std::string text) {
    if (!text.empty() && text.back() != '\n') text.push_back('\n');
    return text;
  };
  const auto bytes_of = [&](const std::optional<std::string>& text) -> Result<std::string> {
    VSTATE_TRY_ASSIGN(auto literal, expanded(text.value_or("")));
    return ended(std::move(literal));
  };
  VSTATE_TRY_ASSIGN(auto now, system().read_if_there(path));
  if (now) *now = ended(*std::move(now));
  VSTATE_TRY_ASSIGN(const auto wanted, bytes_of(after));
  if (now.value_or("") == wanted) return {};
  if (!before && !now) return {};
  // What the plan saw it saw as a template; the same text again is the same template.
  if (before && now) {
    VSTATE_TRY_ASSIGN(const auto seen, bytes_of(before));
    if (*now == seen || Templater(paths_).to_template(*now) == ended(*before)) return {};
  }
  return fail(Errc::conflict,
              fmt::format("{}: was changed by somebody else meanwhile; run it again", path));
}

Status Executor::check_lines_undisturbed(const std::string& path,
                                         const std::optional<DeliveryLines>& before,
                                         const std::optional<DeliveryLines>& after) {
  const auto text_of = [](const std::optional<DeliveryLines>& lines) {
    return lines ? std::optional(join_lines(*lines)) : std::nullopt;
  };
  return check_undisturbed(path, text_of(before), text_of(after));
}

Status Executor::write_lines(const std::string& path, const DeliveryLines& lines, unsigned mode) {
  std::string text;
  for (const auto& line : lines) {
    VSTATE_TRY_ASSIGN(const auto literal, expanded(line));
    text += literal + "\n";
  }
  return write(path, text, mode);
}

Status Executor::perform(const Action& action, const std::function<Status()>& work) {
  observer_.on_start(action);
  return perform_end(action, work());
}

Status Executor::perform_end(const Action& action, const Status& status) {
  observer_.on_end(action, status ? std::string() : status.error().message);
  if (status) {
    ++report_.done;
    done_.insert(address_of(action));
    return {};
  }
  return keep_failure(address_of(action), status.error());
}

Status Executor::note_failure(const std::string& address, const Error& error) {
  observer_.on_failure(address, error.message);
  return keep_failure(address, error);
}

Status Executor::keep_failure(std::string address, const Error& error) {
  report_.failures.push_back({std::move(address), error.message});
  if (error.ends_run()) return tl::unexpected<Error>(error);
  return {};
}

Status Executor::run_content() {
  // What lies in the domain's directory is touched as its owner: the kernel then refuses whatever
  // a link planted there would lead to. Archives belong to whoever runs this; reading them is not
  // the owner's right, and extraction becomes the owner by itself.
  const auto change = [&](const auto& action) {
    const ActingAs owner(owner_.uid, owner_.gid);
    return apply_change(action);
  };
  VSTATE_TRY(for_each<Change<Limits>>(change));
  VSTATE_TRY(for_each<Change<File>>(change));
  VSTATE_TRY(copy_archives(false));
  VSTATE_TRY(copy_feed());
  VSTATE_TRY(convert_mail());
  for (const auto& name : touched_mailboxes_) {
    const ActingAs owner(owner_.uid, owner_.gid);
    if (const auto status = finish_mailbox(name); !status)
      VSTATE_TRY(note_failure("mailbox." + name, status.error().in("maildirsize")));
  }
  VSTATE_TRY(for_each<Change<Autoresponder>>(change));
  VSTATE_TRY(for_each<Change<Alias>>(change));
  VSTATE_TRY(for_each<Change<List>>(change));
  VSTATE_TRY(copy_archives(true));
  return for_each<Change<DeliveryLines>>(change);
}

Status Executor::remember() {
  if (input_.ledger == nullptr) return {};
  std::set<std::string> failed;
  for (const auto& action : plan_.actions)
    if (!done_.contains(address_of(action))) failed.insert(address_of(action));
  return input_.ledger->remember(plan_.domain, plan_.memory, failed,
                                 !input_.actual.condition.has_directory);
}

Status Executor::build() {
  const auto status = carry_out();
  if (status) return {};
  // Of two failures the first is told; what the ledger does not know the next run finds.
  const auto remembered = remember();
  (void)remembered;
  return status;
}

Result<ApplyReport> Executor::end() {
  VSTATE_TRY(remember());
  return std::move(report_);
}

Status Executor::carry_out() {
  VSTATE_TRY(
      for_each<CreateDomain>([&](const CreateDomain& create) { return create_domain(create); }));
  VSTATE_TRY(for_each<AlterStore>(
      [&](const AlterStore& alter) { return input_.store.alter(location(), alter.statement); }));
  if (directory_.empty() || !report_.failures.empty()) {
    report_.is_published = false;
    return {};
  }
  VSTATE_TRY(for_each<Repair>([&](const Repair& action) { return repair(action); }));
  VSTATE_TRY(forget_new_mailboxes());
  VSTATE_TRY(change_accounts());
  VSTATE_TRY(run_content());
  VSTATE_TRY(system().sync(directory_));
  if (input_.ledger != nullptr) VSTATE_TRY(input_.ledger->settle());
  VSTATE_TRY(unpublish_all());
  report_.is_published = publications().empty();
  waits_for_publication_ = !report_.is_published && report_.failures.empty();
  return {};
}

PlanRun::PlanRun(const ApplyInput& input, const Plan& plan, ApplyObserver& observer)
    : executor_(std::make_unique<Executor>(input, plan, observer)) {}
PlanRun::~PlanRun() = default;

Status PlanRun::build() { return executor_->build(); }
Result<ApplyReport> PlanRun::end() { return executor_->end(); }

Result<ApplyReport> apply_plan(const ApplyInput& input, const Plan& plan, ApplyObserver& observer) {
  PlanRun run(input, plan, observer);
  VSTATE_TRY(run.build());
  const auto published = publish({&run});
  auto report = run.end();
  if (!published) return tl::unexpected<Error>(published.error());
  return report;
}

}  // namespace vstate
