// Delivering an archive.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include <fmt/format.h>

#include "compare_impl.h"
#include "vstate/mail/deliver.h"

namespace vstate {

namespace {

using mail::Comparison;
using mail::Presence;
using mail::SharedHandle;
using mail::Target;

/// A file that is written and waits for its rename.
struct Built {
  std::string path;       ///< final, relative
  std::string build_in;   ///< directory of the temporary, relative
  std::string temporary;  ///< its name there
  std::uint64_t size = 0;
  bool is_message = false;
  bool is_replacing = false;
};

/// Runs while the thread acts as the owner.
class Delivery {
 public:
  Delivery(System& system, Target& target, const Comparison& comparison)
      : system_(system), target_(target), comparison_(comparison) {}

  Status make_directories();
  /// All wanted messages and files; stops reading after the last.
  Status deliver_files(mail::Reader&);
  Status make_links();
  /// What was counted is on the disk afterwards.
  Status finish();
  [[nodiscard]] const DeliveryCount& count() const { return count_; }

 private:
  static constexpr std::size_t k_batch_files = 4096;
  static constexpr std::uint64_t k_batch_bytes = std::uint64_t{64} << 20;

  Status step(std::string_view path) { return system_.before_step("deliver", target_.full(path)); }
  Status make_directory(const std::string& path, unsigned mode);
  Status make_link(const mail::WantedLink&);
  Result<Built> plan(const mail::ReadEntry&);
  Status build(mail::Reader&, const Built&);
  Status write(mail::Reader&, int directory, const Built&);
  Status flush();
  Status place(const Built&);
  void remove_built();

  System& system_;
  Target& target_;
  const Comparison& comparison_;
  DeliveryCount count_;
  std::vector<Built> built_;
  std::uint64_t built_bytes_ = 0;
  bool has_written_ = false;
};

Status Delivery::make_directories() {
  for (const auto& [path, wanted] : comparison_.directories)
    if (wanted.presence == Presence::absent) VSTATE_TRY(make_directory(path, wanted.mode));
  return {};
}

Status Delivery::make_directory(const std::string& path, unsigned mode) {
  VSTATE_TRY(step(path));
  VSTATE_TRY_ASSIGN(const auto parent, target_.directory(path_parent(path)));
  if (mkdirat(parent->get(), std::string(path_name(path)).c_str(), mode) != 0) {
    if (errno == EEXIST) return {};
    return fail_errno(target_.full(path), "cannot make the directory");
  }
  has_written_ = true;
  ++count_.files;
  return {};
}

/// Names of temporaries follow from the final name, so that the run after a killed one finds them.
Result<Built> Delivery::plan(const mail::ReadEntry& entry) {
  Built built;
  built.path = entry.path;
  built.size = entry.size;
  built.is_message = entry.is_message;
  built.is_replacing = comparison_.replaced.contains(entry.number);
  built.build_in = path_parent(entry.path);
  if (!entry.is_message) {
    built.temporary = path_name(System::temporary_of(entry.path));
    return built;
  }
  const auto message = *mail::as_message(entry.path);
  std::string unique(message.unique);
  if (const auto variant = comparison_.variants.find(entry.number);
      variant != comparison_.variants.end()) {
    built.path = mail::relative_join(
        message.directory, variant->second + std::string(message.name.substr(unique.size())));
    unique = variant->second;
  }
  const auto hash = hash_name(unique);
  const auto name = fmt::format("vstate.{:016x}{:016x}", hash.high, hash.low);
  auto place = mail::relative_join(message.folder, "tmp");
  if (const auto found = target_.directory(place)) {
    built.build_in = std::move(place);
    built.temporary = name;
  } else {
    built.temporary = path_name(System::temporary_of(name));
  }
  return built;
}

Status Delivery::deliver_files(mail::Reader& reader) {
  auto left = static_cast<std::uint64_t>(
      std::count(comparison_.wanted.begin(), comparison_.wanted.end(), true));
  while (left > 0) {
    VSTATE_TRY_ASSIGN(const bool is_there, reader.next());
    if (!is_there) break;
    const auto& entry = reader.entry();
    if (entry.number >= comparison_.wanted.size() || !comparison_.wanted[entry.number]) continue;
    --left;
    if (comparison_.is_blocked(path_parent(entry.path))) continue;
    VSTATE_TRY_ASSIGN(auto built, plan(entry));
    VSTATE_TRY(step(built.path));
    auto status = build(reader, built);
    if (!status) {
      remove_built();
      return status;
    }
    built_bytes_ += built.size;
    built_.push_back(std::move(built));
    if (built_.size() >= k_batch_files || built_bytes_ >= k_batch_bytes) VSTATE_TRY(flush());
  }
  return flush();
}

Status Delivery::build(mail::Reader& reader, const Built& built) {
  VSTATE_TRY_ASSIGN(const auto place, target_.directory(built.build_in));
  has_written_ = true;
  auto status = write(reader, place->get(), built);
  if (!status) {
    unlinkat(place->get(), built.temporary.c_str(), 0);
  }
  return status;
}

Status Delivery::write(mail::Reader& reader, int place, const Built& built) {
  const auto& entry = reader.entry();
  const auto where = target_.full(built.path);
  const mode_t mode = entry.is_message ? 0600U : (entry.mode & 0755U) | 0600U;
  const char* name = built.temporary.c_str();
  const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  Handle file(openat(place, name, flags, mode));
  if (!file.is_open() && errno == EEXIST) {
    // Of a stopped run; it is never written into, since it may be anything.
    if (unlinkat(place, name, 0) != 0)
      return fail_errno(where, "cannot remove a left-over temporary");
    file = Handle(openat(place, name, flags, mode));
  }
  if (!file.is_open()) return fail_errno(where, "cannot create the temporary");
  VSTATE_TRY(reader.read([&](std::string_view part) -> Status {
    while (!part.empty()) {
      const auto count = ::write(file.get(), part.data(), part.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return fail_errno(where, "cannot write");
      part.remove_prefix(static_cast<std::size_t>(count));
    }
    return {};
  }));
  const std::array<timespec, 2> times{timespec{0, UTIME_OMIT}, timespec{entry.mtime, 0}};
  if (futimens(file.get(), times.data()) != 0) return fail_errno(where, "cannot set the time");
  if (!file.close()) return fail_errno(where, "cannot close");
  return {};
}

Status Delivery::flush() {
  if (built_.empty()) return {};
  if (syncfs(target_.root()) != 0) {
    auto failure = fail_errno(target_.path(), "cannot write to the disk");
    remove_built();
    return failure;
  }
  for (const auto& built : built_) {
    VSTATE_TRY(step(built.path));
    if (auto status = place(built); !status) {
      remove_built();
      return status;
    }
  }
  built_.clear();
  built_bytes_ = 0;
  return {};
}

Status Delivery::place(const Built& built) {
  VSTATE_TRY_ASSIGN(const auto from, target_.directory(built.build_in));
  VSTATE_TRY_ASSIGN(const auto to, target_.directory(path_parent(built.path)));
  const std::string name(path_name(built.path));
  const char* temporary = built.temporary.c_str();
  int failed = renameat2(from->get(), temporary, to->get(), name.c_str(),
                         built.is_replacing ? 0U : static_cast<unsigned>(RENAME_NOREPLACE));
  if (failed != 0 && !built.is_replacing && (errno == EINVAL || errno == ENOSYS)) {
    // The file system cannot rename like that (NFS): link and unlink, as delivery agents did.
    failed = linkat(from->get(), temporary, to->get(), name.c_str(), 0);
    if (failed == 0) unlinkat(from->get(), temporary, 0);
  }
  if (failed != 0) {
    const bool is_taken = errno == EEXIST;
    auto failure = fail_errno(target_.full(built.path), "cannot rename the temporary");
    unlinkat(from->get(), temporary, 0);
    if (is_taken)
      return fail(Errc::conflict,
                  fmt::format("{}: appeared meanwhile; run it again", target_.full(built.path)));
    return failure;
  }
  ++(built.is_message ? count_.messages : count_.files);
  count_.bytes += built.size;
  return {};
}

/// After an error that is no interruption: a full disk gets its room back.
void Delivery::remove_built() {
  for (const auto& built : built_) {
    const auto place = target_.directory(built.build_in);
    if (place) unlinkat((*place)->get(), built.temporary.c_str(), 0);
  }
  built_.clear();
}

Status Delivery::make_links() {
  for (const auto& link : comparison_.links) {
    const bool is_wanted = link.presence == Presence::absent || link.is_replaced;
    if (is_wanted && !comparison_.is_blocked(path_parent(link.path))) VSTATE_TRY(make_link(link));
  }
  return {};
}

Status Delivery::make_link(const mail::WantedLink& link) {
  VSTATE_TRY(step(link.path));
  VSTATE_TRY_ASSIGN(const auto parent, target_.directory(path_parent(link.path)));
  const int place = parent->get();
  const std::string name(path_name(link.path));
  const std::string temporary(path_name(System::temporary_of(link.path)));
  has_written_ = true;
  unlinkat(place, temporary.c_str(), 0);
  if (symlinkat(link.target.c_str(), place, link.is_replaced ? temporary.c_str() : name.c_str()) !=
          0 ||
      (link.is_replaced && renameat(place, temporary.c_str(), place, name.c_str()) != 0)) {
    auto failure = fail_errno(target_.full(link.path), "cannot make the link");
    if (link.is_replaced) unlinkat(place, temporary.c_str(), 0);
    return failure;
  }
  ++count_.files;
  return {};
}

Status Delivery::finish() {
  if (has_written_ && syncfs(target_.root()) != 0)
    return fail_errno(target_.path(), "cannot write to the disk");
  for (const auto& [path, wanted] : comparison_.directories)
    if (wanted.presence == Presence::blocked)
      return fail(Errc::conflict,
                  fmt::format("{}: a link or a file here, and a directory in the archive; what is "
                              "below it was not delivered; move it away and run it again",
                              target_.full(path)));
  return {};
}

}  // namespace

Result<DeliveryCount> extract_archive(System& system, const std::string& archive,
                                      std::string_view directory, Owner owner,
                                      OnDifference on_difference, ExtractLimits limits) {
  VSTATE_TRY_ASSIGN(auto target, Target::open(system, directory));
  mail::Comparer comparer(archive, target ? &*target : nullptr, {on_difference, limits, false});
  VSTATE_TRY_ASSIGN(const auto comparison, comparer.run());
  if (comparison.status.is_whole()) return DeliveryCount{};
  if (!target) {
    VSTATE_TRY(system.make_directory(directory, {owner.uid, owner.gid, 0700}));
    VSTATE_TRY_ASSIGN(target, Target::open(system, directory));
    if (!target) return fail(Errc::not_found, fmt::format("{}: vanished", directory));
  }
  VSTATE_TRY_ASSIGN(auto reader, mail::Reader::open(archive, limits));
  if (reader.identity() != comparison.identity)
    return fail(Errc::conflict, fmt::format("{}: was changed meanwhile; run it again", archive));
  reader.adopt(comparison.hard_links);
  // Once, not for each file: the kernel makes new credentials at each change.
  const ActingAs acting(owner.uid, owner.gid);
  Delivery delivery(system, *target, comparison);
  VSTATE_TRY(delivery.make_directories());
  VSTATE_TRY(delivery.deliver_files(reader));
  VSTATE_TRY(delivery.make_links());
  VSTATE_TRY(delivery.finish());
  return delivery.count();
}

}  // namespace vstate
