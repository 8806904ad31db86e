// One table gives each kind of mail its words. Addresses are what people write behind --only and
// --exclude, and what failures and the ledger go by, so every part of the program takes them from
// here.

#include "vstate/model/box.h"

#include <array>

namespace vstate {

namespace {

struct Words {
  Box::Kind kind;
  std::string_view kind_name, owner, contents;
};
// The order is that of the enumeration, by which the table is indexed.
constexpr std::array k_words{Words{Box::Kind::mailbox, "mailbox", "mailbox", "mail"},
                             Words{Box::Kind::list, "list", "list", "archive"},
                             Words{Box::Kind::files, "files", "domain", "files"}};

const Words& words_of(Box::Kind kind) { return k_words.at(static_cast<std::size_t>(kind)); }

/// The domain has one set of files, which needs no name.
std::string address(std::string_view noun, const Box& box) {
  std::string out(noun);
  return box.kind == Box::Kind::files ? out : out + "." + box.name;
}

}  // namespace

std::string_view to_text(Box::Kind kind) { return words_of(kind).kind_name; }

std::optional<Box::Kind> parse_box_kind(std::string_view name) {
  for (const auto& words : k_words)
    if (words.kind_name == name) return words.kind;
  return std::nullopt;
}

std::string address_of_owner(const Box& box) { return address(words_of(box.kind).owner, box); }

std::string address_of_contents(const Box& box) {
  return address(words_of(box.kind).contents, box);
}

std::string_view noun_of_contents(Box::Kind kind) { return words_of(kind).contents; }

}  // namespace vstate
