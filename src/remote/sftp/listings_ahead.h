/// \file
/// Directories of another machine that are walked next, listed ahead of the walk.
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "remote/sftp/sftp_reading.h"

namespace vstate::remote {

/// The walk says where it goes, and finds there what was begun meanwhile. As much is under way and
/// kept as one connection may have open and as is worth its memory; what the walk passed over is
/// forgotten. Any number of threads may use it.
class ListingsAhead : public std::enable_shared_from_this<ListingsAhead> {
 public:
  struct Wanted {
    std::string path;      ///< the server's
    std::string shown;     ///< for errors
    bool is_deep = false;  ///< all that is below it is wanted as well
  };
  explicit ListingsAhead(SftpChannel& channel) : channel_(channel) {}

  /// Behind all that is wanted already.
  void expect_later(std::vector<Wanted> wanted);
  /// In front of it.
  void expect_next(std::vector<Wanted> wanted);
  /// A listing that was begun; null if there is none. Each is given out once: who lists a directory
  /// again wants it as it is then.
  [[nodiscard]] std::shared_ptr<Listing> take(const std::string& path);
  void forget();

 private:
  struct Begun {
    std::string path;
    std::shared_ptr<Listing> listing;
    std::size_t entries = 0;  ///< once it has come
  };
  using Place = std::list<Begun>::iterator;
  void begin_more();
  void begin(Wanted wanted);
  void on_end(const std::string& path, const std::string& shown, bool is_deep, const Listed*);
  void drop(Place);

  SftpChannel& channel_;
  // With the channel's lock held.
  std::deque<Wanted> waiting_;
  std::list<Begun> begun_;  ///< in the order in which they were begun
  std::map<std::string, Place, std::less<>> places_;
  std::size_t under_way_ = 0, entries_ = 0;
};

}  // namespace vstate::remote
