// Where the accounts of a domain live, by whatever names, and the accounts that cannot be carried.

#include <unistd.h>

#include <algorithm>

#include <fmt/format.h>

#include "inspect/inspector.h"
#include "sys/path.h"
#include "vstate/base/text.h"

namespace vstate {

namespace {

/// What a home is called below the domain's directory, by a path of another server or of a home of
/// vpopmail that was renamed: "0/bob" of "/home/old/domains/example.com/0/bob".
std::string name_below_domain(const std::string& stored, const std::string& domain) {
  const auto middle = "/" + domain + "/";
  const auto at = stored.rfind(middle);
  return at == std::string::npos ? std::string() : stored.substr(at + middle.size());
}

}  // namespace

/// The account does not become a mailbox. What its home holds is carried as files if it is below
/// the domain's directory, else it stays behind with all its mail.
Status Inspector::leave_out(const Account& account, std::string why) {
  if (selection_.excludes("mailbox." + spell_bytes(account.name))) return {};
  LeftOut out{"mailbox." + spell_bytes(account.name), std::move(why), 0, 0};
  const auto home = clean_path(account.home);
  const bool is_below = !home.empty() && place_ && places_.below(home, *place_).has_value();
  if (is_below) {
    out.why += fmt::format("; what is in {} is carried as files of the domain", home);
  } else if (!home.empty()) {
    auto count = count_tree(files_, source_of(home, account.name));
    if (!count && count.error().code != Errc::not_found)
      return tl::unexpected<Error>(count.error());
    if (count) {
      VSTATE_TRY(failure_of(*count));
      out.messages = count->messages;
      out.bytes = count->bytes;
      out.why += fmt::format("; its mail in {} is not carried", home);
    }
  }
  state().left_out.push_back(std::move(out));
  return {};
}

/// Whether root has put `path` where it leads: it is in the domain's directory, or only links of
/// root's lead from there to it, or the administrator names the place. What a person without root's
/// rights wrote into an account or a link is no such word.
Result<bool> Inspector::is_given(const std::string& path) {
  if (is_plainly_inside(path)) return true;
  VSTATE_TRY_ASSIGN(const auto way, files_.way_of(path));
  if (is_within(way.path, bounds_->own)) return true;
  // Without root's rights there is nothing that a path could gain.
  const bool is_roots = !way.made_by || way.made_by->uid == geteuid();
  if (!is_roots) return false;
  for (const auto& homes : server_.homes) {
    VSTATE_TRY_ASSIGN(const auto place, files_.way_of(homes));
    if (is_within(way.path, place.path)) return true;
  }
  return is_spelt_inside(path);
}

bool Inspector::is_spelt_inside(const std::string& path) const {
  const auto parts = split(path, '/');
  return is_within(path, directory()) && std::find(parts.begin(), parts.end(), "..") == parts.end();
}

/// As most homes are: nothing has to be walked to know where it is.
bool Inspector::is_plainly_inside(const std::string& path) {
  return path.size() > directory().size() && is_spelt_inside(path) && places_.is_direct(path);
}

/// If so, whatever is done there is done with the owner's rights.
Result<bool> Inspector::is_elsewhere(const std::string& path) {
  auto given = is_given(path);
  if (!given && !is_links_doing(given.error())) return tl::unexpected<Error>(given.error());
  if (given && *given) return false;
  files_.reach_as(path, {owner().uid, owner().gid});
  return true;
}

/// Why nothing of a home is this domain's; empty if it may be.
Result<std::string> Inspector::refusal_of_home(const std::string& home) {
  if (is_plainly_inside(home)) return std::string();
  const auto way = files_.way_of(home);
  if (!way && !is_links_doing(way.error())) return tl::unexpected<Error>(way.error());
  return way ? refusal_of(*bounds_, way->path) : std::string();
}

/// The account is carried without it.
Status Inspector::leave_home(const std::string& name, const std::string& home,
                             const std::string& why) {
  LeftOut out{"mail." + name,
              fmt::format("its home {} is {}; it is left alone", visible(home), why), 0, 0};
  const auto count = count_tree(files_, source_of(home, name));
  if (count) {
    out.messages = count->messages;
    out.bytes = count->bytes;
  }
  state().left_out.push_back(std::move(out));
  return {};
}

std::string Inspector::note_of_home(const std::string& name, const std::string& home) {
  return fmt::format("{}: its home is outside the domain's directory, in {}; carried", name, home);
}

Status Inspector::take_home(const std::string& name, const std::string& home) {
  out_.condition.paths.homes.emplace(name, home);
  VSTATE_TRY_ASSIGN(const bool is_outside, is_elsewhere(home));
  if (is_outside) out_.condition.homes_elsewhere.insert(name);
  if (const auto place = places_.find(home)) home_places_->emplace(*place, name);
  if (const auto below = places_.below(home, *place_))
    homes_.insert(*below);
  else if (home.starts_with(directory() + "/"))
    homes_.insert(relative(home));  // one that is not there yet
  else
    out_.notes.push_back(note_of_home(name, home));
  return {};
}

/// vpopmail makes a home that an account does not name, or names where nothing is, at the next
/// log-in or delivery; one that was moved without its account is what the account's mail is in.
Result<std::string> Inspector::home_instead_of(const Account& account, const std::string& stored) {
  std::vector<std::string> candidates;
  if (const auto below = name_below_domain(stored, name_.text()); !below.empty())
    candidates.push_back(in_domain(below));
  candidates.push_back(in_domain(account.name));
  for (const auto& candidate : candidates) {
    if (candidate == stored) continue;
    VSTATE_TRY_ASSIGN(const auto found, files_.look_followed(candidate));
    if (!found || !found->is_directory()) continue;
    if (home_places_->contains({found->device, found->inode})) continue;
    return candidate;
  }
  return std::string();
}

/// "/", vpopmail's own home, or the domain's directory: such a field was filled by hand, and what
/// is there is everybody's.
bool Inspector::holds_domain_itself(const std::string& stored) {
  const auto place = stored.empty() ? std::nullopt : places_.find(stored);
  return place && above_.contains(*place);
}

/// The places of the domain's directory and of what is above it, up to the root.
Status Inspector::find_what_is_above() {
  VSTATE_TRY_ASSIGN(const auto resolved, files_.resolve(directory()));
  for (std::string path = resolved;; path = path_parent(path)) {
    if (const auto place = places_.find(path)) above_.insert(*place);
    if (path.size() <= 1) return places_.status();
  }
}

Result<std::string> Inspector::find_home(const Account& account) {
  const auto stored = clean_path(account.home);
  const auto shown = stored.empty() ? std::string("no home") : stored;
  const bool holds_domain = holds_domain_itself(stored);
  if (!stored.empty() && !holds_domain) {
    if (places_.find(stored)) return stored;
    VSTATE_TRY_ASSIGN(const auto behind, look_behind(files_, stored));
    VSTATE_TRY_ASSIGN(const auto link, files_.look(stored));
    if (link && link->is_link()) {
      VSTATE_TRY_ASSIGN(const auto target, files_.link_target(stored));
      leave_out("mail." + spell_bytes(account.name),
                fmt::format("its home {} is a link to {}, {}; its mail is not carried", stored,
                            visible(target), behind.why));
      return stored;
    }
  }
  VSTATE_TRY_ASSIGN(auto other, home_instead_of(account, stored));
  const auto* const why = holds_domain ? "which holds the domain itself" : "where nothing is";
  if (other.empty() && holds_domain) other = in_domain(account.name);
  if (other.empty()) return stored;
  remark(fmt::format("mailbox {}: its account names {}, {}; {} is taken for its home",
                     to_lower(account.name), shown, why, other));
  return other;
}

/// Where each account's home is, and what is odd about it. An account whose home is not its own
/// directory below the domain's gets one on the target.
Status Inspector::place_homes() {
  VSTATE_TRY(find_what_is_above());
  std::vector<std::pair<const Account*, std::string>> odd;
  for (const auto& account : out_.accounts) {
    const auto name = MailboxName::parse(account.name);
    if (!name) {
      odd.emplace_back(&account, name.error().message);
      continue;
    }
    const auto [first, is_new] = carried_.emplace(*name, &account);
    if (!is_new)
      odd.emplace_back(&account,
                       fmt::format("there are two accounts {}; the first counts", name->text()));
  }
  for (const auto& [name, account] : carried_) {
    VSTATE_TRY_ASSIGN(const auto home, find_home(*account));
    if (home.empty()) continue;
    const auto place = places_.find(home);
    if (const auto other = place ? home_places_->find(*place) : home_places_->end();
        other != home_places_->end()) {
      remark(
          fmt::format("mailbox {} shares its home with {}; on the target it gets a home of its own",
                      name.text(), other->second));
      continue;
    }
    VSTATE_TRY_ASSIGN(const auto why, place ? refusal_of_home(home) : std::string());
    if (why.empty())
      VSTATE_TRY(take_home(name.text(), home));
    else
      VSTATE_TRY(leave_home(name.text(), home, why));
  }
  for (const auto& [account, why] : odd) VSTATE_TRY(leave_out(*account, why));
  return {};
}

}  // namespace vstate
