/// \file
/// The names in one directory, and the search for a message that got another name.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sys/files.h"
#include "vstate/base/result.h"

namespace vstate::mail {

/// Calls `found` for each name but "." and "..", in the order of the file system. A directory that
/// changes meanwhile is listed again, after `again`: a rename during readdir(3) may show the old
/// name, the new one, both, or neither.
Status list_names(const Directory&, const std::function<void()>& again,
                  const Directory::Found& found);

/// Sorted bytewise, in two blocks of memory.
class Listing {
 public:
  [[nodiscard]] static Result<Listing> read(const Directory&);

  [[nodiscard]] std::size_t size() const { return items_.size(); }
  /// Ends with a zero byte.
  [[nodiscard]] std::string_view name(std::size_t i) const {
    return {names_.data() + items_[i].at, items_[i].length};
  }
  [[nodiscard]] FileInfo::Type type(std::size_t i) const { return items_[i].type; }
  /// A link that is walked as the directory that it leads to.
  void set_directory(std::size_t i) { items_[i].type = FileInfo::Type::directory; }
  /// Gives entries other names; they are sorted by those from then on.
  void rename(const std::vector<std::pair<std::size_t, std::string>>& names);
  [[nodiscard]] bool contains(std::string_view name) const;
  [[nodiscard]] bool has_directory(std::string_view name) const;
  /// The name whose unique part that is.
  [[nodiscard]] std::optional<std::string_view> find_message(std::string_view unique) const;

 private:
  struct Item {
    std::uint32_t at;
    std::uint16_t length;
    FileInfo::Type type;
  };
  [[nodiscard]] std::size_t lower_bound(std::string_view name) const;
  void sort();
  std::string names_;
  std::vector<Item> items_;
};

/// The order of a listing's names by path: a directory stands once as itself, and once, with "/"
/// behind it, for what it holds.
struct PathOrder {
  std::uint32_t index = 0;
  bool is_contents = false;
};
[[nodiscard]] std::vector<PathOrder> in_path_order(const Listing&);

/// Where a message is now: `new` or `cur`, and its name there.
struct FoundMessage {
  std::string_view place;
  std::string name;
};

/// Finds messages of one folder by their unique names. Lists the folder at the first question, and
/// again only when it has changed since.
class FolderSearch {
 public:
  /// `folder` holds `new` and `cur`.
  explicit FolderSearch(std::shared_ptr<const Directory> folder) : folder_(std::move(folder)) {}
  [[nodiscard]] Result<std::optional<FoundMessage>> find(std::string_view unique);

 private:
  struct Place {
    std::string_view name;
    Listing listing = {};
    std::int64_t changed = 0;
    bool is_listed = false;
  };
  Status refresh(Place&, bool& has_changed);
  [[nodiscard]] Result<std::optional<FoundMessage>> look(std::string_view unique) const;

  std::shared_ptr<const Directory> folder_;
  Place new_{"new"}, cur_{"cur"};
};

}  // namespace vstate::mail
