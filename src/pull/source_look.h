/// \file
/// What is seen of one domain of a source while it is pulled.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "domain/observation.h"
#include "pull/local_feed.h"
#include "pull/pull.h"

namespace vstate::engine {

/// Looks at a domain before it is copied, and once more behind it: one that changed meanwhile is
/// not all here.
class SourceLook {
 public:
  SourceLook(const DirectoryOptions& options, const Selection& selection, DomainName name)
      : options_(options), selection_(selection), name_(std::move(name)) {}

  /// Of the first look. The session must outlive what is done with its feed.
  Status look(Session&);
  void look_again(Session&);

  [[nodiscard]] const DomainName& name() const { return name_; }
  // After the first look.
  [[nodiscard]] const Observation& observation() const { return *observation_; }
  /// Of the domain file.
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] LocalFeed& feed() { return *feed_; }
  // After the second one.
  [[nodiscard]] bool has_changed() const;
  /// Why the source could not be looked at once more, which counts as a change.
  [[nodiscard]] const std::optional<Error>& failure() const { return failure_; }

 private:
  const DirectoryOptions options_;
  const Selection selection_;
  DomainName name_;
  std::optional<Observation> observation_;
  std::string text_;
  std::unique_ptr<LocalFeed> feed_;
  bool is_other_now_ = false;
  std::optional<Error> failure_;
};

}  // namespace vstate::engine
