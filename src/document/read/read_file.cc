// The [[file]] entries: files, links and directories below the domain's directory that no other
// part of the file describes. Each has exactly one kind of content; one that has two is an error
// and not a choice of this reader's.

#include <fmt/format.h>

#include "document/read/read_parts.h"
#include "document/references.h"
#include "format/legible.h"
#include "vstate/base/text.h"
#include "vstate/model/template.h"

namespace vstate::document {

namespace {

/// Whether a content is text does not depend on how it is spelt: what is on a server must be found
/// to be what the file says.
void settle_kind(File& file) {
  if (file.kind == File::Kind::bytes && looks_like_text(file.content)) {
    file.kind = File::Kind::text;
    file.content = pathless_template(file.content);
  } else if (file.kind == File::Kind::text) {
    auto literal = expand_pathless(file.content);
    if (!literal || looks_like_text(*literal)) return;
    file.kind = File::Kind::bytes;
    file.content = *std::move(literal);
  }
}

void read_file(Table& table, State& state, Places& places) {
  if (!table.require("path")) return;
  const auto path = table.text("path").value_or("");
  if (const auto problem = path_problem(path); !problem.empty()) {
    table.error("path", fmt::format("\"{}\" {}", path, problem));
    return;
  }
  File file;
  int kinds = 0;
  for (const std::string_view key : {"text", "base64", "link", "directory"})
    kinds += table.has(key) ? 1 : 0;
  if (kinds != 1)
    table.error_at(table.place(), fmt::format("file \"{}\": exactly one of text, base64, link, and "
                                              "directory is wanted",
                                              path));
  if (auto text = table.text("text")) file.content = std::move(*text);
  if (const auto encoded = table.string("base64")) {
    const auto bytes = base64_decode(*encoded);
    if (!bytes) table.error("base64", "is not base64");
    file.kind = File::Kind::bytes;
    file.content = bytes.value_or("");
  }
  if (auto link = table.text("link")) {
    file.kind = File::Kind::link;
    file.content = std::move(*link);
  }
  if (table.has("directory")) {
    file.kind = File::Kind::directory;
    // A directory needs the right to be entered, which the usual mode of a file lacks.
    file.mode = 0700;
    if (table.boolean("directory") == false) table.error("directory", "can only be true");
  }
  if (const auto mode = table.string("mode")) {
    const bool is_octal = mode->size() == 4 && mode->front() == '0' &&
                          mode->find_first_not_of("01234567") == std::string::npos;
    if (is_octal)
      // The digits were counted, so that stoul cannot throw.
      file.mode = static_cast<unsigned>(std::stoul(*mode, nullptr, 8));
    else
      table.error("mode", fmt::format("\"{}\" is not four octal digits that begin with 0", *mode));
  }
  settle_kind(file);
  // What is found wrong later, by comparing entries, is told with this place.
  places["file." + path] = table.place("path");
  if (!state.files.emplace(path, std::move(file)).second)
    table.error("path", fmt::format("\"{}\" is described twice", path));
}

}  // namespace

void read_files(Table& top, State& state, Places& places) {
  const auto* node = top.node().get("file");
  if (node == nullptr) return;
  const auto* files = node->as_array();
  // [file] with single brackets is the likely mistake.
  if (files == nullptr) {
    top.error("file", "is not an array of tables", "write [[file]]");
    return;
  }
  for (const auto& item : *files) {
    if (const auto* table = item.as_table()) {
      auto file = top.open(*table, "file", k_file_keys);
      read_file(file, state, places);
    } else {
      top.error("file", "is not an array of tables", "write [[file]]");
    }
  }
}

}  // namespace vstate::document
