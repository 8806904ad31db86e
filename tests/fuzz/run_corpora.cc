/// \file
/// run_corpora DIRECTORY [TARGET...]
/// Gives each target every file of DIRECTORY/TARGET. A target without a corpus, a corpus without a
/// target, and an input that takes long fail as a broken claim does; the last line that is printed
/// names the input.

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <vector>

#include <fmt/format.h>

#include "fuzz.h"

namespace vstate::fuzz {
namespace {

namespace fs = std::filesystem;

constexpr unsigned k_seconds = 20;
std::array<char, 4096> under_way{};  ///< what a signal handler can print

void on_end(int signal) {
  // Nothing but write(2) may be called here.
  (void)!::write(STDERR_FILENO, under_way.data(), std::strlen(under_way.data()));
  constexpr std::string_view late = "took too long\n";
  if (signal == SIGALRM) (void)!::write(STDERR_FILENO, late.data(), late.size());
  (void)std::signal(signal, SIG_DFL);
  (void)std::raise(signal);
}

void announce(const std::string& path) {
  const auto text = fmt::format("the input is {}\n", path).substr(0, under_way.size() - 1);
  std::copy(text.begin(), text.end(), under_way.begin());
  under_way[text.size()] = '\0';
}

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Returns how many inputs there are.
std::size_t run(const fs::path& corpus, Target target) {
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(corpus)) paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  for (const auto& path : paths) {
    announce(path.string());
    const auto bytes = read(path);
    alarm(k_seconds);
    target(bytes);
    alarm(0);
  }
  return paths.size();
}

int run_all(const fs::path& directory, const std::set<std::string>& wanted) {
  int status = 0;
  std::size_t inputs = 0;
  for (const auto& [name, target] : targets()) {
    if (!wanted.empty() && !wanted.contains(std::string(name))) continue;
    const auto corpus = directory / name;
    const auto count = fs::is_directory(corpus) ? run(corpus, target) : 0;
    if (count == 0) {
      fmt::print(stderr, "{}: has no corpus\n", name);
      status = 1;
    }
    inputs += count;
  }
  for (const auto& entry : fs::directory_iterator(directory))
    if (!targets().contains(entry.path().filename().string())) {
      fmt::print(stderr, "{}: is of no target\n", entry.path().string());
      status = 1;
    }
  fmt::print("{} targets, {} inputs\n", targets().size(), inputs);
  return status;
}

}  // namespace
}  // namespace vstate::fuzz

int main(int argc, char** argv) {
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM})
    (void)std::signal(signal, vstate::fuzz::on_end);
  if (argc < 2) return 2;
  return vstate::fuzz::run_all(argv[1], std::set<std::string>(argv + 2, argv + argc));
}
