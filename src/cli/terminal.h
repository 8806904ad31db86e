/// \file
/// What the terminal can show, as the environment and the kernel tell it.
#pragma once

#include <cstddef>
#include <cstdio>
#include <string_view>

namespace vstate::cli {

[[nodiscard]] bool is_terminal(std::FILE* stream);
/// Columns of the stream's terminal: COLUMNS if that is set, else what the terminal says, else
/// 80; 0 if the stream is none.
[[nodiscard]] std::size_t terminal_width(std::FILE* stream);
/// `asked` is what --color says; then NO_COLOR counts, then CLICOLOR_FORCE, then whether the stream
/// is a terminal.
[[nodiscard]] bool wants_color(std::FILE* stream, std::string_view asked);
/// Whether the locale can show more than ASCII.
[[nodiscard]] bool has_unicode_locale();

}  // namespace vstate::cli
