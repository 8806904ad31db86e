/// \file
/// convert_maildir MAILDIR IDENTITY  turns Courier's files of a whole Maildir into Dovecot's, in
///                                   place, and names on standard error what could not be carried.
/// Only for the tests: it does with plain file calls what a target's Maildir gets, so that a real
/// Dovecot can be asked about `convert_courier_folder`. Courier's files stay.

#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>

#include <sys/stat.h>
#include <unistd.h>

#include "vstate/format/uid_files.h"

namespace fs = std::filesystem;
using namespace vstate::uid_files;

namespace {

std::optional<std::string> read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(in), {});
}

/// With the owner of its directory; an empty text is no file.
void write(const fs::path& path, const std::string& text) {
  if (text.empty()) return;
  std::ofstream out(path, std::ios::binary);
  out << text;
  out.close();
  struct stat place {};
  if (!out || ::stat(path.parent_path().c_str(), &place) != 0 ||
      ::chown(path.c_str(), place.st_uid, place.st_gid) != 0)
    throw std::runtime_error(path.string() + ": cannot be written");
}

void say(const Problems& problems) {
  for (const auto& problem : problems) std::cerr << to_text(problem) << "\n";
}

void convert_folder(const fs::path& folder, const std::string& identity) {
  const auto uids = read(folder / "courierimapuiddb");
  const auto pop3 = read(folder / "courierpop3dsizelist");
  const auto list = read(folder / "courierimapkeywords/:list").value_or("");
  CourierFolder courier;
  if (uids) courier.uids = *uids;
  if (pop3) courier.pop3 = *pop3;
  courier.keyword_list = list;
  courier.identity = identity;
  if (fs::is_directory(folder / "courierimapkeywords"))
    for (const auto& entry : fs::directory_iterator(folder / "courierimapkeywords"))
      if (entry.path().filename() != ":list")
        courier.keyword_updates[entry.path().filename()] = read(entry.path()).value();
  for (const auto* part : {"new", "cur"})
    for (const auto& entry : fs::directory_iterator(folder / part))
      courier.names.push_back(entry.path().filename());
  const auto out = convert_courier_folder(courier);
  say(out.left_out);
  for (const auto* part : {"new", "cur"})
    for (const auto& [before, after] : out.renames)
      if (fs::exists(folder / part / before))
        fs::rename(folder / part / before, folder / part / after);
  write(folder / "dovecot-uidlist", out.uidlist);
  write(folder / "dovecot-keywords", dovecot_keywords_text(out.letters));
}

void convert(const fs::path& maildir, const std::string& identity) {
  convert_folder(maildir, identity);
  std::vector<std::string> folders;
  for (const auto& entry : fs::directory_iterator(maildir))
    if (entry.path().filename().string().starts_with('.') &&
        fs::is_directory(entry / fs::path("cur")))
      folders.push_back(entry.path().filename());
  for (const auto& name : folders) {
    const auto converted = dovecot_folder_name(name.substr(1));
    if (!converted) throw std::runtime_error(converted.error().message);
    const auto path = maildir / std::string(".").append(*converted);
    if (path != maildir / name) fs::rename(maildir / name, path);
    convert_folder(path, identity + "/" + *converted);
  }
  const auto subscribed =
      convert_courier_subscriptions(read(maildir / "courierimapsubscribed").value_or(""));
  say(subscribed.left_out);
  write(maildir / "subscriptions", dovecot_subscriptions_text(subscribed.folders));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: convert_maildir MAILDIR IDENTITY\n";
    return 2;
  }
  try {
    convert(argv[1], argv[2]);
  } catch (const std::exception& error) {
    std::cerr << error.what() << "\n";
    return 1;
  }
  return 0;
}
