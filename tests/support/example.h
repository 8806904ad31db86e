/// \file
/// One small domain that has each kind of thing, as a document and as mail on a server.
#pragma once

#include <string>

#include "support/sandbox.h"

namespace vstate::test {

/// The document without archives; `example_with_mail` has them.
[[nodiscard]] std::string example_document();

/// Builds the example on a server of its own, with mail, dumps it into `archive_root`, and returns
/// the document that names the archives.
[[nodiscard]] std::string example_with_mail(const std::string& archive_root);

}  // namespace vstate::test
