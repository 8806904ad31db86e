/// \file
/// A server's root in a temporary directory, mailboxes in it, and hand-made archives.
#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "archive/archive.h"
#include "vstate/model/server.h"

namespace vstate::test {

namespace fs = std::filesystem;

inline Owner mail_owner() { return geteuid() == 0 ? Owner{89, 89} : Owner{getuid(), getgid()}; }

class MailSandbox {
 public:
  MailSandbox() {
    const bool has_memory = access("/dev/shm", W_OK) == 0;
    std::string name =
        (has_memory ? "/dev/shm" : fs::temp_directory_path().string()) + "/vstate-mail-XXXXXX";
    base = mkdtemp(name.data());
    fs::create_directory(base + "/root");
    chmod((base + "/root").c_str(), 0755);
  }
  ~MailSandbox() { fs::remove_all(base); }
  MailSandbox(const MailSandbox&) = delete;
  MailSandbox& operator=(const MailSandbox&) = delete;

  [[nodiscard]] std::string root() const { return base + "/root"; }
  [[nodiscard]] std::string host(const std::string& path) const { return root() + path; }
  [[nodiscard]] std::string outside(const std::string& name) const { return base + "/" + name; }

  void own(const std::string& path) const {
    const auto owner = mail_owner();
    if (geteuid() == 0 && lchown(host(path).c_str(), owner.uid, owner.gid) != 0) std::abort();
  }
  void directory(const std::string& path, unsigned mode = 0700) const {
    fs::create_directories(host(path));
    chmod(host(path).c_str(), mode);
    own(path);
  }
  void maildir(const std::string& path) const {
    directory(path);
    for (const auto* part : {"/new", "/cur", "/tmp"}) directory(path + part);
  }
  void file(const std::string& path, const std::string& content, std::int64_t mtime = 1700000000,
            unsigned mode = 0600) const {
    std::ofstream(host(path), std::ios::binary) << content;
    chmod(host(path).c_str(), mode);
    own(path);
    const std::array<timespec, 2> times{timespec{mtime, 0}, timespec{mtime, 123456789}};
    utimensat(AT_FDCWD, host(path).c_str(), times.data(), 0);
  }
  void link(const std::string& path, const std::string& target) const {
    fs::create_symlink(target, host(path));
    own(path);
  }
  [[nodiscard]] std::string content(const std::string& path) const { return slurp(host(path)); }
  [[nodiscard]] bool exists(const std::string& path) const {
    return fs::symlink_status(host(path)).type() != fs::file_type::not_found;
  }
  static std::string slurp(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }

  /// Everything below a path that a second run could change.
  [[nodiscard]] std::map<std::string, std::string> snapshot(const std::string& path) const {
    std::map<std::string, std::string> out;
    for (const auto& entry : fs::recursive_directory_iterator(host(path))) {
      struct stat st {};
      lstat(entry.path().c_str(), &st);
      std::stringstream text;
      text << st.st_ino << ' ' << st.st_mode << ' ' << st.st_uid << ' ' << st.st_gid << ' '
           << st.st_size << ' ' << st.st_mtim.tv_sec << '.' << st.st_mtim.tv_nsec << ' '
           << st.st_ctim.tv_sec << '.' << st.st_ctim.tv_nsec;
      out[entry.path().lexically_relative(host(path)).string()] = text.str();
    }
    return out;
  }
  [[nodiscard]] std::vector<std::string> paths(const std::string& path) const {
    std::vector<std::string> out;
    for (const auto& [name, ignored] : snapshot(path)) out.push_back(name);
    return out;
  }
  [[nodiscard]] bool has_temporaries(const std::string& path) const {
    for (const auto& name : paths(path))
      if (name.find("vstate") != std::string::npos) return true;
    return false;
  }

  std::string base;
};

/// A mailbox with one of everything that travels.
inline void fill_mailbox(const MailSandbox& box, const std::string& home) {
  box.directory(home);
  box.maildir(home + "/Maildir");
  box.maildir(home + "/Maildir/.Entw&APw-rfe");
  box.maildir(home + "/Maildir/.Sent.2024");
  box.maildir(home + "/Maildir/.leer");
  box.file(home + "/Maildir/.Sent.2024/maildirfolder", "");
  box.file(home + "/Maildir/new/1700000001.M1P1.old,S=4", "new1");
  box.file(home + "/Maildir/cur/1700000002.M2P2.old,S=5:2,RS", "cur-2", 1600000000);
  box.file(home + "/Maildir/cur/1700000003.no-size:2,", "without a size in its name");
  box.file(home + "/Maildir/cur/1700000004.lies,S=999:2,Sab", "compressed");
  box.file(home + "/Maildir/.Sent.2024/cur/1700000005.M5P5.old,S=0:2,S", "");
  box.file(home + "/Maildir/.Entw&APw-rfe/new/1700000006.M6P6.old,S=12", "hello\0world\n");
  box.file(home + "/Maildir/.Entw&APw-rfe/new/1700000007.M7P7.old,S=3000000",
           std::string(3000000, 'x'));
  box.file(home + "/Maildir/dovecot-uidlist", "3 V1 N8 Gabc\n", 1650000000);
  box.file(home + "/Maildir/subscriptions", "Sent\n", 1650000001, 0644);
  box.directory(home + "/sieve", 0755);
  box.file(home + "/sieve/main.sieve", "keep;\n");
  box.file(home + "/sieve/run", "#!/bin/sh\n", 1650000002, 0755);
  box.file(home + "/caf\xe9", "a name that is not UTF-8");
  box.link(home + "/.dovecot.sieve", "sieve/main.sieve");
  box.link(home + "/sieve/up", "../Maildir/subscriptions");
}

struct TarItem {
  std::string path;
  unsigned type = AE_IFREG;
  std::string content;
  std::string link;  ///< symbolic or, with `is_hard`, hard
  bool is_hard = false;
  unsigned mode = 0600;
};

/// A tar as another program might write it.
inline void make_tar(const std::string& path, const std::vector<TarItem>& items,
                     bool is_zstd = true) {
  auto* writer = archive_write_new();
  archive_write_set_format_pax_restricted(writer);
  if (is_zstd) archive_write_add_filter_zstd(writer);
  archive_write_open_filename(writer, path.c_str());
  for (const auto& item : items) {
    auto* entry = archive_entry_new();
    archive_entry_set_pathname(entry, item.path.c_str());
    archive_entry_set_filetype(entry, item.type);
    archive_entry_set_perm(entry, item.mode);
    archive_entry_set_uid(entry, 1234);
    archive_entry_set_uname(entry, "somebody");
    archive_entry_set_mtime(entry, 1700000000, 500);
    archive_entry_set_size(entry, static_cast<la_int64_t>(item.content.size()));
    if (item.is_hard)
      archive_entry_set_hardlink(entry, item.link.c_str());
    else if (!item.link.empty())
      archive_entry_set_symlink(entry, item.link.c_str());
    archive_write_header(writer, entry);
    if (!item.content.empty()) archive_write_data(writer, item.content.data(), item.content.size());
    archive_entry_free(entry);
  }
  archive_write_close(writer);
  archive_write_free(writer);
}

inline TarItem tar_directory(const std::string& path) {
  return {path, AE_IFDIR, {}, {}, false, 0700};
}

/// The digest of what a directory holds.
inline std::string digest_of(const System& system, const std::string& directory) {
  const auto summary = write_archive(system, {directory}, "");
  return summary ? summary->sha256 : summary.error().message;
}

}  // namespace vstate::test
