/// \file
/// Text that means the same on every server: paths of one server become placeholders, expanded
/// on another: no path appears in a file as the old server had it.
///
///     {vpopmail}      vpopmail's home                {domain}        this domain's directory
///     {qmail}         qmail's directory              {mailbox:NAME}  a mailbox's home
///     {ezmlm}         where ezmlm's programs are     {autorespond}   the autorespond program
///     {byte:e9}       a byte that is not UTF-8       {{ and }}       literal braces
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vstate/base/result.h"

namespace vstate {

/// Where one server keeps what the placeholders name. Absolute, without a "/" at the end.
struct Paths {
  std::string vpopmail, qmail, ezmlm, autorespond, domain;
  std::map<std::string, std::string> homes;  ///< mailbox name -> home
  /// Lists whose directory is elsewhere here, by name; on other servers it is {domain}/NAME.
  std::map<std::string, std::string> lists;

  [[nodiscard]] std::string list_directory(const std::string& name) const;
};

/// What tells a place from all others on one machine, however it is spelt.
struct PlaceId {
  std::uint64_t device = 0, inode = 0;
  friend auto operator<=>(const PlaceId&, const PlaceId&) = default;
};
/// The place that a path leads to through whatever links; nullopt if it leads nowhere.
using PlaceFinder = std::function<std::optional<PlaceId>(const std::string& path)>;

/// Finds placeholders for literal text of one server. Built once per domain.
class Templater {
 public:
  /// With `place_of`, a path that leads to a known place by another name is found too: through a
  /// link, with "//", or by the old name of a home that was renamed.
  explicit Templater(const Paths&, PlaceFinder place_of = {});
  /// Replaces known paths on path-component boundaries, the longest first, doubles braces, and
  /// spells bytes that are not UTF-8 (and NUL) as {byte:..}. {ezmlm} stands only before the name of
  /// one of its programs, unless the directory is its own: it may be /usr/bin.
  [[nodiscard]] std::string to_template(std::string_view literal) const;

 private:
  struct Match {
    std::string placeholder;
    std::size_t length = 0;
    bool is_home = false;
  };
  [[nodiscard]] Match match_at(std::string_view text, std::size_t at) const;
  [[nodiscard]] Match match_place(std::string_view rest) const;
  [[nodiscard]] bool is_for_ezmlm(std::string_view behind) const;
  const Paths& paths_;
  PlaceFinder place_of_;
  std::map<std::string_view, std::string_view> by_home_;  ///< into `paths_`
  std::map<PlaceId, Match> by_place_;
};

/// A template that names no path, whatever the text looks like: for a gecos.
[[nodiscard]] std::string pathless_template(std::string_view literal);

/// The literal text for a server. Fails with `invalid` for a malformed template, and with
/// `not_found` for a mailbox that `paths` does not know.
[[nodiscard]] Result<std::string> expand(std::string_view text, const Paths& paths);

/// The literal text of a template that names no path: only {byte:..} and doubled braces. Fails with
/// `invalid` for any other placeholder.
[[nodiscard]] Result<std::string> expand_pathless(std::string_view text);

/// Text whose braces are literal: only bytes that are not UTF-8, NUL, and a literal "{byte:" are
/// spelt {byte:..}. For names, addresses and passwords, which hold no paths.
[[nodiscard]] std::string spell_bytes(std::string_view literal);
/// The reverse of spell_bytes: each {byte:..} becomes its byte, all else stays.
[[nodiscard]] std::string read_bytes(std::string_view text);

/// "{mailbox:NAME}/rest" taken apart; nothing if it does not begin so.
struct PathInHome {
  std::string mailbox, rest;
};
[[nodiscard]] std::optional<PathInHome> split_home(std::string_view path);

struct TemplateProblem {
  std::size_t offset = 0;
  std::string what;
};
/// What is wrong with a template in itself: unknown placeholders, lone braces.
[[nodiscard]] std::vector<TemplateProblem> check_template(std::string_view text);
/// The names in {mailbox:NAME}, in order of appearance.
[[nodiscard]] std::vector<std::string> mailboxes_named(std::string_view text);

/// "{mailbox:NAME}", with "%", "{" and "}" of the name percent-encoded.
[[nodiscard]] std::string mailbox_placeholder(std::string_view name);

}  // namespace vstate
