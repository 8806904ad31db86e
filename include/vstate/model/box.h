/// \file
/// Whose mail or files: what an archive, a part of a stream, and the ledger's memory are of.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

namespace vstate {

struct Box {
  enum class Kind { mailbox, list, files };
  Kind kind = Kind::mailbox;
  std::string name;  ///< of the mailbox or list; empty for the domain's own files
  friend auto operator<=>(const Box&, const Box&) = default;
};

/// "mailbox", "list", "files": as the ledger and streams name them.
[[nodiscard]] std::string_view to_text(Box::Kind);
/// Returns nullopt for any other name.
[[nodiscard]] std::optional<Box::Kind> parse_box_kind(std::string_view name);

/// The address of what it belongs to, for --only and --exclude: "mailbox.alice", "list.news",
/// "domain".
[[nodiscard]] std::string address_of_owner(const Box&);
/// The address of what is in it: "mail.alice", "archive.news", "files".
[[nodiscard]] std::string address_of_contents(const Box&);
/// What is in it, in one word: "mail", "archive", "files".
[[nodiscard]] std::string_view noun_of_contents(Box::Kind);

}  // namespace vstate
