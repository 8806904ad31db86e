// A dump adds to what it wrote before: the archive stays, and increments say what came, what was
// renamed and what is gone. Whoever reads mail shall not know of that. So the later files are
// looked at first, for what they take away from the earlier ones, and then all of them are read in
// one go as if they were one archive.

#include "archive/chain.h"

#include <algorithm>

#include <fmt/format.h>

#include "archive/change_lines.h"
#include "archive/hard_links.h"
#include "archive/tar_writer.h"
#include "maildir/memory.h"
#include "maildir/names.h"

namespace vstate::mail {

Result<Chain> Chain::open(const ArchiveFiles& files, ExtractLimits limits, Digests digests,
                          const MailMemory* memory) {
  // A few bytes can be packed to stand for a terabyte: more than was announced is not even
  // unpacked.
  if (files.announced()) limits.max_bytes = std::min(limits.max_bytes, *files.announced());
  Chain chain(files, limits, digests == Digests::all, memory);
  VSTATE_TRY_ASSIGN(chain.identity_, archive_identity(files));
  // The first archive changes nothing before it. Where it was left out, the first file is an
  // increment as well, and its changes concern what came long ago.
  if (!files.continues()) chain.changes_.resize(1);
  for (const auto& path : files.paths())
    if (files.continues() || &path != &files.paths().front()) VSTATE_TRY(chain.look_ahead(path));
  chain.hard_links_.resize(files.paths().size());
  VSTATE_TRY(chain.open_next());
  return chain;
}

/// What an increment changes in the archives before it has to be known before those are read. Only
/// its names and its list of changes are: contents are skipped.
Status Chain::look_ahead(const std::string& path) {
  VSTATE_TRY_ASSIGN(auto reader, Reader::open(path, limits_));
  Changes changes;
  while (true) {
    VSTATE_TRY_ASSIGN(const bool is_there, reader.next());
    if (!is_there) break;
    const auto& entry = reader.entry();
    // A message in an increment is a new one, and a directory can be named twice without harm; only
    // other files replace their older selves.
    if (entry.is_message || entry.kind == EntryKind::directory) continue;
    if (entry.path != k_changes_name) {
      changes.dropped.insert(key_of_file(entry.path));
      continue;
    }
    if (entry.size > k_most_changes)
      return fail(Errc::invalid,
                  fmt::format("{}: more than {} bytes of changes", path, k_most_changes));
    std::string text;
    VSTATE_TRY(reader.read([&](std::string_view part) -> Status {
      text.append(part);
      return {};
    }));
    VSTATE_TRY(for_each_change(text, path, [&](const ChangeLine& line) -> Status {
      // The messages that these lines speak of are in no file that is read here, so they are told
      // to the reader at the end.
      if (files_.continues()) earlier_.insert_or_assign(line.key, line.path);
      if (line.path.empty())
        changes.dropped.insert(line.key);
      else
        changes.renamed.insert_or_assign(line.key, line.path);
      return {};
    }));
  }
  changes_.push_back(std::move(changes));
  return {};
}

/// A message that this increment drops may come again in it, and then is the first of its name.
Status Chain::open_next() {
  VSTATE_TRY_ASSIGN(auto reader, Reader::open(files_.paths()[at_], limits_));
  // Gathering them takes two passes over the archive; a second reader of it gets what the first one
  // found.
  if (hard_links_[at_]) reader.adopt(hard_links_[at_]);
  reader_.emplace(std::move(reader));
  is_read_ = true;
  for (const auto& key : changes_[at_].dropped) {
    keys_.forget(key);
    dropped_.insert(key);
  }
  return {};
}

/// An increment may rename what an earlier one brought, so the later ones are asked in their order.
bool Chain::takes(ReadEntry& entry) {
  // In the first archive of a chain this name is a file like any other, since only increments have
  // such a list.
  if ((at_ > 0 || files_.continues()) && entry.path == k_changes_name) return false;
  auto key = key_of_file(entry.path);
  if (entry.is_message) {
    // The writer knew it under this key, and had forgotten those that were gone by then.
    const auto message = *as_message(entry.path);
    key = keys_.of(message);
    const bool is_known = memory_ != nullptr && memory_->find(key) != nullptr;
    if (entry.is_scoped || (is_known && !dropped_.contains(key)))
      key = key_in_folder(message.folder, message.unique);
  }
  for (auto later = at_ + 1; later < changes_.size(); ++later) {
    if (changes_[later].dropped.contains(key)) return false;
    const auto renamed = changes_[later].renamed.find(key);
    if (renamed != changes_[later].renamed.end()) entry.path = renamed->second;
  }
  // It was gone and is here again, so what was said of its older self no longer holds.
  earlier_.erase(key);
  return true;
}

Result<bool> Chain::next() {
  while (true) {
    if (!reader_) {
      if (at_ == files_.paths().size()) return false;
      VSTATE_TRY(open_next());
    }
    // Whoever reads the archive may skip contents, its digest may not.
    if (wants_digests_ && !is_read_)
      VSTATE_TRY(read([](std::string_view) -> Status { return {}; }));
    VSTATE_TRY_ASSIGN(const bool is_there, reader_->next());
    if (!is_there) {
      // Each file of the chain has a digest of its own, by which the domain file names it.
      digests_.push_back(digest_.finish());
      hard_links_[at_] = reader_->hard_links();
      reader_.reset();
      ++at_;
      continue;
    }
    entry_ = reader_->entry();
    // Who reads all of the chain sees each message of a name.
    entry_.is_scoped = files_.continues() && entry_.is_message && entry_.stamp == k_scoped_stamp;
    is_read_ = entry_.kind != EntryKind::regular;
    if (wants_digests_) digest_.begin(entry_);
    // Most archives have no increments, and their keys need not be made.
    const bool is_alone = files_.paths().size() == 1 && !files_.continues();
    if (!is_alone && !takes(entry_)) continue;
    entry_.number = number_++;
    return true;
  }
}

Status Chain::read(const Sink& sink) {
  is_read_ = true;
  if (!wants_digests_) return reader_->read(sink);
  return reader_->read([&](std::string_view part) -> Status {
    digest_.bytes(part);
    return sink(part);
  });
}

}  // namespace vstate::mail
