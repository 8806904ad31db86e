// Names are made when they are asked for, and found again by what is in them: a folder of a million
// messages has a few bytes for each.

#include "mbox/numbered.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "vstate/base/digest.h"
#include "vstate/base/text.h"

namespace vstate::mbox {

namespace {

constexpr std::string_view k_behind_name = ".mbox,S=";
constexpr int k_hex = 16;

/// What of a name tells which message it is.
struct NameKey {
  std::int64_t date = 0;
  std::uint64_t digest = 0;
  std::uint32_t repeat = 0;
};

/// "1614763230.M1a2b3c4d5e6f7081.mbox,S=91", with "R1" behind the digest of a repeated one.
std::optional<NameKey> parse_key(std::string_view name) {
  const auto dot = name.find(".M"), end = name.find(k_behind_name);
  constexpr std::size_t digits = 16;
  if (dot == std::string_view::npos || end == std::string_view::npos || end < dot + 2 + digits)
    return std::nullopt;
  const auto hex = name.substr(dot + 2, digits);
  const auto repeat = name.substr(dot + 2 + digits, end - dot - 2 - digits);
  const auto date = to_number(name.substr(0, dot));
  const auto count = repeat.starts_with('R') ? to_number(repeat.substr(1)) : 0;
  if (!date || !count || (!repeat.empty() && repeat.front() != 'R')) return std::nullopt;
  if (hex.find_first_not_of("0123456789abcdef") != std::string_view::npos) return std::nullopt;
  return NameKey{static_cast<std::int64_t>(*date),
                 std::strtoull(std::string(hex).c_str(), nullptr, k_hex),
                 static_cast<std::uint32_t>(*count)};
}

}  // namespace

NumberedFolder::NumberedFolder(std::vector<Loaded> mboxes, const uid_files::KeywordLetters& letters)
    : mboxes_(std::move(mboxes)), letters_(letters) {
  for (std::uint32_t mbox = 0; mbox < mboxes_.size(); ++mbox)
    for (std::uint32_t i = 0; i < mboxes_[mbox].folder.messages.size(); ++i)
      items_.push_back({mbox, i, 0});
  sort();
  give_letters();
}

void NumberedFolder::sort() {
  const auto key = [this](const Item& item) {
    const auto& found = mboxes_[item.mbox].folder.messages[item.message];
    return std::tuple(found.date, found.digest);
  };
  std::sort(items_.begin(), items_.end(), [&](const Item& a, const Item& b) {
    return std::tuple(key(a), a.mbox, a.message) < std::tuple(key(b), b.mbox, b.message);
  });
  for (std::size_t i = 1; i < items_.size(); ++i)
    if (key(items_[i]) == key(items_[i - 1])) items_[i].repeat = items_[i - 1].repeat + 1;
}

/// The letter of a keyword, a free one if it has none; 0: none is left.
char NumberedFolder::letter_of(const std::string& keyword) {
  const auto lower = to_lower(keyword);
  auto at = std::find_if(letters_.begin(), letters_.end(),
                         [&](const std::string& name) { return to_lower(name) == lower; });
  if (at == letters_.end()) at = std::find(letters_.begin(), letters_.end(), "");
  if (at == letters_.end()) return '\0';
  if (at->empty()) *at = keyword;
  return static_cast<char>('a' + (at - letters_.begin()));
}

void NumberedFolder::give_letters() {
  for (const auto& mbox : mboxes_) {
    auto& own = letters_of_.emplace_back();
    std::uint32_t without = 0;
    for (const auto& keyword : mbox.folder.keywords) {
      const auto bit = std::uint32_t{1} << own.size();
      own.push_back(letter_of(keyword));
      if (own.back() == '\0') without |= bit;
    }
    without_letter_ += mbox.folder.keywords_left_out;
    for (const auto& message : mbox.folder.messages)
      if ((message.keywords & without) != 0) ++without_letter_;
  }
}

std::string NumberedFolder::flags(const Item& item) const {
  const auto& found = mboxes_[item.mbox].folder.messages[item.message];
  constexpr std::array letters{std::pair{draft, 'D'}, std::pair{flagged, 'F'},
                               std::pair{replied, 'R'}, std::pair{seen, 'S'},
                               std::pair{deleted, 'T'}};
  std::string out;
  for (const auto& [flag, letter] : letters)
    if ((found.flags & flag) != 0) out.push_back(letter);
  const auto& own = letters_of_[item.mbox];
  std::string keywords;
  for (std::size_t i = 0; i < own.size(); ++i)
    if (((found.keywords >> i) & 1U) != 0 && own[i] != '\0') keywords.push_back(own[i]);
  std::sort(keywords.begin(), keywords.end());
  return out + keywords;
}

std::string NumberedFolder::unique(std::size_t i) const {
  const auto& found = message(i);
  const auto repeat = items_[i].repeat;
  return fmt::format("{}.M{:016x}{}{}{}", found.date, found.digest,
                     repeat == 0 ? std::string() : fmt::format("R{}", repeat), k_behind_name,
                     found.size);
}

std::string NumberedFolder::name(std::size_t i) const {
  return is_new(i) ? unique(i) : fmt::format("{}:2,{}", unique(i), flags(items_[i]));
}

std::optional<std::size_t> NumberedFolder::find(std::string_view name) const {
  const auto key = parse_key(name);
  if (!key) return std::nullopt;
  const auto wanted = std::tuple(key->date, key->digest, key->repeat);
  const auto found = std::partition_point(items_.begin(), items_.end(), [&](const Item& item) {
    const auto& one = mboxes_[item.mbox].folder.messages[item.message];
    return std::tuple(one.date, one.digest, item.repeat) < wanted;
  });
  if (found == items_.end()) return std::nullopt;
  const auto i = static_cast<std::size_t>(found - items_.begin());
  return this->name(i) == name ? std::optional(i) : std::nullopt;
}

std::vector<std::string_view> NumberedFolder::parts(std::size_t i) const {
  std::vector<std::string_view> out;
  for_each_part(mboxes_[items_[i].mbox].spool->text(), message(i), [&](std::string_view part) {
    if (!part.empty()) out.push_back(part);
  });
  return out;
}

std::string NumberedFolder::uids_text(std::string_view identity) const {
  const auto numbered = std::find_if(mboxes_.begin(), mboxes_.end(),
                                     [](const Loaded& mbox) { return mbox.folder.validity != 0; });
  if (numbered == mboxes_.end()) return {};
  const auto& folder = numbered->folder;
  uid_files::DovecotUids out;
  out.validity = folder.validity;
  out.next = folder.next;
  constexpr std::size_t digits = 32;
  out.guid = sha256_hex(fmt::format("mbox {} {}", identity, folder.validity)).substr(0, digits);
  for (std::size_t i = 0; i < items_.size(); ++i)
    if (items_[i].mbox == static_cast<std::size_t>(numbered - mboxes_.begin()))
      out.messages.push_back({.uid = message(i).uid, .fields = {}, .name = unique(i)});
  std::sort(out.messages.begin(), out.messages.end(),
            [](const auto& a, const auto& b) { return a.uid < b.uid; });
  return uid_files::dovecot_uids_text(out);
}

std::string NumberedFolder::keywords_text() const {
  return uid_files::dovecot_keywords_text(letters_);
}

std::int64_t NumberedFolder::newest() const {
  return items_.empty() ? 0 : message(size() - 1).date;
}

}  // namespace vstate::mbox
