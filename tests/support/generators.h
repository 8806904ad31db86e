/// \file
/// Values of the State as RapidCheck makes them: with what formats and templates make hard, and
/// only such as a file may say and a server may hold.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <rapidcheck.h>

#include "vstate/model/state.h"

namespace vstate::test {

/// Quotes, braces, controls, UTF-8, and bytes that are none.
[[nodiscard]] rc::Gen<std::string> any_text();
/// What an inspection would make of literal text.
[[nodiscard]] std::string as_template(const std::string& literal);
[[nodiscard]] std::string without(std::string text, std::string_view refused);

// To be called in a property.

/// A template of what inspection takes for text, with paths of the server in it.
[[nodiscard]] std::string any_text_template();
[[nodiscard]] DeliveryLines any_lines();
/// A name with a dot, a dash, or a brace, of which no two are in each other's way.
[[nodiscard]] AliasName any_alias_name();
[[nodiscard]] Mailbox any_mailbox();
[[nodiscard]] Alias any_alias();
[[nodiscard]] Autoresponder any_robot();
[[nodiscard]] List any_list();
[[nodiscard]] File any_file();
[[nodiscard]] Limits any_limits();

}  // namespace vstate::test
