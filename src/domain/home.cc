// Where the accounts of a domain live, by whatever names, and the accounts that cannot be carried.
// A path that leads out of the domain's directory is believed only on root's word or the
// administrator's, since an account or a link may be the work of a person who has fewer rights.

#include <unistd.h>

#include <algorithm>

#include <fmt/format.h>

#include "domain/home.h"
#include "domain/inspection.h"
#include "domain/site.h"
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

/// The account does not become a mailbox. What its home holds is carried as files if it is below
/// the domain's directory, else it stays behind with all its mail.
Status leave_out_account(Inspection& in, const Account& account, std::string why) {
  if (in.selection.excludes("mailbox." + spell_bytes(account.name))) return {};
  LeftOut out{"mailbox." + spell_bytes(account.name), std::move(why), 0, 0};
  const auto home = clean_path(account.home);
  const bool is_below = !home.empty() && in.place && in.places.below(home, *in.place).has_value();
  if (is_below) {
    out.why += fmt::format("; what is in {} is carried as files of the domain", home);
  } else if (!home.empty()) {
    // What is lost is told in numbers, so that a person can judge it.
    auto count = count_tree(in.files, in.source_of(home, account.name));
    if (!count && count.error().code != Errc::not_found) return propagate(count);
    if (count) {
      VSTATE_TRY(failure_of(*count));
      out.messages = count->messages;
      out.bytes = count->bytes;
      out.why += fmt::format("; its mail in {} is not carried", home);
    }
  }
  in.state().left_out.push_back(std::move(out));
  return {};
}

bool is_spelt_inside(Inspection& in, const std::string& path) {
  const auto parts = split(path, '/');
  return is_within(path, in.directory()) &&
         std::find(parts.begin(), parts.end(), "..") == parts.end();
}

/// As most homes are: nothing has to be walked to know where it is.
bool is_plainly_inside(Inspection& in, const std::string& path) {
  return path.size() > in.directory().size() && is_spelt_inside(in, path) &&
         in.places.is_direct(path);
}

/// Whether root has put `path` where it leads: it is in the domain's directory, or only links of
/// root's lead from there to it, or the administrator names the place. What a person without root's
/// rights wrote into an account or a link is no such word.
Result<bool> is_given(Inspection& in, const std::string& path) {
  if (is_plainly_inside(in, path)) return true;
  VSTATE_TRY_ASSIGN(const auto way, in.files.way_of(path));
  if (is_within(way.path, in.bounds->own)) return true;
  // Without root's rights there is nothing that a path could gain.
  const bool is_roots = !way.made_by || way.made_by->uid == geteuid();
  if (!is_roots) return false;
  for (const auto& homes : in.server.homes) {
    VSTATE_TRY_ASSIGN(const auto place, in.files.way_of(homes));
    if (is_within(way.path, place.path)) return true;
  }
  return is_spelt_inside(in, path);
}

/// The account is carried without it.
Status leave_home(Inspection& in, const std::string& name, const std::string& home,
                  const std::string& why) {
  LeftOut out{"mail." + name,
              fmt::format("its home {} is {}; it is left alone", visible(home), why), 0, 0};
  const auto count = count_tree(in.files, in.source_of(home, name));
  if (count) {
    out.messages = count->messages;
    out.bytes = count->bytes;
  }
  in.state().left_out.push_back(std::move(out));
  return {};
}

Status take_home(Inspection& in, const std::string& name, const std::string& home) {
  in.out.condition.paths.homes.emplace(name, home);
  VSTATE_TRY_ASSIGN(const bool is_outside, is_elsewhere(in, home));
  if (is_outside) in.out.condition.homes_elsewhere.insert(name);
  if (const auto place = in.places.find(home)) in.home_places->emplace(*place, name);
  if (const auto below = in.places.below(home, *in.place))
    in.homes.insert(*below);
  else if (home.starts_with(in.directory() + "/"))
    in.homes.insert(in.relative(home));  // one that is not there yet
  else
    in.out.notes.push_back(note_of_home(name, home));
  return {};
}

/// vpopmail makes a home that an account does not name, or names where nothing is, at the next
/// log-in or delivery; one that was moved without its account is what the account's mail is in.
Result<std::string> home_instead_of(Inspection& in, const Account& account,
                                    const std::string& stored) {
  // The place below the domain that the old path names comes before the plain name of the account.
  std::vector<std::string> candidates;
  if (const auto below = name_below_domain(stored, in.name.text()); !below.empty())
    candidates.push_back(in.in_domain(below));
  candidates.push_back(in.in_domain(account.name));
  for (const auto& candidate : candidates) {
    if (candidate == stored) continue;
    VSTATE_TRY_ASSIGN(const auto found, in.files.look_followed(candidate));
    if (!found || !found->is_directory()) continue;
    // A directory that is another mailbox's home cannot be this one's as well.
    if (in.home_places->contains({found->device, found->inode})) continue;
    return candidate;
  }
  return std::string();
}

/// "/", vpopmail's own home, or the domain's directory: such a field was filled by hand, and what
/// is there is everybody's.
bool holds_domain_itself(Inspection& in, const std::string& stored) {
  const auto place = stored.empty() ? std::nullopt : in.places.find(stored);
  return place && in.above.contains(*place);
}

/// The places of the domain's directory and of what is above it, up to the root.
Status find_what_is_above(Inspection& in) {
  VSTATE_TRY_ASSIGN(const auto resolved, resolve(in.files, in.directory()));
  for (std::string path = resolved;; path = path_parent(path)) {
    if (const auto place = in.places.find(path)) in.above.insert(*place);
    if (path.size() <= 1) return in.places.status();
  }
}

Result<std::string> find_home(Inspection& in, const Account& account) {
  const auto stored = clean_path(account.home);
  const auto shown = stored.empty() ? std::string("no home") : stored;
  const bool holds_domain = holds_domain_itself(in, stored);
  if (!stored.empty() && !holds_domain) {
    if (in.places.find(stored)) return stored;
    VSTATE_TRY_ASSIGN(const auto behind, look_behind(in.files, stored));
    VSTATE_TRY_ASSIGN(const auto link, in.files.look(stored));
    // A link that leads nowhere is mostly a disk that is not mounted; to take another directory for
    // the home would hide that.
    if (link && link->is_link()) {
      VSTATE_TRY_ASSIGN(const auto target, in.files.link_target(stored));
      in.leave_out("mail." + spell_bytes(account.name),
                   fmt::format("its home {} is a link to {}, {}; its mail is not carried", stored,
                               visible(target), behind.why));
      return stored;
    }
  }
  VSTATE_TRY_ASSIGN(auto other, home_instead_of(in, account, stored));
  const auto* const why = holds_domain ? "which holds the domain itself" : "where nothing is";
  if (other.empty() && holds_domain) other = in.in_domain(account.name);
  if (other.empty()) return stored;
  in.remark(fmt::format("mailbox {}: its account names {}, {}; {} is taken for its home",
                        to_lower(account.name), shown, why, other));
  return other;
}

}  // namespace

/// If so, whatever is done there is done with the owner's rights.
Result<bool> is_elsewhere(Inspection& in, const std::string& path) {
  auto given = is_given(in, path);
  if (!given && !is_links_doing(given.error())) return propagate(given);
  if (given && *given) return false;
  // From here on vstate can reach there no more than the domain's owner can.
  in.files.reach_as(path, {in.owner().uid, in.owner().gid});
  return true;
}

/// Why nothing of a home is this domain's; empty if it may be.
Result<std::string> refusal_of_home(Inspection& in, const std::string& home) {
  if (is_plainly_inside(in, home)) return std::string();
  const auto way = in.files.way_of(home);
  if (!way && !is_links_doing(way.error())) return propagate(way);
  return way ? refusal_of(*in.bounds, way->path) : std::string();
}

std::string note_of_home(const std::string& name, const std::string& home) {
  return fmt::format("{}: its home is outside the domain's directory, in {}; carried", name, home);
}

/// Where each account's home is, and what is odd about it. An account whose home is not its own
/// directory below the domain's gets one on the target.
Status place_homes(Inspection& in) {
  VSTATE_TRY(find_what_is_above(in));
  // Accounts that cannot be carried are dealt with last, when it is known which directories are
  // homes.
  std::vector<std::pair<const Account*, std::string>> odd;
  for (const auto& account : in.out.accounts) {
    const auto name = MailboxName::parse(account.name);
    if (!name) {
      odd.emplace_back(&account, name.error().message);
      continue;
    }
    const auto [first, is_new] = in.carried.emplace(*name, &account);
    if (!is_new)
      odd.emplace_back(&account,
                       fmt::format("there are two accounts {}; the first counts", name->text()));
  }
  for (const auto& [name, account] : in.carried) {
    VSTATE_TRY_ASSIGN(const auto home, find_home(in, *account));
    if (home.empty()) continue;
    const auto place = in.places.find(home);
    // Two accounts with one home would deliver the same mail twice, and delete it for each other.
    if (const auto other = place ? in.home_places->find(*place) : in.home_places->end();
        other != in.home_places->end()) {
      in.remark(
          fmt::format("mailbox {} shares its home with {}; on the target it gets a home of its own",
                      name.text(), other->second));
      continue;
    }
    VSTATE_TRY_ASSIGN(const auto why, place ? refusal_of_home(in, home) : std::string());
    if (why.empty())
      VSTATE_TRY(take_home(in, name.text(), home));
    else
      VSTATE_TRY(leave_home(in, name.text(), home, why));
  }
  for (const auto& [account, why] : odd) VSTATE_TRY(leave_out_account(in, *account, why));
  return {};
}

Status make_home(Site& site, const std::string& home) {
  for (const auto part : k_home_directories)
    VSTATE_TRY(ensure_directory(site.system, home + std::string(part), site.owned(0700)));
  return {};
}

Status remove_home(Site& site, const Change<Mailbox>& change) {
  // What lies outside the domain may be more than this mailbox's, and stays.
  const auto home = site.paths.homes.find(change.name);
  const auto& elsewhere = site.actual.condition.homes_elsewhere;
  if (home == site.paths.homes.end() || !is_within(home->second, site.directory) ||
      elsewhere.contains(change.name))
    return {};
  return site.system.remove_tree(home->second);
}

}  // namespace vstate
