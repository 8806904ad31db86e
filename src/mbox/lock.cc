// All three locks are tried together and let go together, so that two programs which take them in
// different orders do not wait for each other.

#include "mbox/lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "sys/io.h"
#include "sys/path.h"

namespace vstate::mbox {

namespace {

constexpr std::int64_t k_stale_seconds = 300;

bool is_held(int error) { return error == EAGAIN || error == EACCES || error == EWOULDBLOCK; }

}  // namespace

Lock::Lock(Lock&& other) noexcept
    : directory_(other.directory_),
      dot_name_(std::move(other.dot_name_)),
      has_dot_lock_(std::exchange(other.has_dot_lock_, false)),
      are_signals_held_(std::exchange(other.are_signals_held_, false)),
      before_(other.before_),
      file_(std::move(other.file_)) {}

void Lock::release() {
  if (std::exchange(has_dot_lock_, false)) unlinkat(directory_, dot_name_.c_str(), 0);
  if (file_.is_open()) {
    struct flock none {};
    none.l_type = F_UNLCK;
    none.l_whence = SEEK_SET;
    (void)fcntl(file_.get(), F_SETLK, &none);
    (void)flock(file_.get(), LOCK_UN);
  }
  if (std::exchange(are_signals_held_, false)) pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

Lock::Outcome Lock::try_dot_lock() {
  Handle made(openat(directory_, dot_name_.c_str(),
                     O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (made.is_open()) {
    has_dot_lock_ = true;
    (void)write_all(made.get(), fmt::format("{}\n", getpid()), dot_name_);
    return Outcome::taken;
  }
  // Where none can be made, others make none either, or have rights that vstate has not.
  if (errno != EEXIST) return Outcome::taken;
  struct stat st {};
  if (fstatat(directory_, dot_name_.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) return Outcome::busy;
  return std::time(nullptr) - st.st_mtime > k_stale_seconds ? Outcome::taken : Outcome::busy;
}

Lock::Outcome Lock::try_all(int file) {
  if (try_dot_lock() == Outcome::busy) return Outcome::busy;
  struct flock reading {};
  reading.l_type = F_RDLCK;
  reading.l_whence = SEEK_SET;
  if (fcntl(file, F_SETLK, &reading) != 0 && is_held(errno)) return Outcome::busy;
  if (flock(file, LOCK_SH | LOCK_NB) != 0 && is_held(errno)) return Outcome::busy;
  return Outcome::taken;
}

Result<Lock> Lock::take(const Directory& directory, const std::string& name, const OpenFile& file,
                        std::chrono::milliseconds patience) {
  if (directory.descriptor() < 0 || file.descriptor() < 0) return Lock();
  const auto deadline = std::chrono::steady_clock::now() + patience;
  sigset_t ending{};
  sigemptyset(&ending);
  for (const int signal : {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE}) sigaddset(&ending, signal);
  while (true) {
    Lock lock;
    lock.directory_ = directory.descriptor();
    lock.dot_name_ = name + ".lock";
    lock.are_signals_held_ = pthread_sigmask(SIG_BLOCK, &ending, &lock.before_) == 0;
    lock.file_ = Handle(fcntl(file.descriptor(), F_DUPFD_CLOEXEC, 0));
    if (lock.try_all(lock.file_.get()) == Outcome::taken) return lock;
    lock.release();
    if (std::chrono::steady_clock::now() >= deadline)
      return fail(Errc::busy,
                  fmt::format("{}: another program has locked it for {} seconds ({}.lock, fcntl or "
                              "flock); run it again",
                              path_join(directory.path(), name), patience.count() / 1000, name));
    constexpr std::chrono::milliseconds pause{100};
    std::this_thread::sleep_for(pause);
  }
}

}  // namespace vstate::mbox
