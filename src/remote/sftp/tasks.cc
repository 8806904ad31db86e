// The next pass over a domain asks what the one before it asked, but for little. Written down, that
// is a list of questions, of which each can be asked without the answer to another.

#include "remote/sftp/tasks.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "vstate/base/text.h"

namespace vstate::remote {

namespace {

/// Of one task; who has more than that waits a little longer.
constexpr std::size_t k_most = 100'000;
constexpr std::string_view k_task = "task ";
constexpr std::array<std::pair<std::string_view, std::set<std::string> Asked::*>, 5> k_kinds{{
    {"name ", &Asked::names},
    {"link ", &Asked::links},
    {"list ", &Asked::directories},
    {"read ", &Asked::files},
    {"walk ", &Asked::walked},
}};

void write_line(std::string& out, std::string_view kind, const std::string& place) {
  if (place.find('\n') == std::string::npos) out += fmt::format("{}{}\n", kind, place);
}

}  // namespace

Asked Tasks::begin(const std::string& task) {
  const std::lock_guard lock(book_->mutex);
  auto& asked = book_->tasks[task];
  task_ = task;
  is_begun_ = true;
  has_walked_ = false;
  auto before = std::exchange(asked, {});
  asked.walked = before.walked;
  return before;
}

void Tasks::end() {
  const std::lock_guard lock(book_->mutex);
  is_begun_ = false;
}

void Tasks::add(std::set<std::string> Asked::*kind, const std::string& place) {
  const std::lock_guard lock(book_->mutex);
  if (!is_begun_) return;
  auto& places = book_->tasks[task_].*kind;
  if (places.size() < k_most) places.insert(place);
}

void Tasks::add_walked(const std::string& place) {
  const std::lock_guard lock(book_->mutex);
  if (task_.empty() || is_begun_) return;
  auto& walked = book_->tasks[task_].walked;
  // Walks that go again take the place of those before.
  if (!std::exchange(has_walked_, true)) walked.clear();
  if (walked.size() < k_most) walked.insert(place);
}

std::string Tasks::to_text() const {
  const std::lock_guard lock(book_->mutex);
  std::string out;
  for (const auto& [task, asked] : book_->tasks) {
    write_line(out, k_task, task);
    for (const auto& [kind, places] : k_kinds)
      for (const auto& place : asked.*places) write_line(out, kind, place);
  }
  return out;
}

void Tasks::read(std::string_view text) {
  const std::lock_guard lock(book_->mutex);
  Asked* asked = nullptr;
  for (const auto line : split_lines(text)) {
    // All kinds are as long as each other.
    const auto rest = line.substr(std::min(line.size(), k_task.size()));
    if (line.starts_with(k_task)) asked = &book_->tasks[std::string(rest)];
    if (asked == nullptr || !rest.starts_with('/')) continue;
    for (const auto& [kind, places] : k_kinds)
      if (line.starts_with(kind) && (asked->*places).size() < k_most)
        (asked->*places).emplace(rest);
  }
}

}  // namespace vstate::remote
