// The system calls that copying a tree cannot do without, one after the other: what is left to gain
// by any program that makes the same files with their owners and times. FLOOR SOURCE TARGET
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <string>

namespace {

int copy_tree(int from, int to) {
  DIR* directory = fdopendir(dup(from));
  if (directory == nullptr) return 1;
  while (const dirent* entry = readdir(directory)) {
    const char* name = entry->d_name;
    if (std::strcmp(name, ".") == 0 || std::strcmp(name, "..") == 0) continue;
    struct stat st {};
    if (entry->d_type == DT_DIR) {
      const int below = openat(from, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      if (below < 0 || fstat(below, &st) != 0 || mkdirat(to, name, st.st_mode & 07777U) != 0)
        return 1;
      const int made = openat(to, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      if (made < 0 || fchown(made, st.st_uid, st.st_gid) != 0 || copy_tree(below, made) != 0)
        return 1;
      close(below);
      close(made);
      continue;
    }
    const int source = openat(from, name, O_RDONLY | O_CLOEXEC);
    if (source < 0 || fstat(source, &st) != 0) return 1;
    const int target =
        openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, st.st_mode & 0777U);
    if (target < 0 || fchown(target, st.st_uid, st.st_gid) != 0) return 1;
    for (off_t left = st.st_size; left > 0;) {
      const auto count =
          copy_file_range(source, nullptr, target, nullptr, static_cast<std::size_t>(left), 0);
      if (count <= 0) return 1;
      left -= count;
    }
    const timespec times[2] = {{0, UTIME_OMIT}, st.st_mtim};
    if (futimens(target, times) != 0) return 1;
    close(source);
    close(target);
  }
  closedir(directory);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 || mkdir(argv[2], 0700) != 0) return 2;
  umask(0);
  const int from = open(argv[1], O_RDONLY | O_DIRECTORY);
  const int to = open(argv[2], O_RDONLY | O_DIRECTORY);
  return from < 0 || to < 0 ? 2 : copy_tree(from, to);
}
