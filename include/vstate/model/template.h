/// \file
/// Text that means the same on every server: paths of one server become placeholders, expanded
/// on another (DESIGN: "paths never appear as the old server had them").
///
///     {vpopmail}      vpopmail's home                {domain}        this domain's directory
///     {qmail}         qmail's directory              {mailbox:NAME}  a mailbox's home
///     {ezmlm}         where ezmlm's programs are     {autorespond}   the autorespond program
///     {byte:e9}       a byte that is not UTF-8       {{ and }}       literal braces
#pragma once

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
};

/// Finds placeholders for literal text of one server. Built once per domain.
class Templater {
 public:
  explicit Templater(const Paths&);
  /// Replaces known paths on path-component boundaries, the longest first, doubles braces, and
  /// spells bytes that are not UTF-8 (and NUL) as {byte:..}.
  [[nodiscard]] std::string to_template(std::string_view literal) const;

 private:
  struct Match {
    std::string placeholder;
    std::size_t length = 0;
  };
  [[nodiscard]] Match match_at(std::string_view text, std::size_t at) const;
  const Paths& paths_;
  std::map<std::string_view, std::string_view> by_home_;  ///< into `paths_`
};

/// A template that names no path, whatever the text looks like: for a gecos.
[[nodiscard]] std::string pathless_template(std::string_view literal);

/// The literal text for a server. Fails with `invalid` for a malformed template, and with
/// `not_found` for a mailbox that `paths` does not know.
[[nodiscard]] Result<std::string> expand(std::string_view text, const Paths& paths);

/// The literal text of a template that names no path: only {byte:..} and doubled braces. Fails with
/// `invalid` for any other placeholder.
[[nodiscard]] Result<std::string> expand_pathless(std::string_view text);

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
