/// \file
/// A server that is far away: what tells it what is wanted next, so that its way is gone a few
/// times and not once a question. These are hints, on which no answer depends: what cannot be got
/// is no error until somebody asks for it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sys/files.h"

namespace vstate {

/// A service of a server's own, such as its database, as its programs reach it.
struct Service {
  std::string host;  ///< empty is the server itself
  std::uint16_t port = 0;
  std::vector<std::string> sockets;  ///< where it may listen besides, if it is the server itself
};
/// Sockets of this machine that lead to a service, as long as `kept` lives. One of them works where
/// any way to the service does.
struct Forwarded {
  std::vector<std::string> sockets;
  std::shared_ptr<const void> kept;
};

/// Directories that are looked into next.
struct Ahead {
  std::vector<std::string> directories;
  /// Whether a directory below is listed as well; its path is spelt as the first one was. Null:
  /// none is.
  std::function<bool(std::string_view path)> descends = {};
  bool reads_files = true;               ///< the small ones
  std::string likely = {};               ///< a directory that most directories below have
  std::vector<std::string> places = {};  ///< that are looked at besides, each followed
};

class FarSide {
 public:
  virtual ~FarSide() = default;

  /// Whether an answer takes so long that many should be waited for at once.
  [[nodiscard]] virtual bool has_long_way() const = 0;
  /// Says which places will be looked at next, each followed.
  virtual void expect(const std::vector<std::string>& paths) const = 0;
  /// Says which directories will be walked next, with all that is below them, in their order.
  virtual void expect_walks(const std::vector<std::string>& directories) const = 0;
  /// Lists directories, and reads their files. Answers are as of now for as long as what is
  /// returned lives, and anybody holds it.
  [[nodiscard]] virtual std::shared_ptr<const void> gather(
      const std::vector<Ahead>& wanted) const = 0;

  /// Begins a task that is done again and again, such as the look at one domain. What was kept of
  /// earlier answers is forgotten, and what the task asked the last time is asked for at once;
  /// answers are as of now for as long as what is returned lives. It ends with that.
  [[nodiscard]] virtual std::shared_ptr<const void> begin(const std::string& task) const = 0;
  /// Says that the walks that came behind a task the last time will come behind it again.
  virtual void expect_walks_behind(const std::string& task) const = 0;
  /// What tasks asked, to be told to a later run.
  [[nodiscard]] virtual std::string asked() const = 0;
  virtual void recall(std::string_view asked) const = 0;

  /// Ways to a service there. `unsupported` if there are none.
  [[nodiscard]] virtual Result<Forwarded> forward(const Service&) const = 0;
};

// The same, where nothing is to be told to a server at hand.

inline void expect(const Files& files, const std::vector<std::string>& paths) {
  if (const auto* far = files.far_side()) far->expect(paths);
}
[[nodiscard]] inline std::shared_ptr<const void> gather(const Files& files,
                                                        const std::vector<Ahead>& wanted) {
  const auto* far = files.far_side();
  return far == nullptr ? nullptr : far->gather(wanted);
}
[[nodiscard]] inline std::shared_ptr<const void> begin_task(const Files& files,
                                                            const std::string& task) {
  const auto* far = files.far_side();
  return far == nullptr ? nullptr : far->begin(task);
}

}  // namespace vstate
