// A directory costs the way there and back three times: to open it, for its names, and for what is
// below it. A walk that waited for each would be on its way most of the time.

#include "remote/sftp/listings_ahead.h"

#include <algorithm>
#include <iterator>

#include "sys/path.h"

namespace vstate::remote {

namespace {

constexpr std::size_t k_most_under_way = 128;
/// That nobody has asked for yet.
constexpr std::size_t k_most_begun = 512;
constexpr std::size_t k_most_entries = 50'000;
/// Several threads walk, and none of them in the order of the others.
constexpr std::size_t k_passed_over = 128;

}  // namespace

void ListingsAhead::expect_later(std::vector<Wanted> wanted) {
  const std::lock_guard lock(channel_.mutex());
  waiting_.insert(waiting_.end(), std::make_move_iterator(wanted.begin()),
                  std::make_move_iterator(wanted.end()));
  begin_more();
}

void ListingsAhead::expect_next(std::vector<Wanted> wanted) {
  const std::lock_guard lock(channel_.mutex());
  std::erase_if(wanted, [&](const Wanted& item) { return places_.contains(item.path); });
  waiting_.insert(waiting_.begin(), std::make_move_iterator(wanted.begin()),
                  std::make_move_iterator(wanted.end()));
  begin_more();
}

void ListingsAhead::begin_more() {
  while (!waiting_.empty() && under_way_ < channel_.sharers().part_of(k_most_under_way) &&
         begun_.size() < channel_.sharers().part_of(k_most_begun) &&
         entries_ < channel_.sharers().part_of(k_most_entries)) {
    auto wanted = std::move(waiting_.front());
    waiting_.pop_front();
    if (!places_.contains(wanted.path)) begin(std::move(wanted));
  }
}

void ListingsAhead::begin(Wanted wanted) {
  auto listing = std::make_shared<Listing>(channel_, wanted.path, wanted.shown);
  places_.emplace(wanted.path, begun_.insert(begun_.end(), {wanted.path, listing}));
  ++under_way_;
  listing->start([weak = weak_from_this(), wanted = std::move(wanted)](const Listed* listed) {
    if (const auto self = weak.lock())
      self->on_end(wanted.path, wanted.shown, wanted.is_deep, listed);
  });
}

/// Null: it failed, and whoever asks for it is told why.
void ListingsAhead::on_end(const std::string& path, const std::string& shown, bool is_deep,
                           const Listed* listed) {
  --under_way_;
  const auto place = places_.find(path);
  // Unless it was given out already.
  if (place != places_.end() && listed != nullptr) {
    place->second->entries = listed->entries.size();
    entries_ += place->second->entries;
  }
  std::vector<Wanted> below;
  if (is_deep && listed != nullptr)
    for (const auto& entry : listed->entries)
      if (entry.info.is_directory())
        below.push_back({path_join(path, entry.name), path_join(shown, entry.name), true});
  std::sort(below.begin(), below.end(),
            [](const Wanted& a, const Wanted& b) { return a.path < b.path; });
  expect_next(std::move(below));
}

void ListingsAhead::drop(Place place) {
  entries_ -= place->entries;
  places_.erase(place->path);
  begun_.erase(place);
}

std::shared_ptr<Listing> ListingsAhead::take(const std::string& path) {
  const std::lock_guard lock(channel_.mutex());
  const auto found = places_.find(path);
  if (found == places_.end()) {
    const auto soon =
        waiting_.begin() + static_cast<std::ptrdiff_t>(std::min(waiting_.size(), k_most_begun));
    const auto same = std::find_if(waiting_.begin(), soon,
                                   [&](const Wanted& wanted) { return wanted.path == path; });
    // What is below it is found by the walk itself.
    if (same != soon) waiting_.erase(same);
    return nullptr;
  }
  const auto place = found->second;
  auto listing = place->listing;
  for (auto passed = std::distance(begun_.begin(), place);
       passed > static_cast<std::ptrdiff_t>(k_passed_over); --passed)
    drop(begun_.begin());
  drop(place);
  begin_more();
  return listing;
}

void ListingsAhead::forget() {
  const std::lock_guard lock(channel_.mutex());
  waiting_.clear();
  begun_.clear();
  places_.clear();
  entries_ = 0;
}

}  // namespace vstate::remote
