// A source on this machine: each mailbox that was inspected is one parcel, filled straight from the
// source's files into the receiver. Several threads fill parcels at once, and what they notice is
// gathered under a mutex.

#include "pull/local_feed.h"

#include <mutex>

#include <fmt/format.h>

#include "delivery/offer.h"
#include "dump/dump.h"

namespace vstate::engine {

/// What the threads that fill parcels report.
struct LocalFeed::Shared {
  std::mutex mutex;
  bool has_changed = false;
  std::vector<LeftOut> left_out;
};

LocalFeed::LocalFeed(const Session& source, const Observation& observation, std::string title)
    : source_(source),
      boxes_(boxes_of(observation)),
      title_(std::move(title)),
      shared_(std::make_unique<Shared>()) {
  expect_walks(*source_.system, boxes_, {});
}

LocalFeed::~LocalFeed() = default;

Result<std::optional<Parcel>> LocalFeed::next() {
  if (at_ == boxes_.size()) return std::nullopt;
  const auto& box = boxes_[at_++];
  // A parcel refers to its box, which stays where it is: no box is added after the constructor.
  return std::optional(Parcel{box.box, [this, &box](Receiver& receiver) -> Status {
                                OfferCount count;
                                auto status =
                                    offer_tree(*source_.system, *box.source, receiver, count);
                                const std::scoped_lock lock(shared_->mutex);
                                if (count.has_changed) shared_->has_changed = true;
                                leave_out(shared_->left_out, address_of_owner(box.box), count.tree);
                                return status;
                              }});
}

bool LocalFeed::has_changed() const { return shared_->has_changed; }
std::vector<LeftOut> LocalFeed::left_out() const { return shared_->left_out; }

}  // namespace vstate::engine
