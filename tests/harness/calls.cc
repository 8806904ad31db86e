#include "harness/calls.h"

#include <sys/syscall.h>

// NOLINTNEXTLINE(readability-function-size): a table
Calls make_calls() {
  const auto change = Kind::change, read = Kind::read, open = Kind::open;
  const auto fd = Names::descriptor, path = Names::path, path_at = Names::path_at;
  Calls calls{
      {SYS_write, {"write", change, fd, 0}},
      {SYS_pwrite64, {"pwrite", change, fd, 0}},
      {SYS_writev, {"writev", change, fd, 0}},
      {SYS_pwritev, {"pwritev", change, fd, 0}},
      {SYS_copy_file_range, {"copy_file_range", change, fd, 2}},
      {SYS_sendfile, {"sendfile", change, fd, 0}},
      {SYS_splice, {"splice", change, fd, 2}},
      {SYS_renameat2, {"renameat2", change, path_at, 2}},
      {SYS_unlinkat, {"unlinkat", change, path_at, 0}},
      {SYS_mkdirat, {"mkdirat", change, path_at, 0}},
      {SYS_mknodat, {"mknodat", change, path_at, 0}},
      {SYS_linkat, {"linkat", change, path_at, 2}},
      {SYS_symlinkat, {"symlinkat", change, path_at, 1}},
      {SYS_fchmod, {"fchmod", change, fd, 0}},
      {SYS_fchmodat, {"fchmodat", change, path_at, 0}},
      {SYS_fchown, {"fchown", change, fd, 0}},
      {SYS_fchownat, {"fchownat", change, path_at, 0}},
      {SYS_utimensat, {"utimensat", change, path_at, 0}},
      {SYS_truncate, {"truncate", change, path, 0}},
      {SYS_ftruncate, {"ftruncate", change, fd, 0}},
      {SYS_fallocate, {"fallocate", change, fd, 0}},
      {SYS_fsync, {"fsync", change, fd, 0}},
      {SYS_fdatasync, {"fdatasync", change, fd, 0}},
      {SYS_syncfs, {"syncfs", change, fd, 0}},
      {SYS_kill, {"kill", change, Names::nothing, 0}},
      {SYS_sendto, {"sendto", Kind::send, fd, 0}},
      {SYS_sendmsg, {"sendmsg", Kind::send, fd, 0}},
      {SYS_fcntl, {"lock", Kind::lock, fd, 0}},
      {SYS_openat, {"openat", open, path_at, 0}},
      {SYS_openat2, {"openat2", open, path_at, 0}},
      {SYS_read, {"read", read, fd, 0}},
      {SYS_pread64, {"pread", read, fd, 0}},
      {SYS_readv, {"readv", read, fd, 0}},
      {SYS_preadv, {"preadv", read, fd, 0}},
      {SYS_copy_file_range, {"copy_file_range", read, fd, 0}},
      {SYS_sendfile, {"sendfile", read, fd, 1}},
      {SYS_getdents64, {"getdents", read, fd, 0}},
      {SYS_fstat, {"fstat", read, fd, 0}},
      {SYS_newfstatat, {"fstatat", read, path_at, 0}},
      {SYS_statx, {"statx", read, path_at, 0}},
      {SYS_readlinkat, {"readlinkat", read, path_at, 0}},
      {SYS_faccessat, {"faccessat", read, path_at, 0}},
      {SYS_statfs, {"statfs", read, path, 0}},
      {SYS_fstatfs, {"fstatfs", read, fd, 0}},
  };
#ifdef SYS_faccessat2
  calls.insert({SYS_faccessat2, {"faccessat2", read, path_at, 0}});
#endif
#ifdef SYS_fchmodat2
  calls.insert({SYS_fchmodat2, {"fchmodat2", change, path_at, 0}});
#endif
#ifdef SYS_renameat
  calls.insert({SYS_renameat, {"renameat", change, path_at, 2}});
#endif
#ifdef SYS_open  // the older calls, which arm64 does not have
  calls.insert({{SYS_open, {"open", open, path, 0}},
                {SYS_creat, {"creat", change, path, 0}},
                {SYS_rename, {"rename", change, path, 1}},
                {SYS_unlink, {"unlink", change, path, 0}},
                {SYS_rmdir, {"rmdir", change, path, 0}},
                {SYS_mkdir, {"mkdir", change, path, 0}},
                {SYS_mknod, {"mknod", change, path, 0}},
                {SYS_link, {"link", change, path, 1}},
                {SYS_symlink, {"symlink", change, path, 1}},
                {SYS_chmod, {"chmod", change, path, 0}},
                {SYS_chown, {"chown", change, path, 0}},
                {SYS_lchown, {"lchown", change, path, 0}},
                {SYS_utime, {"utime", change, path, 0}},
                {SYS_utimes, {"utimes", change, path, 0}},
                {SYS_stat, {"stat", read, path, 0}},
                {SYS_lstat, {"lstat", read, path, 0}},
                {SYS_readlink, {"readlink", read, path, 0}},
                {SYS_access, {"access", read, path, 0}}});
#endif
  return calls;
}
