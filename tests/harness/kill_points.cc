/// \file
/// Stops a program, or disturbs a system call of it, at the Nth call that matters.
///
///     kill_points [OPTION…] -- PROGRAM ARGUMENT…
///       --changes        what changes something counts: writes, renames, new files, modes, syncs
///       --reads          what looks at something counts: opens, reads, listings, stats, links
///       --locks          fcntl locks, and giving them up
///       --opens          of those only what needs a descriptor of its own
///       --below DIR      counts what is done below DIR (repeatable); needed for all but --pipes
///                        and --sockets
///       --not-below DIR  … but not what is done below this one
///       --pipes          writes into standard output or another pipe count too
///       --sockets        what is sent into a socket counts too
///       --kill N         SIGKILL for the process that is about to make the Nth call
///       --fail N ERRNO   the Nth call does not happen and answers with this number
///       --short N        the Nth call, which must move bytes, moves half of them
///       --report FILE    "points N", then "at N CALL PATH" for what was hit; --list: for each
///       --seconds N      everything is killed after so long (60)
///
/// It follows threads and children, and ends with the program's status; 128 + the signal's number
/// where a signal ended it, 124 after the time, 125 if it cannot work here.

#include <fcntl.h>
#include <sys/syscall.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "harness/machine.h"
#include "harness/tracing.h"

namespace {

struct Options {
  bool changes = false, reads = false, opens = false, locks = false;
  bool pipes = false, sockets = false, list = false;
  std::vector<std::string> below, not_below;
  long kill_at = 0, fail_at = 0, short_at = 0, seconds = 60;
  int failure = 0;
  std::string report;
  std::vector<char*> program;
};

bool set_flag(Options& options, std::string_view word) {
  if (word == "--changes")
    options.changes = true;
  else if (word == "--reads")
    options.reads = options.opens = true;
  else if (word == "--opens")
    options.opens = true;
  else if (word == "--locks")
    options.locks = true;
  else if (word == "--pipes")
    options.pipes = true;
  else if (word == "--sockets")
    options.sockets = true;
  else if (word == "--list")
    options.list = true;
  else
    return false;
  return true;
}

Options parse(int count, char** words) {
  Options options;
  int at = 1;
  const auto next = [&]() -> char* {
    if (++at >= count) die(k_cannot, std::string(words[at - 1]) + " needs a value");
    return words[at];
  };
  for (; at < count && std::string_view(words[at]) != "--"; ++at) {
    const std::string_view word = words[at];
    if (set_flag(options, word)) continue;
    if (word == "--below")
      options.below.push_back(real_path(next()));
    else if (word == "--not-below")
      options.not_below.push_back(real_path(next()));
    else if (word == "--kill")
      options.kill_at = std::atol(next());
    else if (word == "--short")
      options.short_at = std::atol(next());
    else if (word == "--report")
      options.report = next();
    else if (word == "--seconds")
      options.seconds = std::atol(next());
    else if (word == "--fail") {
      options.fail_at = std::atol(next());
      options.failure = std::atoi(next());
    } else
      die(k_cannot, "unknown option " + std::string(word));
  }
  for (++at; at < count; ++at) options.program.push_back(words[at]);
  if (options.program.empty()) die(k_cannot, "no program");
  options.program.push_back(nullptr);
  return options;
}

/// The argument that says how many bytes a call moves at most; 0 for one that moves none. Vectors
/// and messages are left as they are.
int size_argument(long call) {
  switch (call) {
    case SYS_read:
    case SYS_pread64:
    case SYS_write:
    case SYS_pwrite64:
    case SYS_sendto:
      return 2;
    case SYS_sendfile:
      return 3;
    case SYS_copy_file_range:
    case SYS_splice:
      return 4;
    default:
      return 0;
  }
}

void make_short(const Stop& stop) {
  const auto argument = size_argument(stop.number);
  if (argument == 0) return;
  const auto size = stop.arguments.at(static_cast<std::size_t>(argument));
  if (size > 1) set_argument(stop.thread, argument, size / 2);
}

class Disturbance : public Tracing {
 public:
  Disturbance(const Options& options, const Calls& calls) : options_(options), calls_(calls) {}
  void write_report() const;

 protected:
  bool on_call(const Stop&) override;

 private:
  [[nodiscard]] bool counts(const Stop&, const Call&, const std::string& place) const;
  void hit(const Stop&, const Call&, const std::string& place);

  const Options& options_;
  const Calls& calls_;
  long points_ = 0;
  std::string lines_;
};

bool Disturbance::counts(const Stop& stop, const Call& call, const std::string& place) const {
  auto kind = call.kind;
  if (kind == Kind::open && (open_flags(stop) & (O_CREAT | O_TRUNC)) != 0 && options_.changes)
    kind = Kind::change;
  if (place.compare(0, 8, "socket:[") == 0)
    return options_.sockets && (kind == Kind::change || kind == Kind::send);
  if (kind == Kind::send) return false;
  if (kind == Kind::change && !options_.changes) return false;
  if (kind == Kind::read && !options_.reads) return false;
  if (kind == Kind::open && !options_.opens) return false;
  if (kind == Kind::lock) {
    const auto command = static_cast<int>(stop.arguments[1]);
    if (!options_.locks || (command != F_SETLK && command != F_SETLKW)) return false;
  }
  if (call.names == Names::nothing) return true;
  if (place.compare(0, 5, "pipe:") == 0)
    return options_.pipes && kind == Kind::change && static_cast<int>(stop.arguments[0]) != 2;
  return is_below(place, options_.below) && !is_below(place, options_.not_below);
}

void Disturbance::hit(const Stop& stop, const Call& call, const std::string& place) {
  ++points_;
  const bool is_it =
      points_ == options_.kill_at || points_ == options_.fail_at || points_ == options_.short_at;
  if (is_it || options_.list)
    lines_ += "at " + std::to_string(points_) + " " + call.name + " " + place + "\n";
  if (points_ == options_.fail_at) make_fail(stop.thread, options_.failure);
  if (points_ == options_.short_at) make_short(stop);
  if (points_ != options_.kill_at) return;
  write_report();
  std::ifstream status("/proc/" + std::to_string(stop.thread) + "/status");
  for (std::string word; status >> word;) {
    if (word != "Tgid:") continue;
    pid_t process = 0;
    if (status >> process) kill(process, SIGKILL);
    return;
  }
}

bool Disturbance::on_call(const Stop& stop) {
  const auto [begin, end] = calls_.equal_range(stop.number);
  for (auto found = begin; found != end; ++found) {
    const auto place = place_of(stop, found->second);
    if (!counts(stop, found->second, place)) continue;
    hit(stop, found->second, place);
    break;
  }
  return false;
}

void Disturbance::write_report() const {
  if (options_.report.empty()) return;
  std::ofstream(options_.report) << "points " << points_ << "\n" << lines_;
}

}  // namespace

int main(int count, char** words) {
  auto options = parse(count, words);
  const auto calls = make_calls();
  Disturbance disturbance(options, calls);
  const auto ended = disturbance.run(options.program.data(), calls, options.seconds);
  disturbance.write_report();
  return ended;
}
