// Mail: archives and feeds, several mailboxes at a time, one batch a thread.

#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <thread>

#include <fmt/format.h>

#include "apply/executor.h"
#include "delivery/convert.h"
#include "delivery/deliver.h"
#include "delivery/receive.h"

namespace vstate {

std::string_view kind_name(ArchiveKind kind) {
  switch (kind) {
    case ArchiveKind::mailbox:
      return "mailbox";
    case ArchiveKind::list:
      return "list";
    case ArchiveKind::files:
      return "files";
  }
  return "";
}

std::optional<ArchiveKind> kind_of(std::string_view name) {
  for (const auto kind : {ArchiveKind::mailbox, ArchiveKind::list, ArchiveKind::files})
    if (kind_name(kind) == name) return kind;
  return std::nullopt;
}

std::optional<std::string> archive_target(ArchiveKind kind, const std::string& name,
                                          const Paths& paths) {
  if (kind == ArchiveKind::files) return paths.domain;
  if (kind == ArchiveKind::list) return paths.list_directory(name);
  const auto home = paths.homes.find(name);
  return home == paths.homes.end() ? std::nullopt : std::optional(home->second);
}

Reserved reserved_in(ArchiveKind kind, const Paths& paths, const State& desired) {
  Reserved reserved;
  if (kind == ArchiveKind::mailbox)
    reserved.is_kept = [](std::string_view path) { return path == ".qmail"; };
  // What a link of the list's may lead to, and what runs then, is in the file.
  if (kind == ArchiveKind::list)
    reserved.is_kept = [](std::string_view path) {
      constexpr std::array names{"editor",  "manager",   "owner", "moderator",
                                 "bouncer", "confirmer", "lock",  "lockbounce"};
      return std::find(names.begin(), names.end(), path_name(path)) != names.end();
    };
  if (kind != ArchiveKind::files) return reserved;
  reserved.is_kept = [](std::string_view path) {
    return is_kept_name(path.substr(0, path.find('/')));
  };
  const auto add = [&](const std::string& path) {
    if (path.starts_with(paths.domain + "/"))
      reserved.others.insert(path.substr(paths.domain.size() + 1));
  };
  for (const auto& [name, home] : paths.homes) add(home);
  for (const auto& [name, list] : desired.lists) add(paths.list_directory(name.text()));
  return reserved;
}

ArchiveFiles archive_files(const std::string& root, const ArchiveRef& archive, std::size_t known) {
  std::vector<std::string> paths;
  std::uint64_t bytes = 0;
  bool is_announced = true;
  archive.for_each([&](const ArchivePart& part) {
    if (known > 0) {
      --known;
      return;
    }
    paths.push_back(path_join(root, part.archive));
    bytes += part.bytes;
    is_announced = is_announced && part.bytes > 0;
  });
  const bool continues = paths.size() <= archive.increments.size();
  ArchiveFiles files(std::move(paths), continues);
  if (is_announced) files.announce(bytes);
  return files;
}

std::string digests_of(const ArchiveRef& archive, std::size_t count) {
  std::string digests;
  archive.for_each([&](const ArchivePart& part) {
    if (count == 0) return;
    --count;
    digests += (digests.empty() ? "" : " ") + part.sha256;
  });
  return digests;
}

OnDifference on_difference(ArchiveKind kind) {
  return kind == ArchiveKind::files ? OnDifference::replace : OnDifference::keep;
}

namespace {

/// The archives of a plan, in its order.
class ArchiveFeed final : public MailFeed {
 public:
  ArchiveFeed(std::vector<const Action*> actions, std::string root)
      : actions_(std::move(actions)), root_(std::move(root)) {}
  Result<std::optional<Parcel>> next() override {
    if (at_ == actions_.size()) return std::optional<Parcel>();
    const auto& copy = std::get<CopyArchive>(*actions_[at_++]);
    return std::optional(Parcel{copy.kind, copy.name, [this, &copy](Receiver& receiver) {
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

std::string label_of(ArchiveKind kind, const std::string& name) {
  if (kind == ArchiveKind::files) return "files";
  return (kind == ArchiveKind::mailbox ? "mail." : "archive.") + name;
}

}  // namespace

/// What one thread does: its own batch, parcels as they come.
class Executor::Courier {
 public:
  Courier(Executor& executor, MailFeed& feed)
      : executor_(executor),
        feed_(feed),
        batch_(executor.system(), executor.owner_,
               executor.input_.ledger == nullptr ? nullptr : &executor.input_.ledger->deliveries(),
               [&executor](std::uint64_t messages, std::uint64_t bytes) {
                 executor.observer_.on_progress(messages, bytes);
               }) {}

  Status run() {
    auto status = deliver_all();
    // After an interruption nothing more is placed; after all else, such as a connection that
    // broke, what was built still is.
    if (status || status.error().code != Errc::interrupted) {
      if (auto flushed = batch_.flush(); !flushed && status) status = flushed;
    }
    for (const auto& [label, error] : batch_.take_failures()) failures_.emplace(label, error);
    const std::scoped_lock lock(executor_.mail_mutex_);
    for (const auto& [label, error] : failures_) executor_.mail_failures_.emplace(label, error);
    if (!status) executor_.stops_mail_ = true;
    return status;
  }

 private:
  Status deliver_all() {
    while (true) {
      std::optional<Parcel> parcel;
      {
        const std::scoped_lock lock(executor_.mail_mutex_);
        if (executor_.stops_mail_) return {};
        VSTATE_TRY_ASSIGN(parcel, feed_.next());
      }
      if (!parcel) return {};
      executor_.observer_.on_box(parcel->kind, parcel->name);
      auto status = deliver(*parcel);
      executor_.observer_.on_box_end(parcel->kind, parcel->name);
      if (status) continue;
      if (status.error().ends_run()) return status;
      failures_.emplace(label_of(parcel->kind, parcel->name), status.error());
    }
  }

  Status deliver(const Parcel& parcel) {
    const auto& selection = executor_.input_.selection;
    const auto& desired = executor_.input_.desired;
    if (executor_.plan_.unplaced.contains(address_of_box(parcel.kind, parcel.name)) ||
        selection.excludes(address_of_box(parcel.kind, parcel.name)) ||
        selection.excludes(label_of(parcel.kind, parcel.name)))
      return {};
    const auto target = archive_target(parcel.kind, parcel.name, executor_.paths_);
    if (!target) return fail(Errc::not_found, "the mailbox has no home here");
    const auto is_named = [&](const auto& list) { return list.first.text() == parcel.name; };
    if (parcel.kind == ArchiveKind::list &&
        std::none_of(desired.lists.begin(), desired.lists.end(), is_named))
      return fail(Errc::not_found, "the file names no such list");
    const bool is_mailbox = parcel.kind == ArchiveKind::mailbox;
    MailMemory memory, conversions;
    const auto reserved = reserved_in(parcel.kind, executor_.paths_, desired);
    {
      const std::scoped_lock lock(executor_.mail_mutex_);
      VSTATE_TRY_ASSIGN(memory, executor_.memory_of(kind_name(parcel.kind), parcel.name));
      if (is_mailbox && executor_.input_.ledger != nullptr) {
        VSTATE_TRY_ASSIGN(conversions, executor_.input_.ledger->mail_of(
                                           executor_.plan_.domain, k_conversions, parcel.name));
      }
    }
    // What was converted once is not named back by a pass that was not told to.
    const bool to_dovecot = is_mailbox && (executor_.input_.to_dovecot || !conversions.empty());
    const ReceiveOptions options{.on_difference = on_difference(parcel.kind),
                                 .prune = executor_.input_.prunes_mail,
                                 .to_dovecot = to_dovecot,
                                 .limits = {},
                                 .conversions = &conversions,
                                 .may_delete = &executor_.may_delete_,
                                 .reserved = &reserved};
    VSTATE_TRY_ASSIGN(const auto receiver,
                      Receiver::open(executor_.system(), *target, executor_.owner_, options, memory,
                                     batch_, label_of(parcel.kind, parcel.name)));
    auto status = parcel.fill(*receiver);
    const std::scoped_lock lock(executor_.mail_mutex_);
    executor_.take_count(parcel, receiver->count());
    return status;
  }

  Executor& executor_;
  MailFeed& feed_;
  Batch batch_;
  std::map<std::string, Error> failures_;
};

Result<MailMemory> Executor::memory_of(std::string_view kind, const std::string& name) {
  if (input_.ledger == nullptr) return MailMemory();
  return input_.ledger->open_mail(plan_.domain, std::string(kind), name);
}

void Executor::take_count(const Parcel& parcel, const ReceiveCount& count) {
  report_.messages += count.messages;
  report_.bytes += count.bytes;
  report_.restated += count.restated;
  report_.removed += count.removed;
  report_.gone += count.gone;
  const auto label = label_of(parcel.kind, parcel.name);
  for (const auto& kept : count.kept)
    report_.remarks.push_back(fmt::format("{}: {} was changed here and stays", label, kept));
  for (const auto& refused : count.refused)
    report_.remarks.push_back(fmt::format("{}: not delivered: {}", label, refused));
  if (parcel.kind == ArchiveKind::mailbox &&
      count.messages + count.files + count.restated + count.removed > 0)
    touched_mailboxes_.insert(parcel.name);
}

/// All parcels of a feed; failures of single ones are in `mail_failures_` afterwards.
Status Executor::deliver(MailFeed& feed) {
  allow_many_files();
  mail_failures_.clear();
  stops_mail_ = false;
  const auto threads = feed.is_parallel() ? std::max(1U, input_.jobs) : 1U;
  std::vector<Status> results(threads);
  std::vector<std::thread> others;
  for (unsigned i = 1; i < threads; ++i)
    others.emplace_back([&, i] { results[i] = Courier(*this, feed).run(); });
  results[0] = Courier(*this, feed).run();
  for (auto& thread : others) thread.join();
  for (auto& status : results)
    if (!status) return std::move(status);
  return {};
}

/// A mailbox that is made now has nothing behind it, whatever another of its name had.
Status Executor::forget_new_mailboxes() {
  if (input_.ledger == nullptr) return {};
  const auto forget = [&](const std::string& name) -> Status {
    VSTATE_TRY(input_.ledger->forget_mail(plan_.domain, "mailbox", name));
    return input_.ledger->forget_mail(plan_.domain, k_conversions, name);
  };
  for (const auto& action : plan_.actions) {
    if (const auto* change = std::get_if<Change<Mailbox>>(&action); change && !change->before)
      VSTATE_TRY(forget(change->name));
    if (const auto* repair = std::get_if<Repair>(&action);
        repair && repair->kind == DefectKind::home)
      VSTATE_TRY(forget(repair->subject));
    if (const auto* list = std::get_if<Change<List>>(&action); list && !list->before)
      VSTATE_TRY(input_.ledger->forget_mail(plan_.domain, "list", list->name));
    if (std::holds_alternative<CreateDomain>(action))
      VSTATE_TRY(input_.ledger->forget_mail(plan_.domain, "files", ""));
  }
  return {};
}

/// Of each mailbox that the plan names, and of those to which the feed brought something.
Status Executor::convert_mail() {
  if (!input_.to_dovecot) return {};
  std::map<std::string, const Action*> planned;
  for (const auto& action : plan_.actions)
    if (const auto* one = std::get_if<ConvertMail>(&action)) planned.emplace(one->name, &action);
  auto names = input_.feed == nullptr ? std::set<std::string>() : touched_mailboxes_;
  for (const auto& [name, action] : planned) names.insert(name);
  Batch batch(system(), owner_, input_.ledger == nullptr ? nullptr : &input_.ledger->deliveries());
  std::map<std::string, Status> results;  // by address
  for (const auto& name : names) {
    if (const auto action = planned.find(name); action != planned.end())
      observer_.on_start(*action->second);
    results.emplace(address_of(ConvertMail{name}), convert_mail(name, batch));
  }
  auto flushed = batch.flush();
  for (const auto& [address, error] : batch.take_failures())
    results.insert_or_assign(address, tl::unexpected<Error>(error));
  for (const auto& name : names) {
    const auto address = address_of(ConvertMail{name});
    auto& result = results.at(address);
    if (result && !flushed) result = flushed;
    if (const auto action = planned.find(name); action != planned.end())
      VSTATE_TRY(perform_end(*action->second, result));
    else if (!result)
      VSTATE_TRY(note_failure(address, result.error()));
  }
  return {};
}

Status Executor::convert_mail(const std::string& name, Batch& batch) {
  const auto address = address_of(ConvertMail{name});
  const auto home = paths_.homes.find(name);
  if (home == paths_.homes.end()) return fail(Errc::not_found, "the mailbox has no home here");
  VSTATE_TRY_ASSIGN(auto memory, memory_of(k_conversions, name));
  VSTATE_TRY_ASSIGN(const auto count,
                    convert_courier(system(), home->second, owner_,
                                    fmt::format("{}@{}", name, plan_.domain.text()), memory, &batch,
                                    address, ConvertMode::write));
  for (const auto& kept : count.kept)
    report_.remarks.push_back(fmt::format("{}: {} is Dovecot's already and stays", address, kept));
  for (const auto& left_out : count.left_out)
    report_.remarks.push_back(fmt::format("{}: left out: {}", address, left_out));
  return {};
}

Status Executor::copy_archives(bool of_lists) {
  std::vector<const Action*> actions;
  for (const auto& action : plan_.actions)
    if (const auto* copy = std::get_if<CopyArchive>(&action);
        copy != nullptr && (copy->kind == ArchiveKind::list) == of_lists)
      actions.push_back(&action);
  if (actions.empty()) return {};
  for (const auto* action : actions) observer_.on_start(*action);
  ArchiveFeed feed(actions, input_.archive_root);
  const auto status = deliver(feed);
  VSTATE_TRY(system().sync(directory_));
  // An archive that is known to be in is not looked at again: nothing of it may be left open.
  if (input_.ledger != nullptr) VSTATE_TRY(input_.ledger->settle());
  for (const auto* action : actions) {
    const auto& copy = std::get<CopyArchive>(*action);
    const auto failed = mail_failures_.find(address_of(*action));
    const bool is_done = status && failed == mail_failures_.end();
    if (is_done) VSTATE_TRY(remember_archive(copy));
    const auto& error = failed != mail_failures_.end() ? failed->second
                        : status                       ? Error{}
                                                       : status.error();
    VSTATE_TRY(perform_end(*action, is_done ? Status() : tl::unexpected<Error>(error)));
  }
  return status;
}

Status Executor::remember_archive(const CopyArchive& copy) {
  if (input_.ledger == nullptr) return {};
  // All of it from its first archive on: what comes next begins where this ends.
  VSTATE_TRY_ASSIGN(const auto identity,
                    archive_identity(archive_files(input_.archive_root, copy.archive)));
  return input_.ledger->remember_archive(
      plan_.domain, std::string(kind_name(copy.kind)), copy.name,
      digests_of(copy.archive, copy.archive.increments.size() + 1), identity);
}

Status Executor::copy_feed() {
  if (input_.feed == nullptr) return {};
  for (const auto& action : plan_.actions) {
    if (!std::holds_alternative<CopyFeed>(action)) continue;
    observer_.on_start(action);
    auto status = deliver(*input_.feed);
    if (status) status = system().sync(directory_);
    for (const auto& [label, error] : mail_failures_) VSTATE_TRY(note_failure(label, error));
    VSTATE_TRY(perform_end(action, status));
  }
  return {};
}

}  // namespace vstate
