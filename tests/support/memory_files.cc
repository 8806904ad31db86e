#include "support/memory_files.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include <fmt/format.h>

#include "sys/path.h"
#include "sys/permission.h"

namespace vstate::test {

namespace {

using Type = FileInfo::Type;

constexpr std::int64_t k_a_second = 1'000'000'000;
constexpr std::int64_t k_first_second = 1'700'000'000;

tl::unexpected<Error> failed(int number, std::string_view path, std::string_view what) {
  errno = number;
  return fail_errno(path, what);
}

tl::unexpected<Error> failed_open(int number, std::string_view path, std::string_view what) {
  errno = number;
  return fail_errno_of_open(path, what);
}

}  // namespace

struct MemoryFiles::Node {
  FileInfo info;
  std::string content;  ///< bytes of a file, or a link's target
  std::map<std::string, std::shared_ptr<Node>, std::less<>> children;
  std::array<int, 3> faults{};

  [[nodiscard]] int fault(Fault kind) const { return faults.at(static_cast<std::size_t>(kind)); }
  /// errno of opening it with somebody's rights; 0 if it can be opened.
  [[nodiscard]] int refuses(unsigned wanted, const std::optional<Identity>& as) const {
    if (fault(Fault::open) != 0) return fault(Fault::open);
    return as && !may(info, actor_of(as->uid, as->gid), wanted) ? EACCES : 0;
  }
};

/// A path from the top, component by component.
class MemoryFiles::Walk {
 public:
  Walk(const Node& top, std::string_view path, std::optional<Identity> as)
      : top_(top), path_(path), as_(as), left_(path) {}
  /// To the end, or to the first name that is not there.
  Status run(bool follows_last);

  [[nodiscard]] bool is_at_end() const { return left_.is_empty(); }
  [[nodiscard]] const Node& here() const { return steps_.empty() ? top_ : *steps_.back().second; }
  [[nodiscard]] const std::optional<Identity>& as() const { return as_; }
  [[nodiscard]] bool is_behind_link() const { return links_ > 0; }
  [[nodiscard]] std::string spelt() const {
    std::string out;
    for (const auto& [name, node] : steps_) out += "/" + name;
    out += left_.rest();
    return out.empty() ? "/" : out;
  }

 private:
  const Node& top_;
  std::string_view path_;
  std::optional<Identity> as_;
  Components left_;
  std::vector<std::pair<std::string, const Node*>> steps_;
  int links_ = 0;
};

Status MemoryFiles::Walk::run(bool follows_last) {
  while (!left_.is_empty()) {
    if (!here().info.is_directory()) return {};
    const auto name = left_.pop();
    if (name == "..") {
      if (!steps_.empty()) steps_.pop_back();
      continue;
    }
    if (const int number = here().refuses(k_execute, as_); number != 0)
      return failed_open(number, path_, "cannot open");
    const auto found = here().children.find(name);
    const int fault = found == here().children.end() ? ENOENT : found->second->fault(Fault::look);
    if (fault == ENOENT) {
      left_.push(name);
      return {};
    }
    if (fault != 0) return failed_open(fault, path_, "cannot open");
    const auto& node = *found->second;
    if (!node.info.is_link() || (left_.is_empty() && !follows_last)) {
      steps_.emplace_back(name, &node);
      continue;
    }
    if (++links_ > k_most_links)
      return fail(Errc::invalid, fmt::format("{}: its links lead in a circle", path_));
    if (node.info.uid != 0 && !as_) as_ = Identity{node.info.uid, node.info.gid};
    left_.push(node.content);
    if (node.content.starts_with('/')) steps_.clear();
  }
  return {};
}

namespace {

class MemoryFile final : public OpenFile {
 public:
  MemoryFile(std::string path, const FileInfo& info, std::string bytes, int fault)
      : path_(std::move(path)), info_(info), bytes_(std::move(bytes)), fault_(fault) {}
  [[nodiscard]] Result<FileInfo> info() const override { return info_; }
  [[nodiscard]] Result<std::size_t> read(std::span<char> into) override {
    if (fault_ != 0) return failed_open(fault_, path_, "cannot read");
    const auto count = bytes_.copy(into.data(), into.size(), at_);
    at_ += count;
    return count;
  }

 private:
  std::string path_;
  FileInfo info_;
  std::string bytes_;
  int fault_;
  std::size_t at_ = 0;
};

}  // namespace

class MemoryDirectory final : public Directory {
 public:
  MemoryDirectory(std::shared_ptr<const MemoryFiles::Node> node, std::string path,
                  std::optional<Identity> as)
      : node_(std::move(node)), path_(std::move(path)), as_(as) {}

  [[nodiscard]] const std::string& path() const override { return path_; }
  [[nodiscard]] Result<FileInfo> info() const override { return node_->info; }
  [[nodiscard]] Result<std::optional<FileInfo>> look(const std::string& name) const override {
    VSTATE_TRY_ASSIGN(const auto found, find(name, "cannot stat"));
    return found == nullptr ? std::optional<FileInfo>() : std::optional(found->info);
  }
  [[nodiscard]] Result<std::shared_ptr<const Directory>> open(
      const std::string& name) const override {
    VSTATE_TRY_ASSIGN(auto found, find(name, "cannot open"));
    if (found == nullptr || !found->info.is_directory()) return std::shared_ptr<const Directory>();
    auto full = path_join(path_, name);
    if (const int number = found->refuses(k_read, as_); number != 0)
      return failed_open(number, full, "cannot open");
    return std::make_shared<const MemoryDirectory>(std::move(found), std::move(full), as_);
  }
  [[nodiscard]] Result<std::unique_ptr<OpenFile>> open_file(
      const std::string& name) const override {
    VSTATE_TRY_ASSIGN(const auto found, find(name, "cannot read"));
    if (found == nullptr) return std::unique_ptr<OpenFile>();
    const auto full = path_join(path_, name);
    if (const int number = found->refuses(k_read, as_); number != 0)
      return failed_open(number, full, "cannot read");
    if (found->info.is_link()) return failed_open(ELOOP, full, "cannot read");
    if (found->info.type == Type::socket) return failed_open(ENXIO, full, "cannot read");
    return std::make_unique<MemoryFile>(full, found->info, found->content,
                                        found->fault(Fault::read));
  }
  [[nodiscard]] Result<std::optional<std::string>> link_target(
      const std::string& name) const override {
    VSTATE_TRY_ASSIGN(const auto found, find(name, "cannot read the link"));
    if (found == nullptr) return std::nullopt;
    if (!found->info.is_link())
      return failed_open(EINVAL, path_join(path_, name), "cannot read the link");
    return std::optional(found->content);
  }
  /// Backwards: the order of a file system is no order.
  [[nodiscard]] Status read_names(const Found& found) const override {
    if (const int number = node_->fault(Fault::read); number != 0)
      return failed_open(number, path_, "cannot list");
    const auto children = node_->children;
    for (auto child = children.rbegin(); child != children.rend(); ++child)
      found(child->first.c_str(), child->second->info.type);
    return {};
  }

 private:
  /// `name` may go through directories below; no link is followed. Null: it is not there.
  [[nodiscard]] Result<std::shared_ptr<const MemoryFiles::Node>> find(const std::string& name,
                                                                      const char* what) const {
    auto node = node_;
    for (const auto& part : components_of(name)) {
      const auto full = path_join(path_, name);
      if (!node->info.is_directory()) return failed_open(ENOTDIR, full, what);
      if (const int number = node->refuses(k_execute, as_); number != 0)
        return failed_open(number, full, what);
      const auto found = node->children.find(part);
      if (found == node->children.end()) return std::shared_ptr<const MemoryFiles::Node>();
      node = found->second;
      const int fault = node->fault(Fault::look);
      if (fault == ENOENT) return std::shared_ptr<const MemoryFiles::Node>();
      if (fault != 0) return failed_open(fault, full, what);
    }
    return node;
  }

  std::shared_ptr<const MemoryFiles::Node> node_;
  std::string path_;
  std::optional<Identity> as_;
};

MemoryFiles::MemoryFiles() : top_(std::make_shared<Node>()) {
  top_->info.type = Type::directory;
  top_->info.mode = 0755;
  top_->info.device = 1;
  top_->info.inode = ++inodes_;
}

MemoryFiles::Node& MemoryFiles::make(std::string_view path, Type type, unsigned mode) {
  auto* node = top_.get();
  const auto parts = components_of(path);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const bool is_last = i + 1 == parts.size();
    VSTATE_ASSERT(node->info.is_directory());
    auto& child = node->children[parts[i]];
    const bool stays =
        child != nullptr && child->info.is_directory() && (!is_last || type == Type::directory);
    if (!stays) {
      VSTATE_ASSERT(child == nullptr || is_last);
      child = std::make_shared<Node>();
      child->info.type = is_last ? type : Type::directory;
      child->info.device = 1;
      child->info.inode = ++inodes_;
      child->info.mode = 0755;
      child->info.mtime = std::chrono::sys_seconds(std::chrono::seconds(k_first_second));
      child->info.modified = k_first_second * k_a_second + ++clock_;
      child->info.changed = child->info.modified;
      node->info.modified = child->info.modified;
    }
    node = child.get();
  }
  node->info.mode = mode;
  return *node;
}

MemoryFiles::Node& MemoryFiles::at(std::string_view path) const {
  auto* node = top_.get();
  for (const auto& part : components_of(path)) {
    VSTATE_ASSERT(node->children.contains(part));
    node = node->children.find(part)->second.get();
  }
  return *node;
}

void MemoryFiles::directory(std::string_view path, unsigned mode) {
  make(path, Type::directory, mode);
}

void MemoryFiles::file(std::string_view path, std::string_view bytes, unsigned mode) {
  auto& node = make(path, Type::regular, mode);
  node.content = bytes;
  node.info.size = bytes.size();
}

void MemoryFiles::link(std::string_view path, std::string_view target) {
  auto& node = make(path, Type::link, 0777);
  node.content = target;
  node.info.size = target.size();
}

void MemoryFiles::special(std::string_view path, Type type) { make(path, type, 0644); }

void MemoryFiles::remove(std::string_view path) {
  auto& parent = at(path_parent(path));
  VSTATE_ASSERT(parent.children.erase(std::string(path_name(path))) == 1);
  parent.info.modified += ++clock_;
}

void MemoryFiles::own(std::string_view path, std::uint32_t uid, std::uint32_t gid) {
  auto& node = at(path);
  node.info.uid = uid;
  node.info.gid = gid;
  for (const auto& [name, child] : node.children) own(path_join(path, name), uid, gid);
}

void MemoryFiles::set_mode(std::string_view path, unsigned mode) { at(path).info.mode = mode; }

void MemoryFiles::set_time(std::string_view path, std::int64_t seconds) {
  auto& info = at(path).info;
  info.mtime = std::chrono::sys_seconds(std::chrono::seconds(seconds));
  info.modified = seconds * k_a_second;
}

void MemoryFiles::plant(std::string_view path, Fault fault, int number) {
  at(path).faults.at(static_cast<std::size_t>(fault)) = number;
}

Result<std::string> MemoryFiles::read(std::string_view path, std::size_t limit) const {
  Walk walk(*top_, path, reached_as_.find(path));
  VSTATE_TRY(walk.run(true));
  if (!walk.is_at_end())
    return failed(walk.here().info.is_directory() ? ENOENT : ENOTDIR, path, "cannot open");
  const auto& node = walk.here();
  if (const int number = node.refuses(k_read, walk.as()); number != 0)
    return failed(number, path, "cannot open");
  if (node.info.type == Type::socket) return failed(ENXIO, path, "cannot open");
  if (!node.info.is_regular())
    return fail(Errc::invalid, fmt::format("{}: not a regular file", path));
  if (node.fault(Fault::read) != 0)
    return failed_open(node.fault(Fault::read), path, "cannot read");
  if (node.content.size() > limit)
    return fail(Errc::unsupported, fmt::format("{}: larger than {} bytes", path, limit));
  return node.content;
}

Result<FileInfo> MemoryFiles::info(std::string_view path) const {
  Walk walk(*top_, path, reached_as_.find(path));
  VSTATE_TRY(walk.run(false));
  if (!walk.is_at_end())
    return failed(walk.here().info.is_directory() ? ENOENT : ENOTDIR, path, "cannot open");
  return walk.here().info;
}

Result<FileInfo> MemoryFiles::info_followed(std::string_view path) const {
  Walk walk(*top_, path, reached_as_.find(path));
  VSTATE_TRY(walk.run(true));
  if (!walk.is_at_end())
    return failed(walk.here().info.is_directory() ? ENOENT : ENOTDIR, path, "cannot open");
  auto info = walk.here().info;
  info.is_behind_link = walk.is_behind_link();
  return info;
}

Result<std::shared_ptr<const Directory>> MemoryFiles::open_directory(std::string_view path) const {
  Walk walk(*top_, path, reached_as_.find(path));
  VSTATE_TRY(walk.run(true));
  const auto& node = walk.here();
  if (!walk.is_at_end())
    return failed(node.info.is_directory() ? ENOENT : ENOTDIR, path, "cannot open");
  if (!node.info.is_directory()) return failed(ENOTDIR, path, "cannot open");
  if (const int number = node.refuses(k_read, walk.as()); number != 0)
    return failed_open(number, path, "cannot open");
  const auto spelt = walk.spelt();
  auto held = top_;
  for (const auto& part : components_of(spelt))
    held = std::as_const(*held).children.find(part)->second;
  return std::make_shared<const MemoryDirectory>(std::move(held), std::string(path), walk.as());
}

Result<std::string> MemoryFiles::link_target(std::string_view path) const {
  VSTATE_TRY_ASSIGN(const auto found, info(path));
  if (!found.is_link()) return failed_open(ENOENT, path, "cannot read link");
  Walk walk(*top_, path, reached_as_.find(path));
  VSTATE_TRY(walk.run(false));
  return walk.here().content;
}

Result<Files::Way> MemoryFiles::way_of(std::string_view path) const {
  Walk walk(*top_, path, std::nullopt);
  VSTATE_TRY(walk.run(true));
  return Way{walk.spelt(), walk.as()};
}

Result<Files::FreeSpace> MemoryFiles::free_space(std::string_view) const {
  return FreeSpace{std::uint64_t{1} << 40, std::nullopt};
}

Result<std::optional<SystemAccount>> MemoryFiles::account(std::string_view name) const {
  return find_in_passwd(*this, name);
}

void MemoryFiles::reach_as(std::string path, Identity as) { reached_as_.add(std::move(path), as); }

bool MemoryFiles::is_reached_as_another(std::string_view path) const {
  return reached_as_.find(path).has_value();
}

}  // namespace vstate::test
