// What tests in memory show holds on a disk as far as both answer alike.

#include "support/memory_files.h"

#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <set>

#include <fmt/format.h>
#include <rapidcheck.h>

#include "support/catch.h"
#include "support/mail_sandbox.h"
#include "sys/local_files.h"
#include "sys/path.h"

using namespace vstate;
using namespace vstate::test;

namespace {

template <class Value>
std::string failure_of(const Result<Value>& result) {
  return fmt::format("fails with {}", static_cast<int>(result.error().code));
}

std::string told(const Result<FileInfo>& info) {
  if (!info) return failure_of(info);
  return fmt::format("type {} mode {:o} {}", static_cast<int>(info->type),
                     info->is_link() ? 0 : info->mode, info->is_behind_link ? "behind a link" : "");
}

std::string told(const Result<std::string>& text) { return text ? *text : failure_of(text); }

std::string told(const Result<Files::Way>& way) {
  if (!way) return failure_of(way);
  return way->made_by ? fmt::format("{} by {}", way->path, way->made_by->uid) : way->path;
}

std::string told(const Result<std::vector<DirEntry>>& entries) {
  if (!entries) return failure_of(entries);
  std::string out;
  for (const auto& entry : *entries)
    out += fmt::format("{}:{} ", entry.name, static_cast<int>(entry.type));
  return out;
}

/// What a directory's handle says of a name in it.
std::string told_by_handle(const Files& files, const std::string& path, const std::string& name) {
  const auto directory = files.open_directory(path);
  if (!directory) return failure_of(directory);
  const auto info = (*directory)->look(name);
  const auto below = (*directory)->open(name);
  const auto target = (*directory)->link_target(name);
  std::string out;
  out += info ? (*info ? told(Result<FileInfo>(**info)) : "not there") : failure_of(info);
  out += below ? (*below ? ", a directory" : ", none") : failure_of(below);
  out += target ? ", " + target->value_or("nothing") : failure_of(target);
  const auto file = (*directory)->open_file(name);
  out += file ? (*file ? ", opens" : ", does not") : failure_of(file);
  return out;
}

std::string told(const Files& files, const std::string& path) {
  return fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n{}", told(files.info(path)),
                     told(files.info_followed(path)), told(files.read(path, 3)),
                     told(files.link_target(path)), told(files.way_of(path)),
                     told(files.list(path)), told_by_handle(files, path, "a"));
}

/// One of a few names, so that paths meet.
rc::Gen<std::string> any_name() { return rc::gen::element<std::string>("a", "b", "c", "..", "."); }

std::string any_path(int most) {
  std::string path;
  const auto count = *rc::gen::inRange(1, most + 1);
  for (int i = 0; i < count; ++i) path += "/" + *any_name();
  return path;
}

/// The same tree on a disk and in memory.
struct Twin {
  MailSandbox disk;
  MemoryFiles memory;

  void grow() {
    std::set<std::string> directories{""};
    for (const auto* place : {"/a", "/b", "/c", "/a/a", "/a/b", "/b/a", "/a/b/c"}) {
      if (!directories.contains(std::string(path_parent(place)))) continue;
      switch (*rc::gen::inRange(0, 5)) {
        case 0:
        case 1:
          disk.directory(place, 0755);
          memory.directory(place, 0755);
          directories.insert(place);
          break;
        case 2: {
          const auto bytes = *rc::gen::element<std::string>("", "123", "1234");
          disk.file(place, bytes, 0, 0640);
          memory.file(place, bytes, 0640);
          break;
        }
        case 3: {
          const auto path = any_path(3);
          const auto target = *rc::gen::arbitrary<bool>() ? path : path.substr(1);
          fs::create_symlink(target, disk.host(place));
          memory.link(place, target);
          break;
        }
        default:
          break;
      }
    }
  }
};

}  // namespace

TEST_CASE("files in memory answer as those of a disk do", "[sys][law]") {
  CHECK(rc::check("both say the same of any path", [] {
    Twin twin;
    twin.grow();
    const LocalFiles disk(twin.disk.root());
    for (int i = 0; i < 20; ++i) {
      const auto path = any_path(5);
      RC_LOG() << path;
      RC_ASSERT(told(disk, path) == told(twin.memory, path));
    }
  }));
}

TEST_CASE("who made a link decides what is behind it, in memory and on a disk", "[sys]") {
  if (geteuid() != 0) SKIP("only root follows links as others");
  const MailSandbox box;
  MemoryFiles memory;
  const auto both = [&](const std::string& path, unsigned mode) {
    fs::create_directories(box.host(path));
    chmod(box.host(path).c_str(), mode);
    memory.directory(path, mode);
  };
  both("/shut", 0700);
  both("/shut/in", 0755);
  both("/open", 0755);
  for (const auto* path : {"/shut/in/file", "/open/secret"}) {
    std::ofstream(box.host(path)) << "text";
    chmod(box.host(path).c_str(), 0600);
    memory.file(path, "text", 0600);
  }
  for (const auto& [name, target] :
       {std::pair("/theirs", "/shut/in/file"), std::pair("/roots", "/shut/in/file"),
        std::pair("/secret", "/open/secret"), std::pair("/directory", "/shut/in")}) {
    fs::create_symlink(target, box.host(name));
    memory.link(name, target);
    if (std::string(name) == "/roots") continue;
    REQUIRE(lchown(box.host(name).c_str(), 89, 89) == 0);
    memory.own(name, 89, 89);
  }
  LocalFiles disk(box.root());
  for (const auto* path : {"/theirs", "/roots", "/secret", "/directory", "/directory/file"}) {
    INFO(path);
    CHECK(told(disk, path) == told(memory, path));
  }
  CHECK(memory.read("/roots") == "text");
  CHECK(memory.read("/theirs").error().code == Errc::denied);
  disk.reach_as("/open", {89, 89});
  memory.reach_as("/open", {89, 89});
  CHECK(told(disk, "/open/secret") == told(memory, "/open/secret"));
  CHECK(memory.read("/open/secret").error().code == Errc::denied);
  CHECK(memory.is_reached_as_another("/open/secret"));
}

TEST_CASE("a fault is where it was planted", "[sys]") {
  MemoryFiles files;
  files.file("/d/file", "text");
  files.file("/d/other", "text");
  files.plant("/d/file", Fault::read, EIO);
  CHECK(files.info("/d/file"));
  CHECK(files.read("/d/file").error().code == Errc::io);
  CHECK(files.read("/d/other") == "text");
  files.plant("/d/file", Fault::look, EACCES);
  CHECK(files.info("/d/file").error().code == Errc::denied);
  CHECK(files.look("/d/file").error().code == Errc::denied);
  CHECK(files.list("/d")->size() == 2);
  files.plant("/d", Fault::open, EIO);
  CHECK(files.info("/d")->is_directory());
  CHECK(files.info("/d/other").error().code == Errc::io);
  CHECK(files.list("/d").error().code == Errc::io);
}
