/// \file
/// What was asked of another machine in tasks that are done again and again, so that it can be
/// asked for at once the next time.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace vstate::remote {

/// Places are below the root, and without links but for their last component.
struct Asked {
  std::set<std::string> names;        ///< looked at
  std::set<std::string> links;        ///< whose targets were wanted
  std::set<std::string> directories;  ///< listed
  std::set<std::string> files;        ///< read, and small
  std::set<std::string> walked;       ///< directories that were walked behind the task
};

/// Only hints: nothing is believed because it is written here. Any number of threads may use it.
class Tasks {
 public:
  Tasks() = default;
  /// One that knows and tells the same, and whose tasks go on beside those of the other.
  [[nodiscard]] Tasks beside() const { return Tasks(book_); }

  /// From now on what is asked belongs to `task`, until `end`. What belonged to it before.
  Asked begin(const std::string& task);
  /// What is walked from now on still belongs to it.
  void end();

  void add_name(const std::string& place) { add(&Asked::names, place); }
  void add_link(const std::string& place) { add(&Asked::links, place); }
  void add_directory(const std::string& place) { add(&Asked::directories, place); }
  void add_file(const std::string& place) { add(&Asked::files, place); }
  void add_walked(const std::string& place);

  /// Lines of a kind and a place, behind the line of their task. Names with a line break are left
  /// out, and what is no such line is passed over.
  [[nodiscard]] std::string to_text() const;
  void read(std::string_view text);

 private:
  struct Book {
    std::mutex mutex;
    std::map<std::string, Asked> tasks;
  };
  explicit Tasks(std::shared_ptr<Book> book) : book_(std::move(book)) {}
  void add(std::set<std::string> Asked::*kind, const std::string& place);

  std::shared_ptr<Book> book_ = std::make_shared<Book>();
  // With the book's lock held.
  std::string task_;
  bool is_begun_ = false;
  bool has_walked_ = false;  ///< since the task began
};

}  // namespace vstate::remote
