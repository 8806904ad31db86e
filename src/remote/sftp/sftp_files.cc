// The questions of Files, answered by a walk of our own: SFTP would follow links by the other
// machine's root, and with the rights of whoever logged in. Each component is looked at once in a
// run, and links are resolved here, by the rules of sys/resolve.

#include "remote/sftp/sftp_files.h"

#include <cerrno>
#include <vector>

#include <fmt/format.h>

#include "remote/sftp/sftp_directory.h"
#include "sys/path.h"
#include "sys/permission.h"

namespace vstate::remote {

namespace {

tl::unexpected<Error> fail_as(int error, std::string_view path, std::string_view what) {
  errno = error;
  return fail_errno(path, what);
}

}  // namespace

/// A walk from the root, component by component.
class SftpFiles::Walk {
 public:
  Walk(const SftpFiles& files, std::string_view path, std::optional<Identity> as)
      : files_(files), path_(path), left_(path), as_(as) {}

  enum class Last { followed, kept };
  /// Goes to the end of the path; not_found if it is not there.
  Status go(Last);
  /// Goes as far as there is anything.
  Status go_as_far_as_possible();

  /// Without links, below the root.
  [[nodiscard]] std::string reached() const {
    std::string out;
    for (const auto& step : steps_) out += "/" + step;
    return out.empty() ? "/" : out;
  }
  /// The rest that is not there, as it is spelt.
  [[nodiscard]] std::string rest() const { return left_.rest(); }
  [[nodiscard]] const FileInfo& info() const { return info_; }
  [[nodiscard]] const std::optional<Identity>& as() const { return as_; }
  [[nodiscard]] bool is_behind_link() const { return links_ > 0; }

 private:
  enum class Step { made, missing };
  Result<Step> step(Last last);
  Status start();
  Status follow(const std::string& link, const FileInfo& info);

  const SftpFiles& files_;
  std::string_view path_;
  Components left_;
  std::vector<std::string> steps_;
  FileInfo info_;  ///< of where the walk is
  std::optional<Identity> as_;
  int links_ = 0;
};

Status SftpFiles::Walk::start() {
  VSTATE_TRY_ASSIGN(const auto root, files_.known_.look("/", path_));
  if (!root) return fail_as(ENOENT, path_, "cannot open");
  info_ = *root;
  return {};
}

Status SftpFiles::Walk::follow(const std::string& link, const FileInfo& info) {
  if (++links_ > k_most_links)
    return fail(Errc::invalid, fmt::format("{}: its links lead in a circle", path_));
  VSTATE_TRY_ASSIGN(const auto target, files_.known_.target(link, path_));
  // From the first link on that root has not made, all is judged as for who made it.
  if (info.uid != 0 && !as_) as_ = Identity{info.uid, info.gid};
  left_.push(target);
  if (target.starts_with('/')) {
    steps_.clear();
    return start();
  }
  return {};
}

Result<SftpFiles::Walk::Step> SftpFiles::Walk::step(Last last) {
  if (!info_.is_directory()) return Step::missing;
  auto name = left_.pop();
  if (as_ && !may(info_, actor_of(as_->uid, as_->gid), k_execute))
    return fail_as(EACCES, path_, "cannot open");
  if (name == "..") {
    // Above the root there is only the root.
    if (!steps_.empty()) steps_.pop_back();
    VSTATE_TRY_ASSIGN(const auto found, files_.known_.look(reached(), path_));
    if (!found) return Step::missing;
    info_ = *found;
    return Step::made;
  }
  const auto here = path_join(reached(), name);
  VSTATE_TRY_ASSIGN(const auto found, files_.known_.look(here, path_));
  if (!found) {
    left_.push(name);
    return Step::missing;
  }
  if (found->is_link() && (!left_.is_empty() || last == Last::followed)) {
    VSTATE_TRY(follow(here, *found));
    return Step::made;
  }
  steps_.push_back(std::move(name));
  info_ = *found;
  return Step::made;
}

Status SftpFiles::Walk::go(Last last) {
  VSTATE_TRY(start());
  while (!left_.is_empty()) {
    VSTATE_TRY_ASSIGN(const auto step_made, step(last));
    if (step_made == Step::missing)
      return fail_as(info_.is_directory() ? ENOENT : ENOTDIR, path_, "cannot open");
  }
  return {};
}

Status SftpFiles::Walk::go_as_far_as_possible() {
  VSTATE_TRY(start());
  while (!left_.is_empty()) {
    VSTATE_TRY_ASSIGN(const auto step_made, step(Last::followed));
    if (step_made == Step::missing) return {};
  }
  return {};
}

/// The root is resolved once, by the other machine; what is below it is walked by our rules.
Result<std::string> find_root(SftpChannel& channel, const Place& place) {
  const auto shown = to_text(place);
  // Without a directory it is the machine, and not where the account begins.
  const auto asked = place.directory.empty() ? std::string("/") : place.directory;
  // It is mostly the path that was named, so that both questions go on one way.
  std::optional<Reply> early;
  channel.submit(PacketType::lstat, PacketWriter().text(asked).take(),
                 [&](const Reply& came) { early = came; });
  VSTATE_TRY_ASSIGN(const auto reply,
                    channel.ask(PacketType::realpath, PacketWriter().text(asked).take()));
  VSTATE_TRY(channel.wait([&] { return early.has_value(); }));
  if (const auto status = status_of(reply))
    return fail_status(*status, shown, "cannot open", Missing::possible);
  auto root = path_in(reply);
  if (!root || !root->starts_with('/'))
    return fail(Errc::io, fmt::format("{}: the other side does not say where it is", shown));
  if (*root != asked) {
    VSTATE_TRY_ASSIGN(early, channel.ask(PacketType::lstat, PacketWriter().text(*root).take()));
  }
  if (const auto status = status_of(*early))
    return fail_status(*status, shown, "cannot open", Missing::possible);
  const auto there = attributes_in(*early);
  if (!there || !to_info(*there, *root).is_directory())
    return fail(Errc::not_found, fmt::format("{}: is not a directory", shown), Scope::run);
  return *std::move(root);
}

SftpFiles::SftpFiles(std::shared_ptr<Channels> channels, std::string shown_root, std::string root,
                     Tasks tasks)
    : channels_(std::move(channels)),
      shown_root_(std::move(shown_root)),
      tasks_(std::move(tasks)),
      known_(channels_->first(), std::move(root), tasks_),
      listings_ahead_(std::make_shared<ListingsAhead>(channels_->first())),
      far_side_(*this, *channels_, known_, tasks_, *listings_ahead_) {
  channel().sharers().add();
}

SftpFiles::SftpFiles(std::shared_ptr<SftpChannel> channel, const Place& place, std::string root)
    : SftpFiles(std::make_shared<Channels>(std::move(channel)), to_text(place), std::move(root),
                Tasks()) {}

SftpFiles::SftpFiles(Beside other)
    : SftpFiles(other.files.channels_, other.files.shown_root_, other.files.known_.there("/"),
                other.files.tasks_.beside()) {}

SftpFiles::~SftpFiles() { channel().sharers().remove(); }

std::optional<std::string> SftpFiles::directory_at(std::string_view path) const {
  Walk walk(*this, path, reached_as_.find(path));
  if (!walk.go(Walk::Last::followed) || !walk.info().is_directory()) return std::nullopt;
  return walk.reached();
}

Result<std::string> SftpFiles::read(std::string_view path, std::size_t limit) const {
  Walk walk(*this, path, reached_as_.find(path));
  VSTATE_TRY(walk.go(Walk::Last::followed));
  if (!walk.info().is_regular())
    return fail(Errc::invalid, fmt::format("{}: not a regular file", path));
  const auto reached = walk.reached();
  VSTATE_TRY_ASSIGN(const auto parent, known_.look(std::string(path_parent(reached)), path));
  SftpDirectory directory(*this, std::string(path_parent(reached)), std::string(path_parent(path)),
                          walk.as(), parent.value_or(FileInfo()));
  VSTATE_TRY_ASSIGN(const auto file, directory.open_as(std::string(path_name(reached)), path));
  if (file == nullptr) return fail_as(ENOENT, path, "cannot open");
  VSTATE_TRY_ASSIGN(const auto info, file->info());
  if (!info.is_regular()) return fail(Errc::invalid, fmt::format("{}: not a regular file", path));
  if (info.size > limit)
    return fail(Errc::unsupported, fmt::format("{}: larger than {} bytes", path, limit));
  return read_all(*file);
}

Result<FileInfo> SftpFiles::info(std::string_view path) const {
  Walk walk(*this, path, reached_as_.find(path));
  VSTATE_TRY(walk.go(Walk::Last::kept));
  return walk.info();
}

Result<FileInfo> SftpFiles::info_followed(std::string_view path) const {
  Walk walk(*this, path, reached_as_.find(path));
  VSTATE_TRY(walk.go(Walk::Last::followed));
  auto info = walk.info();
  info.is_behind_link = walk.is_behind_link();
  return info;
}

Result<std::shared_ptr<const Directory>> SftpFiles::open_directory(std::string_view path) const {
  Walk walk(*this, path, reached_as_.find(path));
  VSTATE_TRY(walk.go(Walk::Last::followed));
  if (!walk.info().is_directory()) return fail_as(ENOTDIR, path, "cannot open");
  if (walk.as() && !may(walk.info(), actor_of(walk.as()->uid, walk.as()->gid), k_read))
    return fail_as(EACCES, path, "cannot open");
  const auto place = walk.reached();
  return std::make_shared<const SftpDirectory>(*this, place, std::string(path), walk.as(),
                                               walk.info(), begun_listing(place));
}

/// What an inspection has in hand is not taken away from the walk behind it.
std::shared_ptr<Listing> SftpFiles::begun_listing(const std::string& place) const {
  if (known_.listing(place) != nullptr) return nullptr;
  tasks_.add_walked(place);
  return listings_ahead_->take(known_.there(place));
}

Result<std::string> SftpFiles::link_target(std::string_view path) const {
  Walk walk(*this, path, reached_as_.find(path));
  VSTATE_TRY(walk.go(Walk::Last::kept));
  if (!walk.info().is_link()) return fail_as(EINVAL, path, "cannot read link");
  return known_.target(walk.reached(), path);
}

Result<Files::Way> SftpFiles::way_of(std::string_view path) const {
  Walk walk(*this, path, std::nullopt);
  VSTATE_TRY(walk.go_as_far_as_possible());
  auto reached = walk.reached();
  const auto rest = walk.rest();
  if (!rest.empty()) reached = reached == "/" ? rest : reached + rest;
  return Way{std::move(reached), walk.as()};
}

Result<Files::FreeSpace> SftpFiles::free_space(std::string_view path) const {
  constexpr const char* extension = "statvfs@openssh.com";
  if (!channel().has_extension(extension))
    return fail(Errc::unsupported,
                fmt::format("{}: the other side does not tell its free space", path));
  Walk walk(*this, path, reached_as_.find(path));
  VSTATE_TRY(walk.go_as_far_as_possible());
  VSTATE_TRY_ASSIGN(
      const auto reply,
      channel().ask(PacketType::extended,
                    PacketWriter().text(extension).text(known_.there(walk.reached())).take()));
  if (const auto status = status_of(reply))
    return fail_status(*status, path, "cannot ask for free space", Missing::possible);
  PacketReader reader(reply.fields);
  (void)reader.large();  // of a block, as it is best read
  const auto block = reader.large();
  (void)reader.large();  // blocks, and those that root may use
  (void)reader.large();
  const auto available = reader.large();
  const auto files = reader.large();
  (void)reader.large();
  FreeSpace space{available * block, std::nullopt};
  if (const auto left = reader.large(); files > 0) space.inodes = left;
  if (!reader.is_whole())
    return fail(Errc::io, fmt::format("{}: the other side sent half of its free space", path));
  return space;
}

Result<std::optional<SystemAccount>> SftpFiles::account(std::string_view name) const {
  return find_in_passwd(*this, name);
}

bool SftpFiles::is_reached_as_another(std::string_view path) const {
  return reached_as_.find(path).has_value();
}

void SftpFiles::reach_as(std::string path, Identity as) { reached_as_.add(std::move(path), as); }

/// The ways there are as they were; what stands at their ends is asked for anew.
Result<std::vector<std::optional<FileInfo>>> SftpFiles::look_again(
    const std::vector<std::string>& paths) const {
  known_.expect(paths);
  std::vector<std::optional<FileInfo>> found(paths.size());
  std::optional<Error> failure;
  std::size_t left = 0;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    Walk walk(*this, paths[i], reached_as_.find(paths[i]));
    if (const auto gone = walk.go(Walk::Last::followed); !gone) {
      if (gone.error().code == Errc::not_found) continue;
      failure = gone.error();
      break;
    }
    const auto place = known_.there(walk.reached());
    const std::lock_guard lock(channel().mutex());
    ++left;
    channel().submit(PacketType::lstat, PacketWriter().text(place).take(),
                     [&, i, place](const Reply& reply) {
                       --left;
                       const auto info = look_in(reply, place, paths[i]);
                       if (info)
                         found[i] = *info;
                       else if (!failure)
                         failure = info.error();
                     });
  }
  VSTATE_TRY(channel().wait([&] { return left == 0; }));
  if (failure) return tl::unexpected<Error>(*failure);
  return found;
}

void SftpFiles::forget() const {
  known_.forget();
  listings_ahead_->forget();
}

}  // namespace vstate::remote
