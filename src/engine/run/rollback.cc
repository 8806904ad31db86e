// The state that is wanted is the one that is here, with what the run changed as it was before:
// part by part, as three-way comparisons cut values. It is then planned and applied as any other,
// so that nothing here knows how a thing is written.

#include "engine/run/rollback.h"

#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "domain/site.h"
#include "engine/facts.h"
#include "engine/prepare.h"
#include "maildir/walk.h"
#include "qmail/publication.h"
#include "vstate/base/text.h"

namespace vstate::engine {

namespace {

template <class Value>
std::optional<Parts> parts_if(const std::optional<Value>& value) {
  return value ? std::optional(vstate::parts_of(*value)) : std::nullopt;
}

/// One thing of the state: as it was before the run, as the run made it, and as it is now.
template <class Value>
struct Sides {
  std::optional<Value> before, after, now;
};

/// What others did with it since is named, and stays.
class TakingBack {
 public:
  explicit TakingBack(std::vector<std::string>& refused) : refused_(refused) {}

  template <class Value>
  std::optional<Value> thing(const std::string& address, const Sides<Value>& sides) {
    const auto& [before, after, now] = sides;
    const auto was = parts_if(before), made = parts_if(after), is = parts_if(now);
    if (was == made || is == was) return now;
    if (before && after && now) return changed(address, sides);
    if (is == made) return before;
    refused_.push_back(fmt::format("{}: {} since", address, now ? "was changed" : "was removed"));
    return now;
  }

 private:
  template <class Value>
  std::optional<Value> changed(const std::string& address, const Sides<Value>& sides) {
    const auto was = vstate::parts_of(*sides.before), made = vstate::parts_of(*sides.after),
               is = vstate::parts_of(*sides.now);
    std::set<std::string> names;
    for (const auto* parts : {&was, &made})
      for (const auto& [name, text] : *parts) names.insert(name);
    const auto text_in = [](const Parts& parts, const std::string& name) {
      const auto found = parts.find(name);
      return found == parts.end() ? std::nullopt : std::optional(found->second);
    };
    auto out = *sides.now;
    for (const auto& name : names) {
      const auto old = text_in(was, name), made_text = text_in(made, name),
                 here = text_in(is, name);
      if (old == made_text || here == old) continue;
      if (here == made_text)
        take_part(out, *sides.before, name);
      else
        refused_.push_back(fmt::format("{}: {} was changed since", address, part_title(name)));
    }
    return out;
  }

  std::vector<std::string>& refused_;
};

template <class Map>
std::optional<typename Map::mapped_type> in(const Map& map, const typename Map::key_type& key) {
  const auto found = map.find(key);
  return found == map.end() ? std::nullopt : std::optional(found->second);
}

std::string text_of_key(const std::string& key) { return key; }
template <class Name>
std::string text_of_key(const Name& name) {
  return name.text();
}

/// All things of one kind.
template <class Map>
void take_back_all(TakingBack& taking, const std::string& kind, const Map& before, const Map& after,
                   Map& now) {
  std::set<typename Map::key_type> keys;
  for (const auto* map : {&before, &after})
    for (const auto& [key, value] : *map) keys.insert(key);
  for (const auto& key : keys) {
    const auto value = taking.thing<typename Map::mapped_type>(
        fmt::format("{}.{}", kind, text_of_key(key)),
        {.before = in(before, key), .after = in(after, key), .now = in(now, key)});
    if (value)
      now.insert_or_assign(key, *value);
    else
      now.erase(key);
  }
}

/// An alias domain is there or not.
void take_aliases_back(const State& before, const State& after, State& now) {
  for (const auto& name : after.aliases)
    if (!before.aliases.contains(name)) now.aliases.erase(name);
  for (const auto& name : before.aliases)
    if (!after.aliases.contains(name)) now.aliases.insert(name);
}

}  // namespace

PlanOptions Rollback::plan_options() {
  PlanOptions options;
  // What is wanted differs from what is here in nothing but what is to be taken back.
  options.prune = true;
  options.overwrite = true;
  options.max_delete = std::numeric_limits<std::uint64_t>::max();
  return options;
}

Result<std::unique_ptr<Rollback>> Rollback::begin(Session& session, std::int64_t run) {
  VSTATE_TRY_ASSIGN(auto record, load_record(*session.system, run));
  std::unique_ptr<Rollback> out(new Rollback(session, std::move(record)));
  VSTATE_TRY(out->look());
  VSTATE_TRY(out->wish());
  return out;
}

Status Rollback::look() {
  VSTATE_TRY(look_at_qmail(session_));
  VSTATE_TRY_ASSIGN(auto observation,
                    inspect_domain(*session_.system, session_.server, *session_.store,
                                   *session_.qmail, domain(), {}));
  if (!observation.state)
    return fail(Errc::not_found,
                fmt::format("{}: there is no such domain on this server", domain().text()));
  actual_ = std::move(observation.state);
  if (const auto* assigned = session_.qmail->find(domain().text()))
    directory_ = assigned->directory;
  for (const auto& [name, source] : observation.mailbox_archives) {
    const bool is_made = record_.before && !record_.before->mailboxes.contains(name) &&
                         record_.after.mailboxes.contains(name);
    if (!is_made) continue;
    VSTATE_TRY_ASSIGN(const auto tree, count_tree(*session_.system, source));
    VSTATE_TRY(failure_of(tree));
    messages_[name] = tree.messages;
  }
  return {};
}

/// Makes the state that is wanted.
Status Rollback::wish() {
  if (!record_.before) return {};
  const auto& before = *record_.before;
  const auto& after = record_.after;
  auto wanted = *actual_;
  TakingBack taking(refused_);
  wanted.default_delivery = taking.thing<DeliveryLines>(
      "domain.default",
      {before.default_delivery, after.default_delivery, actual_->default_delivery});
  wanted.limits =
      taking.thing<Limits>("domain.limits", {before.limits, after.limits, actual_->limits});
  take_back_all(taking, "mailbox", before.mailboxes, after.mailboxes, wanted.mailboxes);
  take_back_all(taking, "alias", before.alias, after.alias, wanted.alias);
  take_back_all(taking, "autoresponder", before.autoresponders, after.autoresponders,
                wanted.autoresponders);
  take_back_all(taking, "list", before.lists, after.lists, wanted.lists);
  take_back_all(taking, "file", before.files, after.files, wanted.files);
  take_aliases_back(before, after, wanted);
  // To delete a mailbox is to delete its mail.
  for (const auto& [name, count] : messages_) {
    if (count == 0 || wanted.mailboxes.contains(name)) continue;
    wanted.mailboxes.insert_or_assign(name, actual_->mailboxes.at(name));
    refused_.push_back(fmt::format("mailbox.{}: holds {} message{}, which would go with it",
                                   name.text(), with_thousands(count), count == 1 ? "" : "s"));
  }
  for (auto& [name, mailbox] : wanted.mailboxes) mailbox.mail.reset();
  for (auto& [name, list] : wanted.lists) list.archive.reset();
  wanted.archive.reset();
  Diagnostics diagnostics;
  wanted_ = domain_file_of(wanted, ".", {}, diagnostics);
  if (wanted_) return {};
  const auto problems = diagnostics.sorted();
  return fail(Errc::invalid,
              fmt::format("{}: what it was before cannot be made here: {}", domain().text(),
                          problems.empty() ? "" : vstate::to_text(problems.front())));
}

Result<Plan> Rollback::plan() {
  if (takes_domain_out()) {
    Plan plan{.domain = domain()};
    if (session_.qmail->find(domain().text()) == nullptr) return plan;
    for (const auto& alias : actual_->aliases) plan.actions.emplace_back(Unpublish{alias});
    plan.actions.emplace_back(Unpublish{domain()});
    return plan;
  }
  Diagnostics diagnostics;
  VSTATE_TRY_ASSIGN(auto prepared, prepare(session_, *wanted_, plan_options(), diagnostics));
  return std::move(prepared.plan);
}

Result<ApplyOutcome> Rollback::run(const ApplyOptions& options, RunObserver& observer) {
  if (takes_domain_out()) return take_domain_out();
  return apply_domain(session_, *wanted_, options, observer);
}

/// rcpthosts first, and the domain's own name last.
Result<ApplyOutcome> Rollback::take_domain_out() {
  const auto* assigned = session_.qmail->find(domain().text());
  if (assigned == nullptr)
    return fail(Errc::not_found, fmt::format("{}: is not published", domain().text()));
  const DomainLocation location{domain(), assigned->directory, assigned->owner};
  Publisher publisher(*session_.system, session_.server, *session_.store);
  for (const auto& alias : actual_->aliases)
    VSTATE_TRY(publisher.unpublish(location, alias.text()));
  VSTATE_TRY(publisher.unpublish(location, domain().text()));
  return ApplyOutcome{.domain = domain(),
                      .ending = Ending::done,
                      .errors = {},
                      .report = {},
                      .summary = fmt::format("Unpublished: {} name{}.", actual_->aliases.size() + 1,
                                             actual_->aliases.empty() ? "" : "s"),
                      .has_changed = true};
}

}  // namespace vstate::engine
