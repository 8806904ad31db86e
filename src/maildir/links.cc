// What becomes of a link that a walk meets. The mail server follows links, so mail on another disk
// travels as if it stood where the link does. But a link is also the one way in which somebody
// could make a dump carry what is not theirs, so each is judged by where it really leads, which
// must not be another domain, another mailbox, or a directory that the link is in.

#include "maildir/links.h"

#include <algorithm>

#include <fmt/format.h>

#include "maildir/names.h"
#include "sys/process/identity.h"
#include "vstate/base/text.h"

namespace vstate::mail {

namespace {

/// From one absolute path without links to another: "../b/c".
std::string relative_path(std::string_view from, std::string_view to) {
  const auto here = split(from, '/'), there = split(to, '/');
  const auto common = std::mismatch(here.begin(), here.end(), there.begin(), there.end());
  std::string out;
  for (auto part = common.first; part != here.end(); ++part)
    if (!part->empty()) out += "../";
  for (auto part = common.second; part != there.end(); ++part) {
    out.append(*part);
    if (part + 1 != there.end()) out.push_back('/');
  }
  return out;
}

}  // namespace

/// Whose place a directory is in, by what is above it.
Result<std::string> LinkFollower::owner_of(const std::string& resolved) const {
  // A list's directory, or a tree without mailboxes in it, has no homes that a link could lead
  // into.
  if (links_.places == nullptr) return std::string();
  // The nearest home above decides. Places are compared by device and inode, since a home may
  // itself be reached by a link.
  for (std::string_view place = resolved; place.size() > 1; place = path_parent(place)) {
    VSTATE_TRY_ASSIGN(const auto info, files_.look(place));
    if (!info) continue;
    const auto found = links_.places->find({info->device, info->inode});
    if (found != links_.places->end()) return found->second;
  }
  return std::string();
}

Result<std::string> LinkFollower::obstacle_of(const Error& opening, const std::string& at) const {
  if (opening.code == Errc::invalid) return "in a circle";
  // Without root's rights a denial says nothing of the owner, only of whoever runs this.
  if (opening.code == Errc::denied && can_act_as_others()) return "which its owner cannot read";
  // A disk that fails behind the link must not be taken for a link that leads nowhere.
  if (opening.code != Errc::not_found) return tl::unexpected<Error>(opening);
  // What is no directory is an entry like all others.
  VSTATE_TRY_ASSIGN(const bool is_there, files_.exists(at));
  return is_there ? "" : "where nothing is";
}

Result<LinkEnd> LinkFollower::follow(const std::string& path,
                                     const std::vector<PlaceId>& above) const {
  LinkEnd end;
  const auto at = full(path);
  const auto target = files_.link_target(at);
  // It was removed since it was listed, which the walk finds out by itself.
  if (!target && target.error().code == Errc::not_found) return end;
  if (!target) return propagate(target);
  const auto shown = fmt::format("a link to {}", visible(*target));
  // The kernel's own answer, with the rights of the link's owner, says more than any comparison of
  // paths.
  auto opened = files_.open_directory(at);
  if (!opened) {
    VSTATE_TRY_ASSIGN(const auto why, obstacle_of(opened.error(), at));
    if (!why.empty()) end.refusal = fmt::format("{}, {}", shown, why);
    return end;
  }
  VSTATE_TRY_ASSIGN(const auto info, (*opened)->info());
  // A directory that holds itself would be walked without end.
  if (std::find(above.begin(), above.end(), PlaceId{info.device, info.inode}) != above.end()) {
    end.refusal = shown + ", which it is in itself";
    return end;
  }
  VSTATE_TRY_ASSIGN(end.resolved, resolve(files_, at));
  // Other domains and the server's own directories are refused first: whatever is there is no mail
  // of this domain.
  if (links_.bounds != nullptr)
    if (const auto why = refusal_of(*links_.bounds, end.resolved); !why.empty()) {
      end.refusal = shown + ", " + why;
      return end;
    }
  VSTATE_TRY_ASSIGN(const auto owner, owner_of(end.resolved));
  if (!owner.empty() && owner != links_.own) {
    end.refusal = fmt::format("{}, in the home of mailbox {}", shown, owner);
    return end;
  }
  // Another name of a directory that is walked anyway stays one.
  VSTATE_TRY_ASSIGN(const auto kept, kept_target(path, *target));
  // A Maildir is mail wherever it stands, so a link of that name is walked even where its target
  // would be carried anyway; the walk then leaves the target out.
  if (!kept || path == "Maildir") end.directory = *std::move(opened);
  return end;
}

Result<std::optional<std::string>> LinkFollower::kept_target(const std::string& path,
                                                             const std::string& target) const {
  // Both sides are compared without links: the walked directory may itself be behind one, and the
  // target is written as its owner saw it.
  VSTATE_TRY_ASSIGN(const auto root, resolve(files_, directory_));
  VSTATE_TRY_ASSIGN(const auto place, resolve(files_, full(std::string(path_parent(path)))));
  VSTATE_TRY_ASSIGN(const auto end,
                    resolve(files_, target.starts_with('/') ? target : path_join(place, target)));
  const auto is_below = [](std::string_view inner, const std::string& outer) {
    return inner.starts_with(outer + "/");
  };
  if (!is_below(end, root) && !is_below(end, place)) return std::nullopt;
  // An absolute target has the old server's paths in it; a relative one is right wherever the home
  // will stand.
  auto kept = target.starts_with('/') ? relative_path(place, end) : target;
  // The receiving side refuses such links, so none is sent.
  if (!link_refusal(path, kept).empty()) return std::nullopt;
  return std::optional(std::move(kept));
}

}  // namespace vstate::mail

namespace vstate {

std::string refusal_of(const LinkBounds& bounds, std::string_view resolved) {
  // A directory that holds the whole of vpopmail's domains, or qmail, is nobody's mail, whatever
  // links to it.
  for (const auto& whole : bounds.whole)
    if (is_within(whole, resolved)) return fmt::format("which holds {}", visible(whole));
  // A link to what is above the domain would carry the domain within itself.
  if (is_within(bounds.own, resolved)) return "which holds the domain itself";
  if (is_within(resolved, bounds.own)) return {};
  for (const auto& other : bounds.others)
    if (is_within(resolved, other)) return fmt::format("in {}, out of the domain", visible(other));
  return {};
}

}  // namespace vstate
