// Mail comes in parcels, one for each mailbox or list, and threads take them one after the other.
// Each thread has a batch of its own, so that one sync serves thousands of messages; what they
// share (the ledger, the feed, the counts) is under one mutex, which is not held while mail is
// delivered.

#include "apply/mail.h"

#include <sys/resource.h>

#include <algorithm>
#include <set>
#include <system_error>
#include <thread>

#include <fmt/format.h>

#include "apply/archives.h"
#include "archive/archive.h"
#include "delivery/convert.h"
#include "delivery/receiver.h"

namespace vstate {

namespace {

/// What the source has where their homes were is the domain's own now. One that could not be
/// removed stays, with its home.
std::set<std::string> removed_mailboxes(const Plan& plan, const ApplyReport& report) {
  std::set<std::string> out;
  for (const auto& action : plan.actions)
    if (const auto* change = std::get_if<Change<Mailbox>>(&action); change && !change->after)
      out.insert(change->name);
  for (const auto& failure : report.failures)
    if (const std::string kind = "mailbox."; failure.address.starts_with(kind))
      out.erase(failure.address.substr(kind.size()));
  return out;
}

/// The archives of a plan, in its order.
class ArchiveFeed final : public MailFeed {
 public:
  ArchiveFeed(std::vector<const Action*> actions, std::string root)
      : actions_(std::move(actions)), root_(std::move(root)) {}
  Result<std::optional<Parcel>> next() override {
    if (at_ == actions_.size()) return std::nullopt;
    const auto& copy = std::get<CopyArchive>(*actions_[at_++]);
    return std::optional(Parcel{copy.box, [this, &copy](Receiver& receiver) {
                                  receiver.expect_repeated(copy.repeated);
                                  return receive_archive(
                                      receiver, archive_files(root_, copy.archive, copy.known),
                                      copy.identity);
                                }});
  }
  [[nodiscard]] bool is_parallel() const override { return true; }
  [[nodiscard]] std::string title() const override { return "archives"; }

 private:
  std::vector<const Action*> actions_;
  std::string root_;
  std::size_t at_ = 0;
};

/// Each mailbox of a batch holds a directory open.
void allow_many_files() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

/// What one thread does: its own batch, parcels as they come.
class MailDelivery::Worker {
 public:
  Worker(MailDelivery& mail, MailFeed& feed)
      : mail_(mail),
        feed_(feed),
        batch_(mail.site_.system, mail.site_.owner,
               mail.input_.ledger == nullptr ? nullptr : &mail.input_.ledger->mail().deliveries(),
               [&mail](std::uint64_t messages, std::uint64_t bytes) {
                 mail.observer_.on_progress(messages, bytes);
               }) {}

  Status run() {
    auto status = deliver_all();
    // After an interruption nothing more is placed; after all else, such as a connection that
    // broke, what was built still is.
    if (status || status.error().code != Errc::interrupted) {
      if (auto flushed = batch_.flush(); !flushed && status) status = flushed;
    }
    for (const auto& [label, error] : batch_.take_failures()) failures_.emplace(label, error);
    const std::scoped_lock lock(mail_.mutex_);
    for (const auto& [label, error] : failures_) mail_.failures_.emplace(label, error);
    // The other threads end their parcel and take no further one.
    if (!status) mail_.stops_ = true;
    return status;
  }

 private:
  Status deliver_all() {
    while (true) {
      std::optional<Parcel> parcel;
      {
        const std::scoped_lock lock(mail_.mutex_);
        if (mail_.stops_) return {};
        VSTATE_TRY_ASSIGN(parcel, feed_.next());
      }
      if (!parcel) return {};
      mail_.observer_.on_box(parcel->box);
      auto status = deliver(*parcel);
      mail_.observer_.on_box_end(parcel->box);
      if (status) continue;
      // A mailbox that fails alone is reported at the end, and the next parcel is taken.
      if (status.error().ends_run()) return status;
      failures_.emplace(address_of_contents(parcel->box), status.error());
    }
  }

  Status deliver(const Parcel& parcel) {
    const auto& selection = mail_.input_.selection;
    const auto& desired = mail_.input_.desired;
    // What the person has excluded or the plan could not place is passed over in silence: the plan
    // has said so.
    if (mail_.plan_.unplaced.contains(address_of_owner(parcel.box)) ||
        selection.excludes(address_of_owner(parcel.box)) ||
        selection.excludes(address_of_contents(parcel.box)))
      return {};
    const auto target = archive_target(parcel.box, mail_.site_.paths);
    if (!target) return fail(Errc::not_found, "the mailbox has no home here");
    const auto is_named = [&](const auto& list) { return list.first.text() == parcel.box.name; };
    if (parcel.box.kind == Box::Kind::list &&
        std::none_of(desired.lists.begin(), desired.lists.end(), is_named))
      return fail(Errc::not_found, "the file names no such list");
    const bool is_mailbox = parcel.box.kind == Box::Kind::mailbox;
    MailMemory memory, conversions;
    Reserved reserved;
    {
      const std::scoped_lock lock(mail_.mutex_);
      reserved = reserved_in(parcel.box.kind, mail_.site_.paths, desired,
                             removed_mailboxes(mail_.plan_, mail_.steps_.report));
      VSTATE_TRY_ASSIGN(memory, mail_.memory_of(to_text(parcel.box.kind), parcel.box.name));
      if (is_mailbox && mail_.input_.ledger != nullptr) {
        VSTATE_TRY_ASSIGN(conversions, mail_.input_.ledger->mail().memory_of(
                                           mail_.plan_.domain, k_conversions, parcel.box.name));
      }
    }
    // What was converted once is not named back by a pass that was not told to.
    const bool to_dovecot = is_mailbox && (mail_.input_.to_dovecot || !conversions.empty());
    const ReceiveOptions options{
        .rules = {.on_difference = on_difference(parcel.box.kind),
                  .folder_names = to_dovecot ? FolderNames::of_dovecot : FolderNames::as_they_are,
                  .reserved = &reserved},
        .changes = {.gone = mail_.input_.prunes_mail ? Gone::remove : Gone::keep,
                    .may_delete = &mail_.may_delete_,
                    .conversions = &conversions}};
    VSTATE_TRY_ASSIGN(const auto receiver,
                      Receiver::open(mail_.site_.system,
                                     {.directory = *target,
                                      .owner = mail_.site_.owner,
                                      .label = address_of_contents(parcel.box)},
                                     options, memory, batch_));
    auto status = parcel.fill(*receiver);
    const std::scoped_lock lock(mail_.mutex_);
    mail_.take_count(parcel, receiver->count());
    return status;
  }

  MailDelivery& mail_;
  MailFeed& feed_;
  Batch batch_;
  std::map<std::string, Error> failures_;
};

Result<MailMemory> MailDelivery::memory_of(std::string_view kind, const std::string& name) {
  if (input_.ledger == nullptr) return MailMemory();
  return input_.ledger->mail().open(plan_.domain, std::string(kind), name);
}

void MailDelivery::take_count(const Parcel& parcel, const ReceiveCount& count) {
  steps_.report.messages += count.messages;
  steps_.report.bytes += count.bytes;
  steps_.report.restated += count.restated;
  steps_.report.removed += count.removed;
  steps_.report.gone += count.gone;
  const auto label = address_of_contents(parcel.box);
  for (const auto& kept : count.kept)
    site_.remarks.push_back(fmt::format("{}: {} was changed here and stays", label, kept));
  for (const auto& refused : count.refused)
    site_.remarks.push_back(fmt::format("{}: not delivered: {}", label, refused));
  // Any change in the mailbox makes its quota counter wrong.
  if (parcel.box.kind == Box::Kind::mailbox &&
      count.messages + count.files + count.restated + count.removed > 0)
    touched_.insert(parcel.box.name);
}

/// All parcels of a feed; failures of single ones are in `failures_` afterwards.
Status MailDelivery::deliver(MailFeed& feed) {
  allow_many_files();
  failures_.clear();
  stops_ = false;
  // A stream is read by one thread, since its parcels come one behind the other.
  const auto threads = feed.is_parallel() ? std::max(1U, input_.jobs) : 1U;
  std::vector<Status> results(threads);
  std::vector<std::thread> others;
  try {
    for (unsigned i = 1; i < threads; ++i)
      others.emplace_back([&, i] { results[i] = Worker(*this, feed).run(); });
  } catch (const std::system_error&) {
    // Fewer threads than were asked for, or none, do the same work.
  }
  // This thread works too, so that one job needs no other.
  results[0] = Worker(*this, feed).run();
  for (auto& thread : others) thread.join();
  for (auto& status : results)
    if (!status) return std::move(status);
  return {};
}

/// A mailbox that is made now has nothing behind it, whatever another of its name had.
Status MailDelivery::forget_new_mailboxes() {
  if (input_.ledger == nullptr) return {};
  const auto forget = [&](const std::string& name) -> Status {
    VSTATE_TRY(input_.ledger->mail().forget(plan_.domain, "mailbox", name));
    return input_.ledger->mail().forget(plan_.domain, k_conversions, name);
  };
  for (const auto& action : plan_.actions) {
    if (const auto* change = std::get_if<Change<Mailbox>>(&action); change && !change->before)
      VSTATE_TRY(forget(change->name));
    // A home that is missing is made anew and empty: whatever came to it before is gone with it and
    // comes again.
    if (const auto* repair = std::get_if<Repair>(&action);
        repair && repair->kind == DefectKind::home)
      VSTATE_TRY(forget(repair->subject));
    if (const auto* list = std::get_if<Change<List>>(&action); list && !list->before)
      VSTATE_TRY(input_.ledger->mail().forget(plan_.domain, "list", list->name));
    if (std::holds_alternative<CreateDomain>(action))
      VSTATE_TRY(input_.ledger->mail().forget(plan_.domain, "files", ""));
  }
  return {};
}

/// Of each mailbox that the plan names, and of those to which the feed brought something.
Status MailDelivery::convert() {
  if (!input_.to_dovecot) return {};
  std::map<std::string, const Action*> planned;
  for (const auto& action : plan_.actions)
    if (const auto* one = std::get_if<ConvertMail>(&action)) planned.emplace(one->name, &action);
  auto names = input_.feed == nullptr ? std::set<std::string>() : touched_;
  for (const auto& [name, action] : planned) names.insert(name);
  Batch batch(site_.system, site_.owner,
              input_.ledger == nullptr ? nullptr : &input_.ledger->mail().deliveries());
  std::map<std::string, Status> results;  // by address
  for (const auto& name : names) {
    if (const auto action = planned.find(name); action != planned.end())
      steps_.begin(*action->second);
    results.emplace(address_of(ConvertMail{name}), convert_mailbox(name, batch));
  }
  // Results are final only after the flush, which may still fail for single mailboxes.
  auto flushed = batch.flush();
  for (const auto& [address, error] : batch.take_failures())
    results.insert_or_assign(address, tl::unexpected<Error>(error));
  for (const auto& name : names) {
    const auto address = address_of(ConvertMail{name});
    auto& result = results.at(address);
    if (result && !flushed) result = flushed;
    if (const auto action = planned.find(name); action != planned.end())
      VSTATE_TRY(steps_.end(*action->second, result));
    else if (!result)
      VSTATE_TRY(steps_.note_failure(address, result.error()));
  }
  return {};
}

Status MailDelivery::convert_mailbox(const std::string& name, Batch& batch) {
  const auto address = address_of(ConvertMail{name});
  const auto home = site_.paths.homes.find(name);
  if (home == site_.paths.homes.end()) return fail(Errc::not_found, "the mailbox has no home here");
  VSTATE_TRY_ASSIGN(const auto memory, memory_of(k_conversions, name));
  const ConvertedHome converted{.home = home->second,
                                .owner = site_.owner,
                                .identity = fmt::format("{}@{}", name, plan_.domain.text()),
                                .label = address};
  VSTATE_TRY_ASSIGN(const auto count, convert_courier(site_.system, converted, memory, &batch));
  for (const auto& kept : count.kept)
    site_.remarks.push_back(fmt::format("{}: {} is Dovecot's already and stays", address, kept));
  for (const auto& left_out : count.left_out)
    site_.remarks.push_back(fmt::format("{}: left out: {}", address, left_out));
  return {};
}

Status MailDelivery::copy_archives(ArchiveOrder order) {
  std::vector<const Action*> actions;
  for (const auto& action : plan_.actions)
    if (const auto* copy = std::get_if<CopyArchive>(&action);
        copy != nullptr && (copy->box.kind == Box::Kind::list) == (order == ArchiveOrder::of_lists))
      actions.push_back(&action);
  if (actions.empty()) return {};
  for (const auto* action : actions) steps_.begin(*action);
  ArchiveFeed feed(actions, input_.archive_root);
  auto status = deliver(feed);
  VSTATE_TRY(site_.system.sync(site_.directory));
  // An archive that is known to be in is not looked at again: nothing of it may be left open. What
  // a delivery that stopped has left is for the next run to see.
  if (status && input_.ledger != nullptr) VSTATE_TRY(input_.ledger->mail().settle());
  for (const auto* action : actions) {
    const auto& copy = std::get<CopyArchive>(*action);
    const auto failed = failures_.find(address_of(*action));
    const bool is_done = status && failed == failures_.end();
    if (is_done) VSTATE_TRY(remember_archive(copy));
    const auto& error = failed != failures_.end() ? failed->second
                        : status                  ? Error{}
                                                  : status.error();
    VSTATE_TRY(steps_.end(*action, is_done ? Status() : tl::unexpected<Error>(error)));
  }
  return status;
}

Status MailDelivery::remember_archive(const CopyArchive& copy) {
  if (input_.ledger == nullptr) return {};
  // All of it from its first archive on: what comes next begins where this ends.
  VSTATE_TRY_ASSIGN(const auto identity,
                    archive_identity(archive_files(input_.archive_root, copy.archive)));
  return input_.ledger->mail().remember_archive(
      plan_.domain, std::string(to_text(copy.box.kind)), copy.box.name,
      digests_of(copy.archive, copy.archive.increments.size() + 1), identity);
}

Status MailDelivery::copy_feed() {
  if (input_.feed == nullptr) return {};
  for (const auto& action : plan_.actions) {
    if (!std::holds_alternative<CopyFeed>(action)) continue;
    steps_.begin(action);
    auto status = deliver(*input_.feed);
    if (status) status = site_.system.sync(site_.directory);
    for (const auto& [label, error] : failures_) VSTATE_TRY(steps_.note_failure(label, error));
    VSTATE_TRY(steps_.end(action, status));
  }
  return {};
}

}  // namespace vstate
